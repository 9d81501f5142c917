import { showPosition } from '../../../shared/position.ts';
import type { Facts } from './facts.ts';

/** Replicas at one position have one digest. */
export function* S1(facts: Facts): Generator<string> {
  const known = new Map<string, { readonly sha256: string; readonly replica: string }>();
  for (const event of facts.history) {
    if (event.event !== 'digest' && event.event !== 'final') continue;
    const { replica, sha256 } = event;
    const position = showPosition(event.position);
    const other = known.get(position) ?? { sha256, replica };
    if (other.sha256 !== sha256) yield `at ${position}, ${replica} differs from ${other.replica}`;
    known.set(position, other);
  }
}

/** A follower changes only by apply: while it stands at one position, its digest stays. */
export function* S5(facts: Facts): Generator<string> {
  const known = new Map<string, string>();
  for (const event of facts.history) {
    if (event.event !== 'digest' && event.event !== 'final') continue;
    const place = `${event.replica} at ${showPosition(event.position)}`;
    if ((known.get(place) ?? event.sha256) !== event.sha256) yield `${place} changed without an entry`;
    known.set(place, event.sha256);
  }
}

/** quick_check and foreign_key_check are clean at rest. */
export function* S6(facts: Facts): Generator<string> {
  for (const { replica, quick_check, foreign_keys_broken } of facts.finals) {
    if (quick_check !== 'ok') yield `quick_check of ${replica}: ${quick_check}`;
    if (foreign_keys_broken > 0) yield `${replica} has ${foreign_keys_broken} rows whose parent is missing`;
  }
}

/** When faults stop: equal replicas, no pending request, nothing left to do, and reads are answered. */
export function* F6(facts: Facts): Generator<string> {
  const [first] = facts.finals;
  for (const { replica, position, sha256 } of facts.finals) {
    if (first === undefined || replica === first.replica) continue;
    if (showPosition(position) !== showPosition(first.position)) {
      yield `${replica} came to rest at ${showPosition(position)}, ${first.replica} at ${showPosition(first.position)}`;
    } else if (sha256 !== first.sha256) yield `${replica} came to rest unlike ${first.replica}`;
  }
  const stop = facts.history.find(({ event }) => event === 'faults-stop');
  if (stop === undefined) yield 'faults never stopped';
  for (const { invoke, end } of facts.operations.values()) {
    if (end === null) yield `operation ${invoke.op} never ended`;
    else if (stop !== undefined && invoke.place > stop.place && end.event !== 'ok') {
      yield `operation ${invoke.op} ended in ${end.event} without a fault`;
    }
  }
  const rest = facts.history.find((event) => event.event === 'rest');
  if (rest === undefined) yield 'the world never came to rest';
  else if (rest.planned > 0) yield `${rest.planned} events were still planned long after the last request`;
}
