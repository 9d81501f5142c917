import { describe, expect, it } from 'vitest';
import type { ReplicaAnswer } from '../../shared/protocol/messages.ts';
import type { Reply } from '../../shared/routing/asks.ts';
import { AVOID_MS, Avoided } from '../../shared/routing/avoided.ts';
import {
  at,
  answered,
  LOST,
  NOT_LEADER,
  DONE,
  WRITE,
  READ,
  CHOOSING,
  routed,
  timed,
  write,
  KEY,
  type Told,
  record,
} from './routing-steps.ts';

describe('the routing of a write', () => {
  it('[LA1] sends it once where the answer is lost and there is no request id', () => {
    const { served, asked } = write(null, LOST);
    expect(asked).toEqual(['execute']);
    expect(served.answer).toMatchObject({ kind: 'failed', failure: { code: 'outcome-unknown' } });
  });

  it('[LA1] leaves it open where the first answer is lost and the second message finds no leader', () => {
    // To fail there as any other request would say that it was not applied.
    const { served, asked } = write(KEY, LOST, NOT_LEADER, { kind: 'record', record });
    expect(asked).toEqual(['execute', 'execute', 'look-up']);
    expect(served.answer).toMatchObject({ kind: 'failed', failure: { code: 'outcome-unknown' } });
  });

  it('[LA1] leaves it open where a second message is refused, and tells the position of the refusal', () => {
    const refusal: ReplicaAnswer = {
      kind: 'failed',
      failure: { code: 'constraint', detail: 'it is there already' },
      position: at(7),
    };
    const { served } = write(KEY, LOST, answered(refusal), { kind: 'record', record });
    expect(served.answer).toMatchObject({ failure: { code: 'outcome-unknown' }, position: at(7) });
  });

  it('[LA7] takes the word of the leader that it is not as durable as asked for an answer, and does not ask again', () => {
    const held = answered({
      kind: 'failed',
      failure: { code: 'outcome-unknown', detail: 'not at a majority yet', position: at(7) },
      position: at(7),
    });
    for (const replies of [[held], [LOST, held]]) {
      const { served, asked } = write(KEY, ...replies);
      expect(asked).toEqual(replies.map(() => 'execute'));
      expect(served.answer).toEqual(held.kind === 'answered' ? held.answer : null);
    }
  });

  it('[LA7] says where the write stands that its user cannot be told of', () => {
    const { served } = routed({ ...WRITE, user: 'ada' }, 0, [DONE], [LOST]);
    expect(served.answer).toMatchObject({
      failure: { code: 'outcome-unknown', position: at(7) },
      position: at(7),
    });
  });
});

describe('the routing of a read', () => {
  const BEHIND = answered({ kind: 'behind', position: at(3), waited_ms: 1000 });
  const EARLY = answered({ kind: 'done', body: '{}', position: at(3), revision: 1 });
  const seen = (lsn: number): Reply => ({ kind: 'seen', positions: [at(lsn)] });

  it('asks the leader, once, where the nearest replica is behind', () => {
    const { served, asked } = routed(READ, 0, [BEHIND], [DONE]);
    expect(asked).toEqual(['read', 'execute']);
    expect(served.answer).toMatchObject({ kind: 'done' });
  });

  it('[LA8] says that it is behind where the leader does not answer either, and moves no token', () => {
    const { served } = routed(READ, 0, [BEHIND], [LOST], [LOST]);
    expect(served.answer).toMatchObject({ kind: 'failed', failure: { code: 'behind' }, position: null });
  });

  it('[LA8] says that it is behind where the leader cannot show what it holds, and moves no token', () => {
    for (const [work, turns] of [
      [{ ...READ, consistency: 'strong' }, [[BEHIND]]],
      [READ, [[BEHIND], [BEHIND]]],
    ] as const) {
      const { served } = routed(work, 0, ...turns, [LOST]);
      expect(served.answer).toMatchObject({ kind: 'failed', failure: { code: 'behind' }, position: null });
    }
  });

  it('asks again for what the other devices of its user have seen, for as long as is left of its time', () => {
    const { asks } = routed({ ...READ, user: 'ada' }, 400, [EARLY, seen(7)], [DONE]);
    expect(asks.map(({ kind }) => kind)).toEqual(['read', 'seen', 'read']);
    expect(asks[2]).toMatchObject({ request: { need: at(7), wait_ms: 600 } });
  });

  it('never waits longer than it may, also where the clock is set back meanwhile', () => {
    const { asks } = routed({ ...READ, user: 'ada' }, -300_000, [EARLY, seen(7)], [DONE]);
    expect(asks[2]).toMatchObject({ request: { wait_ms: 1000 } });
  });

  it('asks the leader where nobody knows what the other devices have seen', () => {
    const { asked } = routed({ ...READ, user: 'ada' }, 0, [DONE, LOST], [DONE]);
    expect(asked).toEqual(['read', 'seen', 'execute']);
  });
});

