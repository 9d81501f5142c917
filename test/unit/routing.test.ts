import { describe, expect, it } from 'vitest';
import { EPOCH_FIRST, toLsn } from '../../shared/lsn.ts';
import type { Leadership } from '../../shared/protocol/assignment.ts';
import type { DatabaseRecord, ReplicaAnswer, RequestId } from '../../shared/protocol/messages.ts';
import type { Ask, Reply, Served } from '../../shared/routing/asks.ts';
import type { Work } from '../../shared/routing/job.ts';
import { route } from '../../shared/routing/route.ts';

const leadership: Leadership = {
  partition: 0,
  epoch: EPOCH_FIRST,
  leader: { name: 'leader', region: 'weur' },
  followers: [{ name: 'follower', region: 'enam' }],
};
const record: DatabaseRecord = {
  database: 'db',
  incarnation: 'one',
  settings: { leader: 'weur', followers: ['enam'], partitions: 1, durability: 'async' },
  partitions: [leadership],
};
const at = (lsn: number) => ({ epoch: EPOCH_FIRST, lsn: toLsn(lsn) });
const answered = (answer: ReplicaAnswer): Reply => ({ kind: 'answered', answer });
const LOST: Reply = { kind: 'lost' };
const NOT_LEADER = answered({ kind: 'not-leader', epoch: EPOCH_FIRST });
const DONE = answered({ kind: 'done', body: '{}', position: at(7) });

interface Told {
  readonly served: Served;
  readonly asks: readonly Ask[];
  readonly asked: readonly Ask['kind'][];
}

const WRITE: Work = {
  statements: [],
  isRead: false,
  consistency: 'session',
  staleness_ms_max: null,
  wait_ms: 1000,
  hasUser: false,
  request: null,
  now: 0,
  nearestOf: () => leadership.leader,
  needOf: () => null,
};
const READ: Work = {
  ...WRITE,
  isRead: true,
  nearestOf: ({ leader, followers: [follower] }) => follower ?? leader,
};

/** Routes one request, whose asks are replied to in turn, all at the time `now`. */
function routed(work: Work, now: number, ...turns: readonly (readonly Reply[])[]): Told {
  const routing = route(work, record);
  const asks: Ask[] = [];
  let step = routing.next();
  for (const replies of turns) {
    if (step.done === true) break;
    asks.push(...step.value);
    step = routing.next({ replies, now });
  }
  if (step.done !== true) throw new Error('it asks for more than the test replies to');
  return { served: step.value, asks, asked: asks.map(({ kind }) => kind) };
}

function write(request: RequestId | null, ...replies: readonly Reply[]): Told {
  return routed({ ...WRITE, request }, 0, ...replies.map((reply) => [reply]));
}

const KEY: RequestId = { id: 'key', fingerprint: 'body' };

describe('the routing of a write', () => {
  it('[LA1] sends it once where the answer is lost and there is no request id', () => {
    const { served, asked } = write(null, LOST);
    expect(asked).toEqual(['execute']);
    expect(served.answer).toMatchObject({ kind: 'failed', failure: { code: 'outcome-unknown' } });
  });

  it('[LA1] leaves it open where the first answer is lost and the second message finds no leader', () => {
    // To look the leader up and fail there would say that it was not applied.
    const { served, asked } = write(KEY, LOST, NOT_LEADER);
    expect(asked).toEqual(['execute', 'execute']);
    expect(served.answer).toMatchObject({ kind: 'failed', failure: { code: 'outcome-unknown' } });
  });

  it('[LA1] leaves it open where a second message is refused, and tells the position of the refusal', () => {
    const refusal: ReplicaAnswer = {
      kind: 'failed',
      failure: { code: 'constraint', detail: 'it is there already' },
      position: at(7),
    };
    const { served } = write(KEY, LOST, answered(refusal));
    expect(served.answer).toMatchObject({ failure: { code: 'outcome-unknown' }, position: at(7) });
  });

  it('looks up who leads, once, where the first message finds no leader', () => {
    const { served, asked } = write(null, NOT_LEADER, { kind: 'record', record }, DONE);
    expect(asked).toEqual(['execute', 'look-up', 'execute']);
    expect(served.answer).toMatchObject({ kind: 'done' });
  });
});

describe('the routing of a read', () => {
  const BEHIND = answered({ kind: 'behind', position: at(3), waited_ms: 1000 });
  const EARLY = answered({ kind: 'done', body: '{}', position: at(3) });
  const seen = (lsn: number): Reply => ({ kind: 'seen', position: at(lsn) });

  it('asks the leader, once, where the nearest replica is behind', () => {
    const { served, asked } = routed(READ, 0, [BEHIND], [DONE]);
    expect(asked).toEqual(['read', 'execute']);
    expect(served.answer).toMatchObject({ kind: 'done' });
  });

  it('says that it is behind where the leader does not answer either, and where the follower is', () => {
    const { served } = routed(READ, 0, [BEHIND], [LOST]);
    expect(served.answer).toMatchObject({ kind: 'behind', position: at(3) });
  });

  it('asks again for what the other devices of its user have seen, for as long as is left of its time', () => {
    const { asks } = routed({ ...READ, hasUser: true }, 400, [EARLY, seen(7)], [DONE]);
    expect(asks.map(({ kind }) => kind)).toEqual(['read', 'seen', 'read']);
    expect(asks[2]).toMatchObject({ request: { need: at(7), wait_ms: 600 } });
  });

  it('never waits longer than it may, also where the clock is set back meanwhile', () => {
    const { asks } = routed({ ...READ, hasUser: true }, -300_000, [EARLY, seen(7)], [DONE]);
    expect(asks[2]).toMatchObject({ request: { wait_ms: 1000 } });
  });

  it('asks the leader where nobody knows what the other devices have seen', () => {
    const { asked } = routed({ ...READ, hasUser: true }, 0, [DONE, LOST], [DONE]);
    expect(asked).toEqual(['read', 'seen', 'execute']);
  });
});
