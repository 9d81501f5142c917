import { EPOCH_FIRST, toLsn } from '../../shared/lsn.ts';
import type { Leadership } from '../../shared/protocol/assignment.ts';
import type { ReplicaAnswer, RequestId } from '../../shared/protocol/messages.ts';
import type { DatabaseRecord } from '../../shared/protocol/directory.ts';
import type { Ask, Reply, Routing, Served, Turn } from '../../shared/routing/asks.ts';
import type { Work } from '../../shared/routing/job.ts';
import { route } from '../../shared/routing/route.ts';

export const leadership: Leadership = {
  partition: 0,
  epoch: EPOCH_FIRST,
  revision: 1,
  successor: null,
  history: [],
  leader: { name: 'leader', region: 'weur' },
  followers: [
    { name: 'follower', region: 'enam', membership: 'member' },
    { name: 'sibling', region: 'enam', membership: 'member' },
    { name: 'third', region: 'enam', membership: 'member' },
  ],
};
export const record: DatabaseRecord = {
  database: 'db',
  incarnation: 'one',
  settings: {
    leader: 'weur',
    followers: ['enam', 'enam', 'enam'],
    partitions: 1,
    durability: 'async',
    automatic_failover_ms: null,
  },
  partitions: [leadership],
  failovers: [],
};
export const at = (lsn: number) => ({ epoch: EPOCH_FIRST, lsn: toLsn(lsn) });
export const answered = (answer: ReplicaAnswer): Reply => ({ kind: 'answered', answer });
export const LOST: Reply = { kind: 'lost' };
export const NOT_LEADER = answered({ kind: 'not-leader', epoch: EPOCH_FIRST });
export const DONE = answered({ kind: 'done', body: '{}', position: at(7), revision: 1 });

export interface Told {
  readonly served: Served;
  readonly asks: readonly Ask[];
  readonly asked: readonly Ask['kind'][];
}

export const WRITE: Work = {
  statements: [],
  isRead: false,
  consistency: 'session',
  staleness_ms_max: null,
  wait_ms: 1000,
  hold_ms: 10_000,
  durability: null,
  user: null,
  request: null,
  now: 0,
  candidatesOf: () => [leadership.leader],
  sparesOf: () => [],
  needOf: () => null,
};
export const READ: Work = {
  ...WRITE,
  isRead: true,
  candidatesOf: ({ followers }) => followers.slice(0, 1),
};
export const CHOOSING: Work = { ...READ, candidatesOf: ({ followers }) => followers };

/** Routes one request, whose asks are replied to in turn, all at the time `now`. */
export function routed(work: Work, now: number, ...turns: readonly (readonly Reply[])[]): Told {
  return timed(work, ...turns.map((replies) => ({ replies, now })));
}

/** The same, each turn at a time of its own. */
export function timed(work: Work, ...turns: readonly Turn[]): Told {
  const routing = route(work, record);
  const asks: Ask[] = [];
  let step = routing.next();
  for (const turn of turns) {
    step = forgotten(routing, step, turn);
    if (step.done === true) break;
    asks.push(...step.value);
    step = routing.next(turn);
  }
  step = forgotten(routing, step, null);
  if (step.done !== true) throw new Error('it asks for more than the test replies to');
  return { served: step.value, asks, asked: asks.map(({ kind }) => kind) };
}

export function write(request: RequestId | null, ...replies: readonly Reply[]): Told {
  return routed({ ...WRITE, request }, 0, ...replies.map((reply) => [reply]));
}

export const KEY: RequestId = { id: 'key', fingerprint: 'body' };

/** What comes after the record was forgotten, where the test replies to something else next. */
export function forgotten(
  routing: Routing<Served>,
  step: IteratorResult<readonly Ask[], Served>,
  turn: Turn | null,
): IteratorResult<readonly Ask[], Served> {
  if (step.done === true || turn?.replies[0]?.kind === 'forgotten') return step;
  if (step.value.some(({ kind }) => kind !== 'forget')) return step;
  const next = routing.next({ replies: [{ kind: 'forgotten' }], now: turn?.now ?? 0 });
  return forgotten(routing, next, turn);
}
