import type { FailureCode } from '../failure.ts';
import { isAtLeast, type Position } from '../position.ts';
import { mayBeLost } from '../protocol/lost.ts';
import type { ReplicaAnswer } from '../protocol/messages.ts';
import type { Loss } from '../session/rewind.ts';
import type { Job } from './job.ts';

/** What the answer says a failover lost of what the session had seen, and up to where that stays; null where it says nothing of the kind. */
export function lossIn(answer: ReplicaAnswer): Loss | null {
  if (answer.kind !== 'failed' || answer.failure.code !== 'session-lost' || answer.position === null)
    return null;
  const { epoch, to_lsn } = answer.failure.lost;
  return { lost: { epoch, lsn: to_lsn }, instead: answer.position };
}

/** Of what the user's devices have seen, what the answer would hide if a failover has lost it: the replica was not asked about that. */
export function hiddenBy(
  answer: ReplicaAnswer,
  { leadership }: Job,
  seen: readonly Position[],
): Position | null {
  const reached = reachedBy(answer);
  if (reached === null) return null;
  return seen.find((position) => mayBeLost(leadership, position, reached)) ?? null;
}

/** An answer without a position came from no state at all, so it is not too old. */
export function hasReached(answer: ReplicaAnswer, need: Position): boolean {
  const reached = reachedBy(answer);
  return reached === null || isAtLeast(reached, need);
}

const NOT_BEGUN: ReadonlySet<FailureCode> = new Set<FailureCode>(['unavailable', 'overloaded']);

/**
 * Where the answer may lead the session; null where it may not. Who has not begun with a request has not looked whether the session lost
 * anything either, so where it stands is nothing that was seen: a token that went there would hide a loss.
 */
export function reachedBy(answer: ReplicaAnswer): Position | null {
  if (!('position' in answer)) return null;
  return answer.kind === 'failed' && NOT_BEGUN.has(answer.failure.code) ? null : answer.position;
}
