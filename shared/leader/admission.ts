import type { Failure } from '../failure.ts';
import { cutOff } from '../log/history.ts';
import type { Epoch } from '../lsn.ts';
import { isAtLeast, type Position } from '../position.ts';
import { type Assignment, membersOf } from '../protocol/assignment.ts';
import { copiesNeeded, MEMBERS_MIN } from '../protocol/durability.ts';
import {
  type ExecuteRequest,
  MESSAGE_VERSION,
  type Misdirected,
  type ReplicaAnswer,
} from '../protocol/messages.ts';
import { sessionLost } from '../protocol/session-lost.ts';
import type { Answers } from './answers.ts';
import type { RequestEvent } from './events.ts';
import { aheadOfLog, TOO_MANY_HELD, tooFewFollowers } from './failures.ts';

// What a leader answers without running anything.

/** What it knows of its leadership. */
export interface Leading {
  readonly assignment: Assignment;
  /** The newest epoch that it has heard of, where that is not its own: it leads no more. */
  readonly over: Epoch | null;
}

/**
 * Before all else, and without a lease: that another is to be asked, or that a failover has lost what the session had seen, for
 * any other answer would lead the session past its loss. Null for a request that may be run.
 */
export function turnedAway(event: RequestEvent, { assignment, over }: Leading): ReplicaAnswer | null {
  const { request } = event;
  const { epoch, history } = assignment;
  if (request.version !== MESSAGE_VERSION) return { kind: 'unknown-version', version: request.version };
  if (over !== null) return { kind: 'not-leader', epoch: over };
  if (event.kind === 'reapply') return null;
  const { need, seen } = event.request;
  // Whoever has seen a newer epoch knows of another leader.
  if (need !== null && need.epoch > epoch) return { kind: 'not-leader', epoch: need.epoch };
  const cut = seen === null ? null : cutOff(history, seen);
  return seen !== null && cut !== null ? sessionLost(seen, cut) : null;
}

/** What is told to one who waits while a follower asks: that the sender's record of this replica is stale; null where it is not. */
export function misdirectedFor(
  { version, epoch }: { readonly version: number; readonly epoch: Epoch },
  { assignment, over }: Leading,
): Misdirected | null {
  if (version !== MESSAGE_VERSION) return { kind: 'unknown-version', version };
  if (over !== null) return { kind: 'not-leader', epoch: over };
  return epoch === assignment.epoch ? null : { kind: 'not-leader', epoch: assignment.epoch };
}

/** What a lost entry that is applied again asks for. */
const DOING_AGAIN: Pick<ExecuteRequest, 'need' | 'shows'> = { need: null, shows: 'settled' };

/** Under a lease; null where the request is to run. */
export function refusalOf(
  event: RequestEvent,
  assignment: Assignment,
  { answers, position }: { readonly answers: Answers; readonly position: Position },
): Failure | null {
  const { durability } = event.request;
  const { need, shows } = event.kind === 'execute' ? event.request : DOING_AGAIN;
  if (need !== null && !isAtLeast(position, need)) return aheadOfLog(need, position);
  const mode = durability ?? assignment.durability;
  const mayWait = copiesNeeded(mode, assignment) > 1 && shows === 'settled';
  if (mayWait && answers.isFull) return TOO_MANY_HELD;
  const members = membersOf(assignment).length;
  return members < MEMBERS_MIN[mode] ? tooFewFollowers(mode, durability !== null) : null;
}
