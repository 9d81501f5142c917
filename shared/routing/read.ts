import { unreachable } from '../assert.ts';
import { isAtLeast, type Position } from '../position.ts';
import type { ReplicaRef } from '../protocol/assignment.ts';
import { MESSAGE_VERSION, type ReplicaAnswer } from '../protocol/messages.ts';
import { type Ask, askOne, type Reply, replyAt, type Routing } from './asks.ts';
import { NOT_SERVED, TURNED_AWAY } from './failures.ts';
import { asksSeen, executing } from './messages.ts';
import type { Job } from './job.ts';
import { write } from './write.ts';

/** How much longer than it may wait a follower is given to answer. */
const FOLLOWER_GRACE_MS = 5_000;

/**
 * Reads at the nearest replica, and where that cannot serve it, at the leader, once. What turns out to write
 * becomes a write here and nowhere below, because a read may be asked twice and a write must not be.
 */
export function* read(job: Job): Routing<ReplicaAnswer> {
  const answer = yield* readAsAsked(job);
  if (answer.kind !== 'writes') return answer;
  return yield* write({ ...job, isRead: false }, { route: 'fallback', waited_ms: 0 });
}

function* readAsAsked(job: Job): Routing<ReplicaAnswer> {
  if (job.consistency === 'eventual') return yield* readNearest({ ...job, need: null });
  if (!job.hasUser) return yield* readNearest(job);
  return yield* readForUser(job);
}

function* readNearest(job: Job): Routing<ReplicaAnswer> {
  const ask = nearest(job);
  return yield* settle(job, ask, yield* askOne(ask));
}

/** In parallel, because the user's other devices have mostly seen nothing that the nearest replica lacks. */
function* readForUser(job: Job): Routing<ReplicaAnswer> {
  const ask = nearest(job);
  const turn = yield [ask, asksSeen(job)];
  const [first, seen] = [replyAt(turn, 0), replyAt(turn, 1)];
  if (first.kind === 'answered' && first.answer.kind === 'writes') return first.answer;
  // Where it cannot be known, only the leader is sure to have what the user's devices have seen.
  if (seen.kind !== 'seen') return yield* fallBack(job, 0, NOT_SERVED);
  const { position } = seen;
  const needy: Job = position === null ? job : { ...job, need: later(position, job.need) };
  const answer = yield* settle(needy, ask, first);
  if (position === null || hasReached(answer, position)) return answer;
  return yield* readNearest({ ...needy, wait_ms: waitLeft(job, turn.now) });
}

/** Never more than was asked for: a clock that was set back would have the read wait for as long as it was set. */
function waitLeft({ wait_ms, now: began }: Job, now: number): number {
  const passed = Math.max(0, now - began);
  return Math.max(0, wait_ms - passed);
}

function later(a: Position, b: Position | null): Position {
  return b === null || isAtLeast(a, b) ? a : b;
}

/** An answer without a position came from no state at all, so it is not too old. */
function hasReached(answer: ReplicaAnswer, need: Position): boolean {
  return !('position' in answer) || answer.position === null || isAtLeast(answer.position, need);
}

function nearest(job: Job): Ask {
  const { consistency, leadership } = job;
  if (consistency === 'strong') return executing(job, { route: 'leader', waited_ms: 0 }, null);
  const replica = job.nearestOf(leadership);
  if (replica.name !== leadership.leader.name) return reading(job, replica);
  return executing(job, { route: 'nearest', waited_ms: 0 }, null);
}

function reading({ statements, need, staleness_ms_max, wait_ms }: Job, to: ReplicaRef): Ask {
  return {
    kind: 'read',
    to,
    request: { version: MESSAGE_VERSION, statements, need, staleness_ms_max, wait_ms },
    timeout_ms: wait_ms + FOLLOWER_GRACE_MS,
  };
}

function settle(job: Job, ask: Ask, reply: Reply): Routing<ReplicaAnswer> {
  return ask.kind === 'read' ? settleFollower(job, reply) : settleLeader(job, reply);
}

/** A read changes nothing, so a leader whose answer was lost may be asked again, once. */
function* settleLeader(job: Job, reply: Reply): Routing<ReplicaAnswer> {
  if (reply.kind === 'answered') return reply.answer;
  if (reply.kind === 'overloaded') return TURNED_AWAY;
  return yield* fallBack(job, 0, NOT_SERVED);
}

function* settleFollower(job: Job, reply: Reply): Routing<ReplicaAnswer> {
  if (reply.kind !== 'answered') return yield* fallBack(job, 0, NOT_SERVED);
  const { answer } = reply;
  switch (answer.kind) {
    case 'done':
    case 'failed':
    case 'writes':
      return answer;
    case 'behind':
      return yield* fallBack(job, answer.waited_ms, answer);
    case 'unassigned':
    case 'not-leader':
    case 'unknown-version':
      // The record is stale, or the follower is: the leader knows, and the next request looks it up.
      yield* askOne({ kind: 'forget', database: job.record.database });
      return yield* fallBack(job, 0, NOT_SERVED);
    default:
      return unreachable(answer);
  }
}

/** The last resort: the leader, once; if it cannot be reached either, what is known already. */
function* fallBack(job: Job, waited_ms: number, otherwise: ReplicaAnswer): Routing<ReplicaAnswer> {
  const reply = yield* askOne(executing(job, { route: 'fallback', waited_ms }, null));
  if (reply.kind === 'answered') return reply.answer;
  return reply.kind === 'overloaded' ? TURNED_AWAY : otherwise;
}
