import { unreachable } from '../assert.ts';
import { isAtLeast, type Position } from '../position.ts';
import type { ReplicaRef } from '../protocol/assignment.ts';
import type { ReplicaAnswer } from '../protocol/messages.ts';
import { type Ask, askOne, type Reply, replyAt, type Routing } from './asks.ts';
import { BEHIND, NOT_SERVED, NOT_SETTLED, TURNED_AWAY } from './failures.ts';
import { asksSeen, executing, reading } from './messages.ts';
import type { Job } from './job.ts';
import { write } from './write.ts';

/**
 * How much longer than the read may wait followers are given to answer. However many there are, two are asked at most, and they share
 * this and the wait: a read is with the leader after `wait_ms + FOLLOWER_GRACE_MS`, whoever hangs (one of a user, whose session may
 * hang as well while the first is asked, up to 3 seconds later).
 */
const FOLLOWER_GRACE_MS = 5_000;
/** Of that, what the first has where another of its region can be asked instead. */
const FIRST_GRACE_MS = 2_000;

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
  if (!job.hasUser) return yield* readNearest(job);
  return yield* readForUser(job);
}

function* readNearest(asked: Job): Routing<ReplicaAnswer> {
  const ask = nearest(asked);
  const turn = yield [ask];
  return yield* settle(after(asked, turn.now), ask, replyAt(turn, 0));
}

/** In parallel, because the user's other devices have mostly seen nothing that the nearest replica lacks. */
function* readForUser(asked: Job): Routing<ReplicaAnswer> {
  const ask = nearest(asked);
  const turn = yield [ask, asksSeen(asked)];
  const job = after(asked, turn.now);
  const [first, seen] = [replyAt(turn, 0), replyAt(turn, 1)];
  if (first.kind === 'answered' && first.answer.kind === 'writes') return first.answer;
  // Where it cannot be known, only the leader is sure to have what the user's devices have seen.
  if (seen.kind !== 'seen') return yield* fallBack(job, 0, NOT_SERVED);
  const { position } = seen;
  const needy: Job = position === null ? job : { ...job, need: later(position, job.need) };
  const answer = yield* settle(needy, ask, first);
  if (position === null || hasReached(answer, position)) return answer;
  return yield* readNearest(needy);
}

/**
 * The job with what is left of its wait at `now`. Never more than was asked for: a clock that was set back would have the read
 * wait for as long as it was set.
 */
function after(job: Job, now: number): Job {
  const passed = Math.max(0, now - job.now);
  return { ...job, wait_ms: Math.max(0, job.wait_ms - passed), now };
}

function later(a: Position, b: Position | null): Position {
  return b === null || isAtLeast(a, b) ? a : b;
}

/** An answer without a position came from no state at all, so it is not too old. */
function hasReached(answer: ReplicaAnswer, need: Position): boolean {
  return !('position' in answer) || answer.position === null || isAtLeast(answer.position, need);
}

function nearest(job: Job): Ask {
  const { consistency, leadership, candidates } = job;
  if (consistency === 'strong') return executing(job, { route: 'leader', waited_ms: 0 }, null);
  const [first, sibling] = candidates;
  if (first === undefined) return executing(job, { route: 'fallback', waited_ms: 0 }, null);
  if (first.name === leadership.leader.name) return executing(job, { route: 'nearest', waited_ms: 0 }, null);
  return reading(job, first, sibling === undefined ? FOLLOWER_GRACE_MS : FIRST_GRACE_MS);
}

function settle(job: Job, ask: Ask, reply: Reply): Routing<ReplicaAnswer> {
  return ask.kind === 'read' ? settleFollower(job, ask.to, reply) : settleLeader(job, reply);
}

/** A read changes nothing, so a leader whose answer was lost may be asked again, once. */
function* settleLeader(job: Job, reply: Reply): Routing<ReplicaAnswer> {
  if (reply.kind === 'answered') return ofLeader(reply.answer);
  if (reply.kind === 'overloaded') return TURNED_AWAY;
  return yield* fallBack(job, 0, NOT_SERVED);
}

function* settleFollower(job: Job, replica: ReplicaRef, reply: Reply): Routing<ReplicaAnswer> {
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
      return yield* readElsewhere(job);
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

/** The last resort: the leader, once; if it cannot be reached either, what is known already. */
function* fallBack(job: Job, waited_ms: number, otherwise: ReplicaAnswer): Routing<ReplicaAnswer> {
  const reply = yield* askOne(executing(job, { route: 'fallback', waited_ms }, null));
  if (reply.kind === 'answered') return ofLeader(reply.answer);
  return reply.kind === 'overloaded' ? TURNED_AWAY : otherwise;
}

/** A leader is behind nothing but the durability of what it holds. */
function ofLeader(answer: ReplicaAnswer): ReplicaAnswer {
  return answer.kind === 'behind' ? NOT_SETTLED : answer;
}
