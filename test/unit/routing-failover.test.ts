import { describe, expect, it } from 'vitest';
import type { Hash } from '../../shared/log/entry.ts';
import { EPOCH_FIRST, toEpoch, toLsn } from '../../shared/lsn.ts';
import type { Leadership } from '../../shared/protocol/assignment.ts';
import type { ReplicaAnswer } from '../../shared/protocol/messages.ts';
import type { Ask, Reply, Served } from '../../shared/routing/asks.ts';
import type { Work } from '../../shared/routing/job.ts';
import { route } from '../../shared/routing/route.ts';
import {
  leadership,
  record,
  at,
  answered,
  LOST,
  NOT_LEADER,
  DONE,
  WRITE,
  READ,
  routed,
  timed,
  write,
  KEY,
  forgotten,
} from './routing-steps.ts';

describe('the routing of what meets no leader', () => {
  const LOOKED_UP: Reply = { kind: 'record', record };
  const PAUSED: Reply = { kind: 'paused' };
  const FORGOTTEN: Reply = { kind: 'forgotten' };
  const ofEpoch2: Leadership = {
    ...leadership,
    epoch: toEpoch(2),
    revision: 2,
    leader: leadership.followers[0]!,
  };
  const promoted: Reply = { kind: 'record', record: { ...record, partitions: [ofEpoch2] } };

  it('[RT7] asks the new leader at once where the record was stale, without a request id too', () => {
    const { served, asks } = write(null, NOT_LEADER, promoted, DONE);
    expect(asks).toMatchObject([
      { kind: 'execute', to: { name: 'leader' } },
      { kind: 'look-up', mayBeRecent: false },
      { kind: 'execute', to: { name: 'follower' } },
    ]);
    expect(served.answer).toMatchObject({ kind: 'done' });
  });

  it('[LA2] tries a write with a request id at a newer leader where nobody knows what became of it', () => {
    const { served, asks } = write(KEY, LOST, LOST, promoted, DONE);
    expect(asks).toMatchObject([
      { kind: 'execute', to: { name: 'leader' } },
      { kind: 'execute', to: { name: 'leader' } },
      { kind: 'look-up' },
      { kind: 'execute', to: { name: 'follower' }, request: { request: KEY } },
    ]);
    expect(served.answer).toMatchObject({ kind: 'done' });
  });

  it('[LA2] and leaves it open whatever that one refuses', () => {
    const { served } = write(KEY, LOST, LOST, promoted, NOT_LEADER, promoted);
    expect(served.answer).toMatchObject({ failure: { code: 'outcome-unknown' } });
    const { asks } = write(null, LOST);
    expect(asks).toHaveLength(1);
  });

  it('[RT7] pauses where the record is as it was, looks up again, and asks who leads by it then', () => {
    const { served, asks } = write(
      null,
      NOT_LEADER,
      LOOKED_UP,
      PAUSED,
      LOOKED_UP,
      NOT_LEADER,
      PAUSED,
      promoted,
      NOT_LEADER,
      PAUSED,
      promoted,
      DONE,
    );
    expect(asks.map((ask) => (ask.kind === 'pause' ? ask.ms : ask.kind))).toEqual([
      'execute',
      'look-up',
      50,
      'look-up',
      'execute',
      100,
      'look-up',
      'execute',
      50,
      'look-up',
      'execute',
    ]);
    expect(served).toMatchObject({ leadership: { epoch: 2 }, answer: { kind: 'done' } });
  });

  it('[RT7] asks nobody while a leader hands over', () => {
    const handing: Leadership = { ...leadership, revision: 2, successor: ofEpoch2.leader };
    const handingOver: Reply = { kind: 'record', record: { ...record, partitions: [handing] } };
    const { asked } = write(null, NOT_LEADER, handingOver, PAUSED, handingOver, PAUSED, promoted, DONE);
    expect(asked).toEqual(['execute', 'look-up', 'pause', 'look-up', 'pause', 'look-up', 'execute']);
  });

  /** How the routing goes on with nobody who leads; every turn takes `turnMs` on its clock. */
  function inVain(
    work: Work,
    turnMs: number,
  ): { readonly told: Served; readonly paused_ms: number; readonly asks: Ask[] } {
    const routing = route(work, record);
    const asks: Ask[] = [];
    let [step, now, paused_ms] = [routing.next(), work.now, 0];
    while (step.done !== true) {
      const [ask] = step.value;
      if (ask === undefined || asks.push(ask) > 1000) throw new Error('it never ends');
      const pause = ask.kind === 'pause' ? ask.ms : 0;
      paused_ms += pause;
      now += pause + turnMs;
      const reply = { execute: NOT_LEADER, 'look-up': LOOKED_UP, pause: PAUSED, forget: FORGOTTEN }[
        ask.kind as 'pause'
      ];
      step = routing.next({ replies: [reply], now });
    }
    return { told: step.value, paused_ms, asks };
  }

  it('[RT7] is unavailable in the end, and never left open', () => {
    for (const [work, least, most] of [
      [WRITE, 9_000, 10_000],
      [{ ...WRITE, hold_ms: 0 }, 1_600, 2_000],
      [{ ...READ, consistency: 'strong' }, 1_600, 2_000],
      [{ ...READ, consistency: 'strong', wait_ms: 4000 }, 4_500, 5_000],
    ] as const) {
      const { told, paused_ms, asks } = inVain(work, 0);
      expect(told.answer).toMatchObject({ failure: { code: 'unavailable' }, position: null });
      expect([paused_ms >= least, paused_ms <= most], String(paused_ms)).toEqual([true, true]);
      expect(Math.max(...asks.map((ask) => (ask.kind === 'pause' ? ask.ms : 0)))).toBe(400);
    }
  });

  it('[RT7] ends as soon where its messages take the time, and also where its clock goes back', () => {
    expect(inVain(WRITE, 1000).paused_ms).toBeLessThan(2000);
    expect(inVain(WRITE, -500).paused_ms).toBeLessThanOrEqual(10_000);
  });

  it('[RT7] has what is left of its waits where it is asked again', () => {
    const late = { now: 600 };
    const { asks } = timed(
      { ...READ, consistency: 'strong', wait_ms: 5000 },
      { replies: [NOT_LEADER], now: 500 },
      { replies: [promoted], ...late },
      { replies: [DONE], ...late },
    );
    expect(asks.at(-1)).toMatchObject({ request: { hold_ms: 4400 } });
  });
});

