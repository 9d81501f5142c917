import { describe, expect, it } from 'vitest';
import type { Hash } from '../../../shared/log/entry.ts';
import type { Final, Happening, HistoryEvent, Invoke } from '../history.ts';
import { check, type PredicateId, PREDICATES } from './check.ts';
import {
  accounts,
  ack,
  append,
  apply,
  at,
  boot,
  digest,
  durable,
  final,
  hash,
  ok,
  read,
  write,
} from './happenings.ts';

const FINALS = [final('weur'), final('enam')];

/** Three writes, one crash, one read through a follower: nothing wrong with it. Each line may be put in place of. */
const LINES = {
  boots: [boot('weur', 0), boot('enam', 0)],
  setup: [write(1, null, []), append(1), durable('weur', 1), ack('weur', 1, at(1)), ok(1, at(1))],
  set: [write(2, at(1), [['set', 'a', 2]], 'k'), append(2), durable('weur', 2)],
  send: [{ event: 'send', replica: 'weur', to: 'enam', last: at(2), hash: hash(2), entries: 2 }],
  answer: [ack('weur', 2, at(2), 'k'), ok(2, at(2))],
  item: [write(3, at(2), [['item', 3]]), append(3)],
  crash: [{ event: 'crash', replica: 'weur' }, boot('weur', 2, 'crash')],
  again: [append(3), durable('weur', 3), { event: 'info', op: 3, token: at(2) }],
  follow: [apply(1), apply(2), durable('enam', 2), digest('weur', 2, 'two'), digest('enam', 2, 'two')],
  read: [
    read(4, at(2), 'registers', 'items', 'accounts'),
    ack('enam', 4, at(2)),
    ok(4, at(2), [[['a', 2]], [], accounts]),
  ],
  failed: [
    write(5, at(2), [['item', 5]]),
    { event: 'fail', op: 5, code: 'constraint', position: at(3), token: at(3) },
  ],
  stop: [{ event: 'faults-stop' }, apply(3), durable('enam', 3)],
  last: [read(6, at(2), 'items'), ack('enam', 6, at(3)), ok(6, at(3), [[[3]]])],
  rest: [{ event: 'rest', planned: 0 }],
  finals: FINALS,
} satisfies Record<string, readonly Happening[]>;

type Line = keyof typeof LINES;

function historyWith(changed: Partial<Record<Line, readonly Happening[]>>, ms = 1): HistoryEvent[] {
  const lines: Record<Line, readonly Happening[]> = { ...LINES, ...changed };
  return Object.values(lines)
    .flat()
    .map((happening, i) => ({ t: i * ms, ...happening }));
}

const logWith = (i: number, entry: Final['log'][number]) =>
  final('enam', { log: FINALS[1]!.log.with(i, entry) });

/** Asked of the leader, so that it shows what is true then. */
const strong = (invoke: Invoke): Invoke => ({ ...invoke, consistency: 'strong' });
const reusing = (invoke: Invoke): Invoke => ({
  ...invoke,
  does: { kind: 'write', key: 'k', reusesKey: true, effects: [] },
});
const eventual = (invoke: Invoke): Invoke => ({ ...invoke, consistency: 'eventual' });
const bounded = (invoke: Invoke): Invoke => ({ ...invoke, consistency: 'bounded', staleness_ms_max: 5 });
/** On another device of the user. */
const ofUser = (invoke: Invoke, session: string): Invoke & { user: string } => ({
  ...invoke,
  session,
  user: 'u',
});

