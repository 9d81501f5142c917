import { RETRY_MS_MAX, SEND_CHECK_MS } from '../limits.ts';
import type { DirectoryEffect } from './events.ts';
import { assignmentsOf } from './record.ts';
import type { Made } from './store.ts';

// What is left to tell, and whom.

/** Whether the alarm is needed: something is to be told or asked until it is confirmed. */
export function isOutstanding(made: Made): boolean {
  const { unassigned, unerased, failovers } = made;
  return unassigned.length + unerased.length + failovers.length > 0 || isCountedTwice(made);
}

/**
 * A leader is asked again whether what it had is settled only while somebody who left waits for that, or while a failover would have
 * to hear more replicas for want of it.
 */
export function toTell(made: Made): readonly string[] {
  const { kind, unassigned, unsettled, unerased } = made;
  const asksAgain = kind === 'ready' && (unerased.length > 0 || isCountedTwice(made));
  return asksAgain ? [...new Set([...unassigned, ...unsettled])] : unassigned;
}

function isCountedTwice({ counted }: Made): boolean {
  return counted.some((sets) => sets.length > 1);
}

/** Who left is not erased while its leader may still need the copies that it has. */
function erases({ kind, unsettled, unerased }: Made): DirectoryEffect[] {
  return kind === 'ready' && unsettled.length > 0
    ? []
    : unerased.map((replica) => ({ kind: 'erase', replica }));
}

export function outstanding(made: Made): DirectoryEffect[] {
  return [...tell(made, toTell(made)), ...erases(made)];
}

/** What these are to be, whether or not they confirmed it. */
export function tell(made: Made, names: readonly string[]): DirectoryEffect[] {
  const assigns = assignmentsOf(made.record).filter(({ self }) => names.includes(self.name));
  return assigns.map((assignment) => ({ kind: 'assign', assignment }));
}

/** Those who can go now, and could not before. */
export function erasable(before: Made, after: Made): DirectoryEffect[] {
  return before.unsettled.length > 0 ? erases(after) : [];
}

export function wakeAt({ attempts }: Made, now: number): number {
  return now + Math.min(SEND_CHECK_MS * 2 ** attempts, RETRY_MS_MAX);
}
