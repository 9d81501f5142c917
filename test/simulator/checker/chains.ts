import type { HistoryEvent, Info } from '../history.ts';
import {
  entriesOn,
  type Facts,
  hasSucceeded,
  once,
  type Operation,
  type Predicate,
  type Succeeded,
} from './facts.ts';

/**
 * The history as it is on each chain that somebody was shown something of: on the newest, and on each that a failover cut
 * off where an operation ended ok beyond the cut. What was shown there was shown; it must have been right where it was.
 *
 * On a chain are the operations that ended ok at one of its positions. A write that ended ok elsewhere may have happened here too, as
 * its entry was cut off and it was tried again: here it is one of unknown outcome. A read elsewhere says nothing of here, and what ended after
 * the cut at a position before it belongs to the chain that went on. Between operations on different branches no order is asked for; the
 * sessions that saw both were told so (T8).
 */
const chainsOf = once((facts: Facts): readonly Facts[] => {
  const { branches } = facts;
  if (branches.newest === 0) return [facts];
  const shown = new Set([branches.newest]);
  for (const { end } of facts.operations.values())
    if (end?.event === 'ok' && !branches.isKept(end.position)) shown.add(end.position.epoch);
  return [...shown].map((epoch) => chain(facts, epoch));
});

function chain(facts: Facts, epoch: number): Facts {
  const { branches } = facts;
  const operations = new Map<number, Operation>();
  const elsewhere = new Set<number>();
  const cutAt = placeOfCut(facts, epoch);
  for (const [op, operation] of facts.operations) {
    if (!hasSucceeded(operation) || isHere(operation)) {
      operations.set(op, operation);
      continue;
    }
    elsewhere.add(op);
    const { t, token } = operation.end;
    const end: Info & { readonly t: number } = { t, event: 'info', op, token };
    if (operation.invoke.does.kind === 'write') operations.set(op, { ...operation, end });
  }
  const isOfHere = (event: HistoryEvent) => event.event !== 'ok' || !elsewhere.has(event.op);
  return {
    ...facts,
    operations,
    history: facts.history.filter(isOfHere),
    entries: entriesOn(branches, epoch, facts.made),
  };

  function isHere({ end: { position }, endedAt }: Succeeded): boolean {
    return branches.isOn(epoch, position) && (endedAt < cutAt || !branches.isKept(position));
  }
}

/** Where in the history a failover began another chain; Infinity for the newest. */
function placeOfCut({ history, branches }: Facts, epoch: number): number {
  if (epoch === branches.newest) return Infinity;
  return history.findIndex((event) => event.event === 'failover' && event.epoch > epoch);
}

/** The predicate, asked of each chain. What is said of a part that two of them share is said once. */
export function onEachChain(predicate: Predicate): Predicate {
  return (facts) => new Set(chainsOf(facts).flatMap((one) => [...predicate(one)]));
}