describe('the routing of a read that has several followers to choose from', () => {
  const AVOIDED: Reply = { kind: 'avoided' };
  const OVERLOADED: Reply = { kind: 'overloaded' };
  const UNASSIGNED = answered({ kind: 'unassigned' });
  const BUSY = answered({ kind: 'failed', failure: { code: 'overloaded', detail: 'busy' }, position: null });

  function askedOf({ asks }: Told): string[] {
    return asks.map((ask) => {
      if (ask.kind === 'read' || ask.kind === 'execute') return ask.to.name;
      return ask.kind === 'avoid' ? `avoid ${ask.replica.name}` : ask.kind;
    });
  }

  it('[RT11] asks the next one where the first is lost, and remembers it', () => {
    const told = routed(CHOOSING, 0, [LOST], [AVOIDED], [DONE]);
    expect(askedOf(told)).toEqual(['follower', 'avoid follower', 'sibling']);
    expect(told.served.answer).toMatchObject({ kind: 'done' });
  });

  it('[RT11] asks the next one where the first has too much to do, which is no reason to avoid it', () => {
    for (const first of [OVERLOADED, BUSY])
      expect(askedOf(routed(CHOOSING, 0, [first], [DONE]))).toEqual(['follower', 'sibling']);
  });

  it('[RT11] asks the next one where the first is not what the record says, and forgets the record', () => {
    const told = routed(CHOOSING, 0, [UNASSIGNED], [{ kind: 'forgotten' }, AVOIDED], [DONE]);
    expect(askedOf(told)).toEqual(['follower', 'forget', 'avoid follower', 'sibling']);
  });

  it('[RT11] asks the next one where the first has no tables yet, and remembers it', () => {
    const told = routed(CHOOSING, 0, [answered({ kind: 'installing' })], [AVOIDED], [DONE]);
    expect(askedOf(told)).toEqual(['follower', 'avoid follower', 'sibling']);
    const alone = routed(READ, 0, [answered({ kind: 'installing' })], [AVOIDED], [DONE]);
    expect(askedOf(alone)).toEqual(['follower', 'avoid follower', 'leader']);
  });

  it('[RT15] forgets the record, once, where the answer is of a newer revision, and gives the answer', () => {
    const newer = answered({ kind: 'done', body: '{"newer":1}', position: at(7), revision: 2 });
    for (const work of [CHOOSING, { ...READ, consistency: 'strong' as const }, WRITE]) {
      const told = routed(work, 0, [newer], [{ kind: 'forgotten' }]);
      expect(told.asked.slice(1)).toEqual(['forget']);
      expect(told.served.answer).toMatchObject({ kind: 'done', body: '{"newer":1}' });
    }
    expect(routed(CHOOSING, 0, [DONE]).asked).toEqual(['read']);
    const older = answered({ kind: 'done', body: '{}', position: at(7), revision: 0 });
    expect(routed(CHOOSING, 0, [older]).asked).toEqual(['read']);
  });

  it('[RT11] asks the leader where the second does not serve either, whoever else is there', () => {
    const told = routed(CHOOSING, 0, [LOST], [AVOIDED], [OVERLOADED], [DONE]);
    expect(askedOf(told)).toEqual(['follower', 'avoid follower', 'sibling', 'leader']);
  });

  it('[RT11] asks the leader at once where a follower is behind: its siblings mostly are too', () => {
    expect(
      askedOf(routed(CHOOSING, 0, [answered({ kind: 'behind', position: at(3), waited_ms: 9 })], [DONE])),
    ).toEqual(['follower', 'leader']);
  });

  it('[RT13] gives followers no more time in all than one of them', () => {
    const one = routed(READ, 0, [DONE]).asks[0];
    expect(one).toMatchObject({ timeout_ms: 6000 });
    const told = timed(
      CHOOSING,
      { replies: [LOST], now: 3000 },
      { replies: [AVOIDED], now: 3000 },
      { replies: [LOST], now: 6000 },
      { replies: [AVOIDED], now: 6000 },
      { replies: [DONE], now: 6000 },
    );
    expect(told.asks).toMatchObject([
      { to: { name: 'follower' }, request: { wait_ms: 1000 }, timeout_ms: 3000 },
      {},
      { to: { name: 'sibling' }, request: { wait_ms: 0 }, timeout_ms: 3000 },
      {},
      { to: { name: 'leader' }, request: { hold_ms: 1000, route: 'fallback' } },
    ]);
  });

  it('[RT12] goes to the leader, as a last resort, where there is nobody left to ask', () => {
    const told = routed({ ...CHOOSING, candidatesOf: () => [] }, 0, [DONE]);
    expect(told.asks).toMatchObject([{ kind: 'execute', request: { route: 'fallback' } }]);
  });

  it("[RT11] asks a user's session once, whichever follower answers", () => {
    const told = routed(
      { ...CHOOSING, user: 'ada' },
      0,
      [LOST, { kind: 'seen', positions: [at(7)] }],
      [AVOIDED],
      [DONE],
    );
    expect(askedOf(told)).toEqual(['follower', 'seen', 'avoid follower', 'sibling']);
    expect(told.asks.at(-1)).toMatchObject({ request: { need: at(7) } });
  });
});

