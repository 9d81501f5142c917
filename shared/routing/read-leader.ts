import { membersOf, type ReplicaRef } from '../protocol/assignment.ts';
import type { ReplicaAnswer, Route } from '../protocol/messages.ts';
import { type Ask, askOne, type Reply, replyAt, type Routing } from './asks.ts';
import { isMisdirected } from './directed.ts';
import { BEHIND, NOT_SERVED, NOT_SETTLED, TURNED_AWAY } from './failures.ts';
import { after, type Job } from './job.ts';
import { executing, reading } from './messages.ts';
import { leaderLost } from './lost-leader.ts';

/** How much longer than it may hold the answer the leader is given for a read that another can serve. */
const LEADER_GRACE_MS = 5_000;
/** And the one who is asked then. */
const SPARE_GRACE_MS = 5_000;

/** Has the leader read before anybody else; it is given up soon where somebody else could serve. */
export function askingFirst(job: Job, route: Route): Ask {
  const ask = executing(job, { route, waited_ms: 0 }, null);
  return membersOf(job.leadership).length > 0 ? givenUpSoon(ask) : ask;
}

function givenUpSoon(ask: Ask): Ask {
  if (ask.kind !== 'execute') return ask;
  return { ...ask, timeout_ms: Math.min(ask.timeout_ms, ask.request.hold_ms + LEADER_GRACE_MS) };
}

/** A read changes nothing, so a leader whose answer was lost may be asked again, once; after somebody else who can serve it. */
export function* settleLeader(asked: Job, reply: Reply): Routing<ReplicaAnswer> {
  if (reply.kind === 'overloaded') return TURNED_AWAY;
  if (reply.kind === 'answered') return yield* settleAnswer(asked, reply.answer);
  yield* leaderLost(asked);
  const spare = spareOf(asked);
  const tried = spare === null ? null : yield* readInstead(asked, spare);
  if (tried !== null && tried !== BEHIND) return tried;
  return yield* askLeader(asked, 0, tried ?? NOT_SERVED);
}

/** The last resort: the leader, once; if it cannot be reached either, one more follower, and then what is known already. */
export function* fallBack(job: Job, waited_ms: number, otherwise: ReplicaAnswer): Routing<ReplicaAnswer> {
  const ask = executing(job, { route: 'fallback', waited_ms }, null);
  const spare = spareOf(job);
  // By a stale record it may be one that is gone for good: who leads by the next is asked instead.
  const turn = yield [spare === null && !job.isStale ? ask : givenUpSoon(ask)];
  const reply = replyAt(turn, 0);
  const later = after(job, turn.now);
  if (reply.kind === 'overloaded') return TURNED_AWAY;
  if (reply.kind === 'answered') return yield* settleAnswer(later, reply.answer);
  yield* leaderLost(later);
  if (spare === null) return otherwise;
  return (yield* readInstead(later, spare)) ?? otherwise;
}

/** Of a leader that did not answer; for a while, reads that need not have it leave it out. */
function* readInstead(job: Job, spare: ReplicaRef): Routing<ReplicaAnswer | null> {
  yield* askOne({ kind: 'avoid', replica: job.leadership.leader });
  return yield* readAtSpare(job, spare);
}

/** For what only the leader can know. */
export function askLeaderAlone(job: Job): Routing<ReplicaAnswer> {
  return askLeader(job, 0, NOT_SERVED);
}

function* askLeader(job: Job, waited_ms: number, otherwise: ReplicaAnswer): Routing<ReplicaAnswer> {
  const reply = yield* askOne(executing(job, { route: 'fallback', waited_ms }, null));
  if (reply.kind === 'answered') return ofLeader(reply.answer);
  if (reply.kind === 'overloaded') return TURNED_AWAY;
  yield* leaderLost(job);
  return otherwise;
}

/** A leader that leads no more, or may not just now, need not keep anybody from reading: followers have what they had. */
function* settleAnswer(job: Job, answer: ReplicaAnswer): Routing<ReplicaAnswer> {
  const isGone = isMisdirected(answer);
  if (!isGone && !(answer.kind === 'failed' && answer.failure.code === 'unavailable'))
    return ofLeader(answer);
  const spare = spareOf(job);
  if (spare === null) return answer;
  const instead = yield* readAtSpare(job, spare);
  if (instead === null || instead === BEHIND) return answer;
  // The request is served, and yet the next one must find out who leads.
  if (isGone) yield* askOne({ kind: 'forget', database: job.record.database });
  return instead;
}

/** A leader is behind nothing but the durability of what it holds. */
function ofLeader(answer: ReplicaAnswer): ReplicaAnswer {
  return answer.kind === 'behind' ? NOT_SETTLED : answer;
}

/** Who can serve the read beside the leader and those who were asked already; null for a read that only the leader can serve. */
function spareOf(job: Job): ReplicaRef | null {
  if (job.consistency === 'strong') return null;
  const asked = new Set(job.candidates.slice(0, 2).map(({ name }) => name));
  return job.sparesOf(job.leadership).find(({ name }) => !asked.has(name)) ?? null;
}

/** Null where it does not serve either; BEHIND where it was behind; misdirected where it is not what the record says. */
function* readAtSpare(job: Job, spare: ReplicaRef): Routing<ReplicaAnswer | null> {
  const reply = yield* askOne(reading(job, spare, SPARE_GRACE_MS));
  if (reply.kind === 'overloaded') return null;
  const answer = reply.kind === 'answered' ? reply.answer : null;
  switch (answer?.kind) {
    case 'done':
    case 'writes':
      return answer;
    case 'failed':
      return answer.failure.code === 'overloaded' ? null : answer;
    case 'behind':
      return BEHIND;
    case 'unassigned':
    case 'not-leader':
    case 'unknown-version':
      // The record is stale, as where it leads itself by now: whoever looks it up knows whom to ask, sooner than a leader that may be gone.
      return answer;
    default:
      yield* askOne({ kind: 'avoid', replica: spare });
      return null;
  }
}