const VIOLATIONS: Readonly<Record<PredicateId, Readonly<Record<string, readonly HistoryEvent[]>>>> = {
  I1: {
    'a gap': historyWith({ follow: [apply(2), durable('enam', 2)] }),
    'a repeat': historyWith({ follow: [apply(1), apply(2), apply(2), durable('enam', 2)] }),
    'a boot that lost what was durable': historyWith({ crash: [boot('weur', 1, 'crash')] }),
    'memory that stayed after a rollback': historyWith({ send: [boot('weur', 1, 'rollback')] }),
    'a log with a hole': historyWith({
      finals: [final('weur'), final('enam', { log: FINALS[1]!.log.slice(1) })],
    }),
  },
  I2: {
    'an entry on another chain': historyWith({
      follow: [
        apply(1),
        { event: 'apply', replica: 'enam', position: at(2), hash: hash(2), previous: hash(9) },
        durable('enam', 2),
      ],
    }),
    'a broken chain in a log': historyWith({ finals: [final('weur'), logWith(2, [1, 3, hash(3), hash(9)])] }),
  },
  I3: { 'an older epoch': historyWith({ finals: [final('weur'), logWith(1, [2, 2, hash(2), hash(1)])] }) },
  I4: {
    'another entry sent': historyWith({
      send: [{ event: 'send', replica: 'weur', to: 'enam', last: at(2), hash: hash(9), entries: 1 }],
    }),
    'another entry applied': historyWith({
      stop: [{ event: 'faults-stop' }, apply(3), apply(8, 3), durable('enam', 3)],
    }),
    'another entry kept': historyWith({ finals: [final('weur'), logWith(2, [1, 3, hash(9), hash(2)])] }),
  },
  I5: {
    'an entry of another replica': historyWith({
      again: [{ event: 'append', replica: 'enam', position: at(3), op: 3 }, durable('enam', 3)],
    }),
  },
  I6: {
    'an entry of an epoch that is over': historyWith({
      follow: [{ event: 'leadership', epoch: 2 }, apply(1), durable('enam', 1)],
    }),
  },
  I7: {
    'an answer before the disk': historyWith({ set: [write(2, at(1), [['set', 'a', 2]], 'k'), append(2)] }),
    'a follower that shows what it may lose': historyWith({ follow: [apply(1), apply(2)] }),
    'an acknowledged write that is gone': historyWith({
      answer: [ack('weur', 2, at(2)), ok(2, at(2)), boot('weur', 1, 'crash')],
      crash: [],
      item: [],
      again: [],
    }),
    'an entry at another position': historyWith({ answer: [ack('weur', 2, at(2)), ok(2, at(1))] }),
  },
  I8: {
    'an entry of nobody': historyWith({ again: [append(3, null), durable('weur', 3)] }),
    'an entry before its operation': historyWith({ again: [append(3, 6), durable('weur', 3)] }),
    'an entry that no leader made': historyWith({ again: [], item: [] }),
  },
  I10: { 'an entry of a failed operation': historyWith({ again: [append(3, 5), durable('weur', 3)] }) },
  I11: {
    'half of a transaction': historyWith({
      last: [
        read(6, at(2), 'accounts'),
        ok(6, at(3), [
          [
            [0, 100],
            [1, 100],
            [2, 100],
            [3, 60],
          ],
        ]),
      ],
    }),
    'an entry of what could not be done': historyWith({
      item: [write(3, at(2), [['compare-and-set', 'a', 7, 8]]), append(3)],
    }),
  },
  K1: {
    'two entries of one key': historyWith({ item: [write(3, at(2), [], 'k'), append(3)] }),
    'two entries of one operation': historyWith({ again: [append(3, 2), durable('weur', 3)] }),
    'two answers to one key': historyWith({
      answer: [
        ack('weur', 2, at(2), 'k'),
        ok(2, at(2)),
        { event: 'ack', replica: 'weur', op: 2, position: at(2), key: 'k', body: 'other' as Hash },
      ],
    }),
  },
  K2: {
    'a key with two bodies': historyWith({
      last: [reusing(write(6, at(3), [], 'k')), ok(6, at(3))],
    }),
    'a key with two bodies, and another refusal': historyWith({
      failed: [
        reusing(write(5, at(2), [], 'k')),
        { event: 'fail', op: 5, code: 'constraint', position: at(2), token: at(2) },
      ],
    }),
  },
  S1: {
    'two digests at one position': historyWith({
      follow: [apply(1), apply(2), durable('enam', 2), digest('weur', 2, 'two'), digest('enam', 2, 'x')],
    }),
    'two digests at the end': historyWith({ finals: [final('weur'), final('enam', { sha256: 'x' })] }),
  },
  S5: { 'a change without an entry': historyWith({ stop: [...LINES.stop, digest('enam', 3, 'x')] }) },
  S6: {
    'a damaged file': historyWith({
      finals: [final('weur'), final('enam', { quick_check: 'row 1 missing' })],
    }),
    'a row without its parent': historyWith({
      finals: [final('weur', { foreign_keys_broken: 1 }), final('enam')],
    }),
  },
  T1: {
    'a read behind a write': historyWith({ read: [read(4, null, 'registers'), ok(4, at(1), [[]])] }),
    'a read behind a write of the same user on another device': historyWith({
      set: [ofUser(write(2, at(1), [['set', 'a', 2]], 'k'), 'phone'), append(2), durable('weur', 2)],
      read: [ofUser(read(4, null, 'registers'), 'laptop'), ok(4, at(1), [[]])],
    }),
  },
  T2: {
    'a read behind a read': historyWith({
      last: [...LINES.last, read(7, null, 'items'), ok(7, at(2), [[]])],
    }),
  },
  T3: { 'a write behind a write': historyWith({ failed: [write(5, null, []), ok(5, at(1))] }) },
  T4: { 'a write behind a read': historyWith({ last: [...LINES.last, write(7, null, []), ok(7, at(2))] }) },
  T5: {
    'rows of no position': historyWith({
      read: [read(4, at(2), 'registers', 'items'), ok(4, at(2), [[], [[3]]])],
    }),
    'rows that nobody wrote': historyWith({
      read: [read(4, at(2), 'registers'), ok(4, at(2), [[['a', 77]]])],
    }),
  },
  T6: {
    'rows older than the token': historyWith({ read: [read(4, at(2), 'registers'), ok(4, at(2), [[]])] }),
    'rows newer than the token': historyWith({ read: [read(4, at(2), 'items'), ok(4, at(2), [[[3]]])] }),
  },
  T7: {
    'an error without its position': historyWith({
      failed: [
        write(5, at(2), []),
        { event: 'fail', op: 5, code: 'constraint', position: at(3), token: at(2) },
      ],
    }),
    'a refusal that names nothing': historyWith({
      failed: [write(5, null, []), { event: 'fail', op: 5, code: 'constraint', position: null, token: null }],
    }),
    'a token that went back': historyWith({
      read: [read(4, at(2), 'items'), { ...ok(4, at(2), [[]]), token: at(1) }],
    }),
    'a lost answer that lost the token': historyWith({
      again: [append(3), durable('weur', 3), { event: 'info', op: 3, token: null }],
    }),
  },
  T9: {
    'rows behind the need': historyWith({ read: [read(4, at(3), 'registers'), ok(4, at(2), [[['a', 2]]])] }),
    'an operation that takes for ever': historyWith({}, 1_000),
    'a follower that lets a read wait too long': historyWith({
      follow: [...LINES.follow, { event: 'waited', replica: 'enam', op: 4, ms: 60, allowed_ms: 50 }],
    }),
    'a wait without an end': historyWith({ last: [read(6, at(2), 'items')] }),
  },
  ST: {
    'rows older than the receipt says': historyWith({
      last: [eventual(read(6, null, 'items')), { ...ok(6, at(2), [[]]), staleness_ms: 0 }],
    }),
    'rows older than a bounded read allows': historyWith({
      last: [bounded(read(6, at(2), 'items')), { ...ok(6, at(3), [[[3]]]), staleness_ms: 6 }],
    }),
  },
  F6: {
    'some that do not come together': historyWith({
      rest: [
        { event: 'core-converged', at: { weur: at(3), enam: at(2) } },
        { event: 'rest', planned: 0 },
      ],
    }),
    'replicas at different positions': historyWith({
      finals: [final('weur'), final('enam', { position: at(2) })],
    }),
    'replicas that differ': historyWith({ finals: [final('weur'), final('enam', { sha256: 'x' })] }),
    'a request that is pending': historyWith({ last: [read(6, at(2), 'items')] }),
    'a read that fails without a fault': historyWith({
      last: [read(6, at(2), 'items'), { event: 'fail', op: 6, code: 'behind', position: null, token: at(2) }],
    }),
    'a world that goes on': historyWith({ rest: [{ event: 'rest', planned: 1 }] }),
    'faults that go on': historyWith({ stop: [apply(3), durable('enam', 3)] }),
    'no end': historyWith({ rest: [] }),
  },
  LIN: {
    'a strong read of what was over': historyWith({
      last: [strong(read(6, at(2), 'registers')), ok(6, at(3), [[]])],
    }),
  },
  CYC: {
    'an append that its own session does not see': historyWith({
      failed: [write(5, at(2), [['append', 'x', 5]]), ok(5, at(2), [])],
      last: [read(6, at(2), 'lists'), ok(6, at(3), [[]])],
    }),
  },
};

describe('the checker', () => {
  it('finds nothing wrong with a history that has nothing wrong', () => {
    expect(check(historyWith({}))).toEqual([]);
  });

  it('lets an entry go that was not durable, and its operation find nothing to do when it is tried again', () => {
    const item = [write(3, at(2), [], 'c'), append(3)];
    const again = [
      ack('weur', 3, at(2), 'c'),
      ok(3, at(2), [[]]),
      write(7, at(2), [['item', 3]]),
      append(3, 7),
      durable('weur', 3),
      { event: 'info', op: 7, token: at(3) },
    ] satisfies Happening[];
    expect(check(historyWith({ item, again }))).toEqual([]);
  });

  it('[SM3] has a history that violates each predicate', () => {
    expect(Object.keys(VIOLATIONS).toSorted()).toEqual(Object.keys(PREDICATES).toSorted());
  });

  for (const [id, histories] of Object.entries(VIOLATIONS)) {
    it.each(Object.entries(histories))(`${id} fails for %s`, (_, history) => {
      expect(check(history).map((violation) => violation.id)).toContain(id);
    });
  }
});
