import { laterOf, type Position } from '../position.ts';
import type { ReplicaAnswer } from '../protocol/messages.ts';
import { type Ask, type Reply, replyAt, type Routing } from './asks.ts';
import { after, type Job } from './job.ts';
import { hasReached, hiddenBy, lossIn } from './loss.ts';
import { asksSeen, executing, reading } from './messages.ts';
import { FIRST_GRACE_MS, FOLLOWER_GRACE_MS, settleFollower } from './read-follower.ts';
import { askLeaderAlone, askingFirst, settleLeader } from './read-leader.ts';
import { write } from './write.ts';

/**
 * Reads at the nearest replica, where that is gone at one more of its region, and where neither serves, at the leader, once. What turns
 * out to write becomes a write here and nowhere below, because a read may be asked twice and a write must not be.
 */
export function* read(job: Job): Routing<ReplicaAnswer> {
  const answer = yield* readAsAsked(job);
  if (answer.kind !== 'writes') return answer;
  return yield* write({ ...job, isRead: false }, { route: 'fallback', waited_ms: 0 });
}

function* readAsAsked(job: Job): Routing<ReplicaAnswer> {
  if (job.consistency === 'eventual') return yield* readNearest({ ...job, need: null });
  if (job.user === null) return yield* readNearest(job);
  return yield* readForUser(job);
}

function* readNearest(asked: Job): Routing<ReplicaAnswer> {
  const ask = nearest(asked);
  const turn = yield [ask];
  return yield* settle(after(asked, turn.now), ask, replyAt(turn, 0));
}

/**
 * In parallel, because the user's other devices have mostly seen nothing that the nearest replica lacks. The replica is asked once more, about
 * what they have seen, also where that may have been lost: rows of a newer epoch would hide it from them for ever.
 */
function* readForUser(asked: Job): Routing<ReplicaAnswer> {
  const ask = nearest(asked);
  const turn = yield [ask, asksSeen(asked)];
  const job = after(asked, turn.now);
  const [first, seen] = [replyAt(turn, 0), replyAt(turn, 1)];
  if (first.kind === 'answered' && first.answer.kind === 'writes') return first.answer;
  // Where it cannot be known, only the leader is sure to have what the user's devices have seen.
  if (seen.kind !== 'seen') return yield* askLeaderAlone(job);
  const [newest] = seen.positions;
  const needy: Job = newest === undefined ? job : { ...job, need: later(newest, job.need) };
  const answer = yield* settle(needy, ask, first);
  if (newest === undefined || lossIn(answer) !== null) return answer;
  const hidden = hiddenBy(answer, job, seen.positions);
  if (hidden !== null) return yield* readNearest({ ...needy, seen: hidden });
  return hasReached(answer, newest) ? answer : yield* readNearest(needy);
}

function later(a: Position, b: Position | null): Position {
  return b === null ? a : laterOf(a, b);
}

function nearest(job: Job): Ask {
  const { consistency, leadership, candidates } = job;
  if (consistency === 'strong') return executing(job, { route: 'leader', waited_ms: 0 }, null);
  const [first, sibling] = candidates;
  if (first === undefined) return askingFirst(job, 'fallback');
  if (first.name === leadership.leader.name) return askingFirst(job, 'nearest');
  return reading(job, first, sibling === undefined ? FOLLOWER_GRACE_MS : FIRST_GRACE_MS);
}

function settle(job: Job, ask: Ask, reply: Reply): Routing<ReplicaAnswer> {
  return ask.kind === 'read' ? settleFollower(job, ask.to, reply) : settleLeader(job, reply);
}
