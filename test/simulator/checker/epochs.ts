import { showPosition } from '../../../shared/position.ts';
import type { AssignedTo, HistoryEvent } from '../history.ts';
import { areLeasesVoid, type Facts } from './facts.ts';

/** In one epoch one replica appends: the one that the directory chose. */
export function* I5(facts: Facts): Generator<string> {
  const leaders = new Map<number, string>(facts.of('failover').map(({ epoch, leader }) => [epoch, leader]));
  for (const { replica, position } of facts.of('append')) {
    const leader = leaders.get(position.epoch) ?? replica;
    leaders.set(position.epoch, leader);
    if (leader !== replica)
      yield `${replica} appended ${showPosition(position)}, and ${leader} leads that epoch`;
  }
}

/** No replica takes anything from the leader of an epoch below the greatest that it durably knows of, nor appends in one. */
export function* I6(facts: Facts): Generator<string> {
  const least = new Map<string, number>();
  for (const event of facts.history) {
    switch (event.event) {
      case 'assigned':
      case 'fence':
        least.set(event.replica, Math.max(event.epoch, least.get(event.replica) ?? 0));
        break;
      case 'erased':
        least.delete(event.replica);
        break;
      case 'append':
      case 'apply': {
        const { replica, position } = event;
        const epoch = event.event === 'append' ? position.epoch : event.by;
        const known = least.get(replica) ?? 0;
        if (epoch < known)
          yield `${replica} took ${showPosition(position)} from epoch ${epoch}, and knows of epoch ${known}`;
        break;
      }
      default:
    }
  }
}

/** What each replica was told last, and the newest epoch that the directory has begun. */
interface Led {
  readonly epoch: number;
  readonly assigned: AssignedTo | null;
}

/** The answers of those that lead, or believe so. */
function* ledAnswers(facts: Facts): Generator<readonly [event: HistoryEvent & { event: 'ack' }, led: Led]> {
  const assigned = new Map<string, AssignedTo>();
  let epoch = 0;
  for (const event of facts.history) {
    if (event.event === 'assigned') assigned.set(event.replica, event);
    if (event.event === 'failover') epoch = event.epoch;
    if (event.event !== 'ack') continue;
    const its = assigned.get(event.replica) ?? null;
    if (its !== null && its.leader === its.replica) yield [event, { epoch, assigned: its }];
  }
}

/** No write is acknowledged by the leader of an epoch after another epoch began. */
export function* F1(facts: Facts): Generator<string> {
  if (areLeasesVoid(facts)) return;
  for (const [{ replica, op, durability }, { epoch, assigned }] of ledAnswers(facts))
    if (durability !== null && assigned !== null && assigned.epoch < epoch)
      yield `${replica} acknowledged operation ${op} as the leader of epoch ${assigned.epoch}, and epoch ${epoch} had begun`;
}

/** Nor is a read answered by it. */
export function* F4(facts: Facts): Generator<string> {
  if (areLeasesVoid(facts)) return;
  for (const [{ replica, op, durability }, { epoch, assigned }] of ledAnswers(facts))
    if (durability === null && assigned !== null && assigned.epoch < epoch)
      yield `${replica} answered read ${op} as the leader of epoch ${assigned.epoch}, and epoch ${epoch} had begun`;
}

/** The epoch is durable at the directory, and the new leader has all that came before, before its first entry and its first answer. */
export function* F3(facts: Facts): Generator<string> {
  const begun = new Map<number, number>();
  const first = Math.min(...facts.of('failover').map(({ epoch }) => epoch)) - 1;
  for (const event of facts.history) {
    if (event.event === 'failover') begun.set(event.epoch, event.after.lsn);
    if (event.event !== 'append' && event.event !== 'ack') continue;
    const { epoch, lsn } = event.position;
    if (epoch <= first || !Number.isFinite(first)) continue;
    const after = begun.get(epoch);
    if (after === undefined)
      yield `${event.replica} was at ${showPosition(event.position)}, and the directory had not begun that epoch`;
    else if (lsn <= after)
      yield `${event.replica} was at ${showPosition(event.position)}, and the epoch begins after ${after}`;
  }
}

/**
 * A replica that was told of an epoch goes back to where it began before it serves anything: what it answers is on that
 * epoch's chain.
 */
export function* F5(facts: Facts): Generator<string> {
  const epochs = new Map<string, number>();
  for (const event of facts.history) {
    if (event.event === 'assigned') epochs.set(event.replica, event.epoch);
    if (event.event !== 'ack') continue;
    const epoch = epochs.get(event.replica);
    if (epoch !== undefined && !facts.branches.isOn(epoch, event.position))
      yield `${event.replica}, in epoch ${epoch}, answered operation ${event.op} at ${showPosition(event.position)}, which was cut off`;
  }
}

/** A planned failover loses nothing, whatever the durability: the new epoch goes on after the last entry of the one before. */
export function* F7(facts: Facts): Generator<string> {
  for (const { epoch, mode, after } of facts.of('failover')) {
    if (mode !== 'planned') continue;
    for (const { position, op } of facts.made)
      if (position.epoch < epoch && facts.branches.isOn(epoch - 1, position) && position.lsn > after.lsn)
        yield `the planned failover to epoch ${epoch} began after ${showPosition(after)}, and lost ${showPosition(position)} of operation ${op}`;
  }
}