describe('a leader that does not answer', () => {
  const AVOIDED: Reply = { kind: 'avoided' };
  const SUSPECTED: Reply = { kind: 'suspected' };
  const [, , spare] = leadership.followers;
  const NEAR_LEADER: Work = { ...READ, candidatesOf: () => [leadership.leader], sparesOf: () => [spare!] };

  it('[RT16] is left out of a read that a follower can serve, and avoided', () => {
    for (const work of [NEAR_LEADER, { ...NEAR_LEADER, consistency: 'eventual' as const }]) {
      const { served, asks } = routed(work, 0, [LOST], [AVOIDED], [DONE]);
      expect(asks).toMatchObject([
        { kind: 'execute', to: leadership.leader, timeout_ms: 6000 },
        { kind: 'avoid', replica: leadership.leader },
        { kind: 'read', to: spare },
      ]);
      expect(served.answer).toMatchObject({ kind: 'done' });
    }
  });

  it('[RT16] is asked once more where the follower does not serve either', () => {
    const behind = answered({ kind: 'behind', position: at(3), waited_ms: 9 });
    const { asked } = routed(NEAR_LEADER, 0, [LOST], [AVOIDED], [behind], [DONE]);
    expect(asked).toEqual(['execute', 'avoid', 'read', 'execute']);
    const { served } = routed(NEAR_LEADER, 0, [LOST], [AVOIDED], [behind], [LOST], [LOST]);
    expect(served.answer).toMatchObject({ failure: { code: 'behind' }, position: null });
  });

  it('[RT16] is left out too where it leads no more, or may not just now', () => {
    const waits = answered({
      kind: 'failed',
      failure: { code: 'unavailable', detail: 'no lease' },
      position: null,
    });
    expect(routed(NEAR_LEADER, 0, [waits], [DONE]).asked).toEqual(['execute', 'read']);
    const told = routed(NEAR_LEADER, 0, [NOT_LEADER], [DONE], [{ kind: 'forgotten' }]);
    expect(told.asked).toEqual(['execute', 'read', 'forget']);
    expect(told.served.answer).toMatchObject({ kind: 'done' });
  });

  it('[RT16] is all that a strong read has', () => {
    const work: Work = { ...NEAR_LEADER, consistency: 'strong' };
    const { served, asked } = routed(work, 0, [LOST], [LOST], [{ kind: 'record', record }]);
    expect(asked).toEqual(['execute', 'execute', 'look-up']);
    expect(served.answer).toMatchObject({ failure: { code: 'unavailable' } });
  });

  it('[RT16] is followed by one more follower where the nearest one was gone as well', () => {
    const work = { ...READ, sparesOf: ({ followers }: Leadership) => followers };
    const { asks } = routed(work, 0, [LOST], [AVOIDED], [LOST], [AVOIDED], [DONE]);
    expect(asks).toMatchObject([
      { kind: 'read', to: { name: 'follower' } },
      { kind: 'avoid' },
      { kind: 'execute' },
      { kind: 'avoid', replica: { name: 'leader' } },
      { kind: 'read', to: { name: 'sibling' } },
    ]);
  });

  it('[RT17] makes the next request look up who leads: one that is gone never says that it leads no more', () => {
    const FORGOTTEN: Reply = { kind: 'forgotten' };
    expect(write(null, LOST, FORGOTTEN).asked).toEqual(['execute', 'forget']);
    expect(routed(NEAR_LEADER, 0, [LOST], [FORGOTTEN], [AVOIDED], [DONE]).asked).toEqual([
      'execute',
      'forget',
      'avoid',
      'read',
    ]);
  });

  it('[RT17] is not the end of what was not applied, where a newer one leads', () => {
    const failure = { code: 'unavailable', detail: 'It has no lease.' } as const;
    const noLease = answered({ kind: 'failed', failure, position: null });
    const newer: Leadership = { ...leadership, epoch: toEpoch(2), revision: 2, leader: spare! };
    const promoted: Reply = { kind: 'record', record: { ...record, partitions: [newer] } };
    const { served, asks } = write(null, noLease, promoted, DONE);
    expect(asks).toMatchObject([
      { kind: 'execute', to: leadership.leader },
      { kind: 'look-up', timeout_ms: 2000 },
      { kind: 'execute', to: spare },
    ]);
    expect(served.answer).toMatchObject({ kind: 'done' });
    const strong: Work = { ...NEAR_LEADER, consistency: 'strong' };
    expect(routed(strong, 0, [LOST], [LOST], [promoted], [DONE]).served.answer).toMatchObject({
      kind: 'done',
    });
    // Nothing newer, or nobody who says so.
    for (const looked of [LOST, { kind: 'record', record } as const])
      expect(write(null, noLease, looked).served.answer).toMatchObject({ failure });
    // One whose outcome is open is not sent to anybody else.
    expect(write(null, LOST).asked).toEqual(['execute']);
  });

  it('[AS1] is suspected, where the database is to find out by itself', () => {
    const settings = { ...record.settings, automatic_failover_ms: 5000 };
    const routing = route({ ...WRITE, request: KEY }, { ...record, settings });
    const suspicion = { partition: 0, epoch: 1 };
    expect(routing.next().value).toMatchObject([{ kind: 'execute', database: 'db', suspicion }]);
    expect(routing.next({ replies: [LOST], now: 0 }).value).toEqual([
      { kind: 'forget', database: 'db' },
      { kind: 'suspect', database: 'db', suspicion },
    ]);
    const next = routing.next({ replies: [{ kind: 'forgotten' }, SUSPECTED], now: 0 });
    expect(next.value).toMatchObject([{ kind: 'execute' }]);
    expect(write(null, LOST).asks).toMatchObject([{ suspicion: null }]);
  });
});

