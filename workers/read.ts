import { unreachable } from '../shared/assert.ts';
import { isAtLeast, type Position } from '../shared/position.ts';
import type { ReplicaRef } from '../shared/protocol/assignment.ts';
import { MESSAGE_VERSION, type ReadRequest, type ReplicaAnswer } from '../shared/protocol/messages.ts';
import { within } from './deadline.ts';
import { isOverload, logUnexpected, overloaded, unavailable } from './failure.ts';
import { nearestReplica } from './placement.ts';
import { forgetRecord } from './records.ts';
import { execute, SESSION_WAIT_MS, userSession, type Job, type Via } from './work.ts';
import { write } from './write.ts';

/** How much longer than it may wait a follower is given to answer. */
const FOLLOWER_GRACE_MS = 5_000;

interface Unreachable {
  readonly kind: 'unreachable';
}

const NOT_SERVED: ReplicaAnswer = { kind: 'failed', failure: unavailable(), position: null };

/**
 * Reads at the nearest replica, and where that cannot serve it, at the leader, once. What turns out to write
 * becomes a write here and nowhere below, because a read may be asked twice and a write must not be.
 */
export async function read(job: Job): Promise<ReplicaAnswer> {
  const answer = await readAsAsked(job);
  return answer.kind === 'writes' ? write(job, { route: 'fallback', waited_ms: 0 }) : answer;
}

function readAsAsked(job: Job): Promise<ReplicaAnswer> {
  const { consistency, user } = job.options;
  if (consistency === 'eventual') return readNearest({ ...job, need: null });
  if (user === null) return readNearest(job);
  return readForUser(job, user);
}

/** In parallel, because the user's other devices have mostly seen nothing that the nearest replica lacks. */
async function readForUser(job: Job, user: string): Promise<ReplicaAnswer> {
  const began = Date.now();
  const [answer, seen] = await Promise.all([readNearest(job), seenBy(job, user)]);
  if (answer.kind === 'writes') return answer;
  if (seen === 'unknown') return fallBack(job, 0, NOT_SERVED);
  if (seen === null || hasReached(answer, seen)) return answer;
  const need = job.need === null || isAtLeast(seen, job.need) ? seen : job.need;
  const wait_ms = Math.max(0, job.options.wait_ms - (Date.now() - began));
  return readNearest({ ...job, need, options: { ...job.options, wait_ms } });
}

/** Where it cannot be known, only the leader is sure to have what the user's devices have seen. */
async function seenBy(job: Job, user: string): Promise<Position | null | 'unknown'> {
  try {
    const seen = await within(SESSION_WAIT_MS, userSession(job, user).seen());
    return seen.find(([partition]) => partition === job.leadership.partition)?.[1] ?? null;
  } catch (error) {
    logUnexpected(job.c, error);
    return 'unknown';
  }
}

/** An answer without a position came from no state at all, so it is not too old. */
function hasReached(answer: ReplicaAnswer, need: Position): boolean {
  return !('position' in answer) || answer.position === null || isAtLeast(answer.position, need);
}

function readNearest(job: Job): Promise<ReplicaAnswer> {
  const { options, place, leadership } = job;
  if (options.consistency === 'strong') return readAtLeader(job, { route: 'leader', waited_ms: 0 });
  const nearest = nearestReplica(place, leadership);
  if (nearest.name === leadership.leader.name) return readAtLeader(job, { route: 'nearest', waited_ms: 0 });
  return readAtFollower(job, nearest);
}

async function readAtFollower(job: Job, follower: ReplicaRef): Promise<ReplicaAnswer> {
  const answer = await askFollower(job, follower);
  switch (answer.kind) {
    case 'done':
    case 'failed':
    case 'writes':
      return answer;
    case 'behind':
      return fallBack(job, answer.waited_ms, answer);
    case 'unreachable':
      return fallBack(job, 0, NOT_SERVED);
    case 'unassigned':
    case 'not-leader':
    case 'unknown-version':
      // The record is stale, or the follower is: the leader knows, and the next request looks it up.
      forgetRecord(job.record.database);
      return fallBack(job, 0, NOT_SERVED);
    default:
      return unreachable(answer);
  }
}

async function askFollower(job: Job, { name, region }: ReplicaRef): Promise<ReplicaAnswer | Unreachable> {
  const { c, options, statements, need } = job;
  const { wait_ms, staleness_ms_max } = options;
  try {
    const stub = c.env.REPLICA.getByName(name, { locationHint: region });
    const message: ReadRequest = { version: MESSAGE_VERSION, statements, need, staleness_ms_max, wait_ms };
    return await within(wait_ms + FOLLOWER_GRACE_MS, stub.read(message));
  } catch (error) {
    logUnexpected(c, error);
    return { kind: 'unreachable' };
  }
}

/** A read changes nothing, so a leader whose answer was lost may be asked again, once. */
async function readAtLeader(job: Job, via: Via): Promise<ReplicaAnswer> {
  try {
    return await execute(job, via, null);
  } catch (error) {
    logUnexpected(job.c, error);
    if (isOverload(error)) return { kind: 'failed', failure: overloaded(), position: null };
    return fallBack(job, 0, NOT_SERVED);
  }
}

/** The last resort: the leader, once; if it cannot be reached either, what is known already. */
async function fallBack(job: Job, waited_ms: number, otherwise: ReplicaAnswer): Promise<ReplicaAnswer> {
  try {
    return await execute(job, { route: 'fallback', waited_ms }, null);
  } catch (error) {
    logUnexpected(job.c, error);
    return isOverload(error) ? { kind: 'failed', failure: overloaded(), position: null } : otherwise;
  }
}
