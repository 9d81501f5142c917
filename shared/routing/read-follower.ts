import { unreachable } from '../assert.ts';
import type { ReplicaRef } from '../protocol/assignment.ts';
import type { ReplicaAnswer } from '../protocol/messages.ts';
import { askOne, type Reply, replyAt, type Routing } from './asks.ts';
import { BEHIND, NOT_SERVED } from './failures.ts';
import { after, type Job } from './job.ts';
import { reading } from './messages.ts';
import { fallBack } from './read-leader.ts';

/**
 * How much longer than the read may wait followers are given to answer. However many there are, two are asked at most, and they share
 * this and the wait: a read is with the leader after `wait_ms + FOLLOWER_GRACE_MS`, whoever hangs (one of a user, whose session may
 * hang as well while the first is asked, up to 3 seconds later).
 */
export const FOLLOWER_GRACE_MS = 5_000;
/** Of that, what the first has where another of its region can be asked instead. */
export const FIRST_GRACE_MS = 2_000;

export function* settleFollower(job: Job, replica: ReplicaRef, reply: Reply): Routing<ReplicaAnswer> {
  if (reply.kind === 'overloaded') return yield* readElsewhere(job);
  if (reply.kind !== 'answered') {
    yield* askOne({ kind: 'avoid', replica });
    return yield* readElsewhere(job);
  }
  const { answer } = reply;
  switch (answer.kind) {
    case 'failed':
      return answer.failure.code === 'overloaded' ? yield* readElsewhere(job) : answer;
    case 'done':
    case 'writes':
      return answer;
    case 'behind':
      // What one follower does not have its siblings mostly lack too: they hear it from each other.
      return yield* fallBack(job, answer.waited_ms, BEHIND);
    case 'installing':
      yield* askOne({ kind: 'avoid', replica });
      return yield* readElsewhere(job);
    case 'unassigned':
    case 'not-leader':
    case 'unknown-version':
      // The record is stale, or the follower is: another replica knows, and the next request looks it up.
      yield [
        { kind: 'forget', database: job.record.database },
        { kind: 'avoid', replica },
      ];
      return yield* readElsewhere({ ...job, isStale: true });
    default:
      return unreachable(answer);
  }
}

/** At the next candidate, once, and where there is none at the leader. */
function* readElsewhere(asked: Job): Routing<ReplicaAnswer> {
  const [, sibling] = asked.candidates;
  if (sibling === undefined) return yield* fallBack(asked, 0, NOT_SERVED);
  const ask = reading(asked, sibling, FOLLOWER_GRACE_MS - FIRST_GRACE_MS);
  const turn = yield [ask];
  const job = after({ ...asked, candidates: [sibling] }, turn.now);
  return yield* settleFollower(job, sibling, replyAt(turn, 0));
}