describe('a session that a failover has cut off', () => {
  const AT_2 = (lsn: number) => ({ epoch: toEpoch(2), lsn: toLsn(lsn) });
  const begin = {
    epoch: toEpoch(2),
    after: { ...at(40), hash: '' as Hash },
    mode: 'forced',
    at: 0,
    heard: toLsn(50),
  } as const;
  const now: Leadership = { ...leadership, epoch: toEpoch(2), revision: 2, history: [begin] };
  const lost = { epoch: EPOCH_FIRST, from_lsn: toLsn(41), to_lsn: toLsn(50) };
  const SESSION_LOST = answered({
    kind: 'failed',
    failure: { code: 'session-lost', detail: 'lost', lost },
    position: at(40),
  });
  const REWOUND: Reply = { kind: 'rewound' };
  const NEW = answered({ kind: 'done', body: '{}', position: AT_2(45), revision: 2 });
  const ADAS: Work = { ...READ, user: 'ada' };

  function after(
    work: Work,
    ...turns: readonly (readonly Reply[])[]
  ): { readonly asks: readonly Ask[]; readonly answer: ReplicaAnswer } {
    const routing = route(work, { ...record, partitions: [now] });
    const asks: Ask[] = [];
    let step = routing.next();
    for (const replies of turns) {
      const turn = { replies, now: 0 };
      step = forgotten(routing, step, turn);
      if (step.done === true) throw new Error('it ended before');
      asks.push(...step.value);
      step = routing.next(turn);
    }
    step = forgotten(routing, step, null);
    if (step.done !== true) throw new Error('it asks for more');
    return { asks, answer: step.value.answer };
  }

  it('[SL1] says with every request what it has seen, also with an eventual one', () => {
    const needOf = () => at(50);
    for (const consistency of ['session', 'strong', 'eventual', 'bounded'] as const) {
      const need = consistency === 'eventual' ? null : at(50);
      const work = { ...READ, consistency, needOf };
      expect(routed(work, 0, [DONE]).asks).toMatchObject([{ request: { seen: at(50), need } }]);
      expect(routed({ ...WRITE, consistency, needOf }, 0, [DONE]).asks).toMatchObject([
        { request: { seen: at(50), need: at(50) } },
      ]);
    }
  });

  it("[SL3] sets its user's session back as well, for a read and for a write", () => {
    const rewind = { kind: 'rewind', partition: 0, loss: { lost: at(50), instead: at(40) } };
    const read = after(ADAS, [SESSION_LOST, { kind: 'seen', positions: [] }], [REWOUND]);
    expect(read.asks.at(-1)).toMatchObject(rewind);
    const written = after({ ...WRITE, user: 'ada' }, [SESSION_LOST], [REWOUND]);
    expect(written.asks.at(-1)).toMatchObject(rewind);
    expect(written.answer).toMatchObject({ failure: { code: 'session-lost' } });
    expect(after(WRITE, [SESSION_LOST]).asks).toHaveLength(1);
  });

  it('[SL4] asks about what other devices have seen where rows of a newer epoch would hide that it is lost', () => {
    const positions = [AT_2(44), at(50)];
    const { asks, answer } = after(ADAS, [NEW, { kind: 'seen', positions }], [SESSION_LOST], [REWOUND]);
    expect(asks.map(({ kind }) => kind)).toEqual(['read', 'seen', 'read', 'rewind']);
    expect(asks[2]).toMatchObject({ request: { seen: at(50), need: AT_2(44) } });
    expect(answer).toMatchObject({ failure: { code: 'session-lost' } });
  });

  it('[SL4] asks no more than once where what they have seen is on the chain still', () => {
    const { asks } = after(ADAS, [NEW, { kind: 'seen', positions: [AT_2(44), at(40)] }]);
    expect(asks).toHaveLength(2);
  });

  it('[SL4] asks a replica that knows more than the record whether it is lost', () => {
    const known = { ...ADAS };
    const { asks } = routed(
      known,
      0,
      [NEW, { kind: 'seen', positions: [at(50)] }],
      [NEW],
      [{ kind: 'forgotten' }],
    );
    expect(asks.map(({ kind }) => kind)).toEqual(['read', 'seen', 'read', 'forget']);
    expect(asks[2]).toMatchObject({ request: { seen: at(50) } });
  });

  it('[SL4] is led nowhere by who has not begun with its request, and so has not looked whether it is lost', () => {
    for (const code of ['unavailable', 'overloaded'] as const) {
      const refusal = answered({ kind: 'failed', failure: { code, detail: 'not now' }, position: AT_2(45) });
      const looked: Reply[][] = code === 'unavailable' ? [[LOST]] : [];
      expect(after(WRITE, [refusal], ...looked).answer).toMatchObject({ failure: { code }, position: null });
      expect(after({ ...WRITE, request: KEY }, [LOST], [refusal], [LOST]).answer).toMatchObject({
        failure: { code: 'outcome-unknown' },
        position: null,
      });
    }
  });

  it('[SL2] leaves a write open whose first message was lost, and the token as it is', () => {
    const { answer } = after({ ...WRITE, request: KEY }, [LOST], [SESSION_LOST], [LOST]);
    expect(answer).toMatchObject({ failure: { code: 'outcome-unknown' }, position: null });
  });
});
