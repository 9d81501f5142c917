import { describe, expect, it } from 'vitest';
import { EPOCH_FIRST, toLsn } from '../../shared/lsn.ts';
import type { Leadership } from '../../shared/protocol/assignment.ts';
import type { DatabaseRecord, ReplicaAnswer, RequestId } from '../../shared/protocol/messages.ts';
import type { Ask, Reply, Served } from '../../shared/routing/asks.ts';
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
  readonly asked: readonly Ask['kind'][];
}

/** Routes one write, whose asks are replied to in turn. */
function write(request: RequestId | null, ...replies: readonly Reply[]): Told {
  const routing = route(
    {
      statements: [],
      isRead: false,
      consistency: 'session',
      staleness_ms_max: null,
      wait_ms: 1000,
      hasUser: false,
      request,
      now: 0,
      nearestOf: () => leadership.leader,
      needOf: () => null,
    },
    record,
  );
  const asked: Ask['kind'][] = [];
  let step = routing.next();
  for (const reply of replies) {
    if (step.done === true) break;
    asked.push(...step.value.map(({ kind }) => kind));
    step = routing.next({ replies: [reply], now: 0 });
  }
  if (step.done !== true) throw new Error('it asks for more than the test replies to');
  return { served: step.value, asked };
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
