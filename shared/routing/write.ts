import type { ReplicaAnswer } from '../protocol/messages.ts';
import { askOne, type Routing } from './asks.ts';
import { TURNED_AWAY, UNKNOWN, unknownAt } from './failures.ts';
import { advancing, executing, type Via } from './messages.ts';
import type { Job } from './job.ts';
import { lossIn, reachedBy } from './loss.ts';
import { leaderLost } from './lost-leader.ts';

/** Writes at the leader. Before a write is acknowledged, its user's session object has moved forward. */
export function* write(job: Job, via: Via): Routing<ReplicaAnswer> {
  const answer = yield* executeOnce(job, via);
  if (answer.kind !== 'done' || job.user === null) return answer;
  // The user's other devices must find the write from the moment on at which it is acknowledged.
  const { kind } = yield* askOne(advancing(job, answer.position));
  // With its position: also an answer that says less than the write's own must lead its session to the write.
  return kind === 'advanced' ? answer : unknownAt(answer.position);
}

function* executeOnce(job: Job, via: Via): Routing<ReplicaAnswer> {
  const reply = yield* askOne(executing(job, via, job.request));
  if (reply.kind === 'answered') return reply.answer;
  if (reply.kind === 'overloaded') return TURNED_AWAY;
  yield* leaderLost(job);
  return yield* executeAgain(job, via);
}

/**
 * Only with a request id: without one, a second try could apply the write a second time. A second try that is refused, or
 * finds no leader, says nothing of the first, which may be on its way still and find other rows when it arrives.
 */
function* executeAgain(job: Job, via: Via): Routing<ReplicaAnswer> {
  if (job.request === null) return UNKNOWN;
  const reply = yield* askOne(executing(job, via, job.request));
  return reply.kind === 'answered' ? stillOpen(reply.answer) : UNKNOWN;
}

/** What a later try says of a write that an earlier one may have applied. */
export function stillOpen(answer: ReplicaAnswer): ReplicaAnswer {
  if (answer.kind === 'done') return answer;
  // The leader knows the request id, and says where the write stands that is not as durable as asked.
  if (answer.kind === 'failed' && answer.failure.code === 'outcome-unknown') return answer;
  // Where a session was lost its token must stay as it is, or nobody would be told.
  if (lossIn(answer) !== null) return UNKNOWN;
  return { ...UNKNOWN, position: reachedBy(answer) };
}