describe('what a replica is asked to show, and for how long it may hold its answer', () => {
  const BEHIND = answered({ kind: 'behind', position: at(3), waited_ms: 800 });

  it('[RT14] shows what may be lost to nobody but an eventual read', () => {
    for (const consistency of ['session', 'strong', 'eventual', 'bounded'] as const) {
      const shows = consistency === 'eventual' ? 'anything' : 'settled';
      expect(routed({ ...READ, consistency }, 0, [DONE]).asks).toMatchObject([{ request: { shows } }]);
      expect(routed({ ...WRITE, consistency }, 0, [DONE]).asks).toMatchObject([{ request: { shows } }]);
    }
  });

  it('[QH4] asks the leader for the durability of a write, and for none of a read', () => {
    const durability = 'quorum' as const;
    expect(routed({ ...WRITE, durability }, 0, [DONE]).asks).toMatchObject([{ request: { durability } }]);
    expect(routed({ ...READ, durability, consistency: 'strong' }, 0, [DONE]).asks).toMatchObject([
      { request: { durability: null } },
    ]);
  });

  it('[QH4] asks for it also where a read turned out to write', () => {
    const writes = answered({ kind: 'writes', position: at(3) });
    const { asks } = routed({ ...READ, durability: 'all' }, 0, [writes], [DONE]);
    expect(asks[1]).toMatchObject({ request: { durability: 'all', hold_ms: 10_000 } });
  });

  it("[QH5] lets the leader hold a read's answer for what is left of the wait, and a moment in any case", () => {
    const { asks } = routed({ ...READ, wait_ms: 5000 }, 1500, [BEHIND], [DONE]);
    expect(asks[1]).toMatchObject({ request: { hold_ms: 3500 } });
    expect(routed(READ, 800, [BEHIND], [DONE]).asks[1]).toMatchObject({ request: { hold_ms: 1000 } });
  });
});

describe('what is avoided', () => {
  it('[RT12] is avoided for ten seconds, and not for as long as a clock is set back', () => {
    const avoided = new Avoided();
    avoided.add('a', 5000);
    expect([4999, 5000, 5000 + AVOID_MS - 1].map((now) => avoided.has('a', now))).toEqual([
      false,
      false,
      false,
    ]);
    avoided.add('a', 5000);
    expect([5000, 5000 + AVOID_MS - 1, 5000 + AVOID_MS].map((now) => avoided.has('a', now))).toEqual([
      true,
      true,
      false,
    ]);
    expect([AVOID_MS, avoided.has('b', 5000)]).toEqual([10_000, false]);
  });
});
