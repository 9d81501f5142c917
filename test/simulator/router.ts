import { unreachable } from '../../shared/assert.ts';
import type { Position } from '../../shared/position.ts';
import type { Leadership, ReplicaRef } from '../../shared/protocol/assignment.ts';
import {
  MESSAGE_VERSION,
  type ReplicaAnswer,
  type RequestId,
  type Route,
} from '../../shared/protocol/messages.ts';
import type { Statement } from '../../shared/tables/values.ts';
import type { Consistency } from './history.ts';
import type { Call } from './messages.ts';

/** workers/read.ts and workers/write.ts wait as long. */
const FOLLOWER_GRACE_MS = 5_000;
const LEADER_WAIT_MS = 30_000;

/** One message, and how long its answer is waited for. */
export interface Ask {
  readonly to: ReplicaRef;
  readonly call: Call;
  readonly timeoutMs: number;
}

export interface Job {
  readonly leadership: Leadership;
  readonly nearest: ReplicaRef;
  readonly statements: readonly Statement[];
  readonly kind: 'read' | 'write';
  readonly consistency: Consistency;
  readonly need: Position | null;
  readonly request: RequestId | null;
  readonly waitMs: number;
}

/** What the client is told. `unknown`: the write may have been applied. */
export type Outcome = ReplicaAnswer | { readonly kind: 'unknown' } | { readonly kind: 'unavailable' };

/** Gives what it asks, takes what came back (null where nothing did), and ends in what the client is told. */
export type Routing = Generator<Ask, Outcome, ReplicaAnswer | null>;

/** An operation takes no longer than this, in milliseconds. */
export function boundMs({ kind, waitMs }: Pick<Job, 'kind' | 'waitMs'>): number {
  return kind === 'write' ? 2 * LEADER_WAIT_MS : waitMs + FOLLOWER_GRACE_MS + 2 * LEADER_WAIT_MS;
}

/** What the edge does with one request (workers/query.ts, read.ts, write.ts), one message at a time. */
export function route(job: Job): Routing {
  return job.kind === 'write' ? write(job) : read(job);
}

function* write(job: Job): Routing {
  const first = yield execute(job, 'leader', 0);
  if (first !== null) return first;
  if (job.request === null) return { kind: 'unknown' };
  return (yield execute(job, 'leader', 0)) ?? { kind: 'unknown' };
}

function* read(job: Job): Routing {
  if (job.consistency === 'strong') return yield* readAtLeader(job, 'leader');
  const asked = job.consistency === 'eventual' ? { ...job, need: null } : job;
  const { nearest, leadership } = asked;
  if (nearest.name === leadership.leader.name) return yield* readAtLeader(asked, 'nearest');
  return yield* readAtFollower(asked);
}

function* readAtLeader(job: Job, via: Route): Routing {
  const answer = yield execute(job, via, 0);
  return answer ?? (yield* fallBack(job, 0, { kind: 'unavailable' }));
}

function* readAtFollower(job: Job): Routing {
  const { nearest, statements, need, waitMs } = job;
  const request = { version: MESSAGE_VERSION, statements, need, staleness_ms_max: null, wait_ms: waitMs };
  const answer = yield {
    to: nearest,
    call: { kind: 'read', request },
    timeoutMs: waitMs + FOLLOWER_GRACE_MS,
  };
  if (answer === null) return yield* fallBack(job, 0, { kind: 'unavailable' });
  switch (answer.kind) {
    case 'done':
    case 'failed':
      return answer;
    case 'behind':
      return yield* fallBack(job, answer.waited_ms, answer);
    case 'writes':
      return yield* write(job);
    case 'unassigned':
    case 'not-leader':
    case 'unknown-version':
      return yield* fallBack(job, 0, { kind: 'unavailable' });
    default:
      return unreachable(answer);
  }
}

function* fallBack(job: Job, waitedMs: number, otherwise: Outcome): Routing {
  return (yield execute(job, 'fallback', waitedMs)) ?? otherwise;
}

function execute({ leadership, statements, need, request }: Job, route: Route, waited_ms: number): Ask {
  const call: Call = {
    kind: 'execute',
    request: { version: MESSAGE_VERSION, statements, need, request, route, waited_ms },
  };
  return { to: leadership.leader, call, timeoutMs: LEADER_WAIT_MS };
}
