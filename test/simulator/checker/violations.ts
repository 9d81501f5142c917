import { LOG_LIMITS, type LogLimits } from '../../../shared/limits.ts';
import type { Hash } from '../../../shared/log/entry.ts';
import type { Final, Happening, HistoryEvent, Invoke } from '../history.ts';
import { FAILOVER_VIOLATIONS, type Violating } from './violations-failover.ts';
import {
  accounts,
  ack,
  append,
  apply,
  at,
  boot,
  copy,
  digest,
  durable,
  final,
  hash,
  led,
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

export function historyWith(changed: Partial<Record<Line, readonly Happening[]>>, ms = 1): HistoryEvent[] {
  const lines: Record<Line, readonly Happening[]> = { ...LINES, ...changed };
  return Object.values(lines)
    .flat()
    .map((happening, i) => ({ t: i * ms, ...happening }));
}

const logWith = (i: number, entry: Final['log'][number]) =>
  final('enam', { log: FINALS[1]!.log.with(i, entry) });

/** enam comes to the second entry by a snapshot, and its log begins there. */
export const INSTALLED = {
  follow: [digest('weur', 2, 'two'), ...copy(2, 'two'), digest('enam', 2, 'two')],
  finals: [final('weur'), final('enam', { start: { lsn: 2, hash: hash(2) }, log: FINALS[1]!.log.slice(2) })],
} satisfies Partial<Record<Line, readonly Happening[]>>;

const asked = (durability: 'semi-sync' | 'all', happening: Happening): Happening =>
  happening.event === 'ack' ? { ...happening, durability } : happening;

/** All of it is of a database whose writes are semi-sync, and the follower has everything when it is told. */
export function semiSync(changed: Partial<Record<Line, readonly Happening[]>>): HistoryEvent[] {
  const boots = [...LINES.boots, ...led('semi-sync')];
  const setup = [write(1, null, []), append(1), durable('weur', 1), apply(1), durable('enam', 1)];
  const set = [...LINES.set, apply(2), durable('enam', 2)];
  const lines: Partial<Record<Line, readonly Happening[]>> = {
    boots,
    setup: [...setup, asked('semi-sync', ack('weur', 1, at(1))), ok(1, at(1))],
    set,
    answer: [asked('semi-sync', ack('weur', 2, at(2), 'k')), ok(2, at(2))],
    follow: [digest('weur', 2, 'two'), digest('enam', 2, 'two')],
  };
  return historyWith({ ...lines, ...changed });
}

/** weur cuts its log to `after`, under these limits. */
export function cut(after: number, limits: Partial<LogLimits>): HistoryEvent[] {
  const few = {
    keptBytesMin: 0,
    hashedEntriesEvery: 1,
    hashedCharsEvery: 1,
    batchCharsMax: 1,
    cutEveryBytes: 1,
  };
  const given: Happening = { event: 'limits', limits: { ...LOG_LIMITS, ...few, ...limits } };
  return historyWith({
    boots: [given, ...LINES.boots, ...led('async')],
    failed: [...LINES.failed, { event: 'cut', replica: 'weur', after }],
  });
}

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

export const VIOLATIONS: Readonly<Record<string, Violating>> = {
  ...FAILOVER_VIOLATIONS,
  I1: {
    'a gap': historyWith({ follow: [apply(2), durable('enam', 2)] }),
    'a repeat': historyWith({ follow: [apply(1), apply(2), apply(2), durable('enam', 2)] }),
    'a boot that lost what was durable': historyWith({ crash: [boot('weur', 1, 'crash')] }),
    'memory that stayed after a rollback': historyWith({ send: [boot('weur', 1, 'rollback')] }),
    'a gap after a snapshot': historyWith({
      ...INSTALLED,
      follow: [digest('weur', 1, 'one'), ...copy(1, 'one')],
    }),
    'a snapshot that goes back': historyWith({
      ...INSTALLED,
      stop: [...LINES.stop, { event: 'copy-piece', replica: 'enam', position: at(2) }],
    }),
    'a log with a hole': historyWith({
      finals: [final('weur'), final('enam', { log: FINALS[1]!.log.slice(1) })],
    }),
  },
  I2: {
    'an entry on another chain': historyWith({
      follow: [
        apply(1),
        { event: 'apply', replica: 'enam', position: at(2), hash: hash(2), previous: hash(9), by: 1 },
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
      again: [{ event: 'append', replica: 'enam', position: at(3), op: 3, bytes: 1 }, durable('enam', 3)],
    }),
  },
  I6: {
    'an entry of an epoch that is over': historyWith({
      follow: [{ event: 'fence', replica: 'enam', epoch: 2 }, apply(1), durable('enam', 1)],
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
    'an acknowledgement before the follower has it': semiSync({
      set: LINES.set,
      follow: LINES.follow.slice(1),
    }),
    'an acknowledgement of all, though one copies': semiSync({
      set: [...LINES.set, ...copy(2, 'two').slice(0, -2)],
      answer: [asked('all', ack('weur', 2, at(2), 'k')), ok(2, at(2))],
    }),
    'an acknowledgement of less than was asked': semiSync({ answer: LINES.answer }),
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
        { ...ack('weur', 2, at(2), 'k'), body: 'other' as Hash },
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
  S2: {
    'a snapshot that differs': historyWith({
      ...INSTALLED,
      follow: [digest('weur', 2, 'two'), ...copy(2, 'x')],
    }),
  },
  S3: {
    'a snapshot whose end nobody saw': historyWith({ ...INSTALLED, follow: copy(2, 'two') }),
    'an answer from half a snapshot': historyWith({
      ...INSTALLED,
      read: [
        read(4, at(2), 'registers'),
        { ...ack('enam', 4, at(2)), isFromHalf: true },
        ok(4, at(2), [[['a', 2]]]),
      ],
    }),
    'half a snapshot that is taken for whole': historyWith({
      ...INSTALLED,
      follow: [digest('weur', 2, 'two'), ...copy(2, 'two').slice(0, -2), durable('enam', 2)],
    }),
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
  SD: {
    'rows that may yet be lost': semiSync({
      last: [read(6, at(2), 'items'), { ...ack('weur', 6, at(3)), durability: null }, ok(6, at(3), [[[3]]])],
      stop: [{ event: 'faults-stop' }],
    }),
    'an error that tells of what may yet be lost': semiSync({
      failed: [
        write(5, at(2), [['item', 5]]),
        { event: 'refuse', replica: 'weur', op: 5, code: 'constraint', position: at(3), shows: 'settled' },
        { event: 'fail', op: 5, code: 'constraint', position: at(3), token: at(3) },
      ],
    }),
  },
  RT: {
    'a cut of what a follower needs': cut(3, {}),
    'a cut of what always stays': cut(2, { keptBytesMin: 250 }),
    'a log that is too long at rest': historyWith({
      boots: [
        {
          event: 'limits',
          limits: { ...LOG_LIMITS, keptBytesMin: 10, claimBytesMax: 10, cutEveryBytes: 10 },
        },
        ...LINES.boots,
      ],
      finals: [final('weur', { log_bytes: 1e9 }), final('enam')],
    }),
  },
  F6: {
    'a follower that was removed and keeps its tables': historyWith({
      finals: [...FINALS, { event: 'left', replica: 'apac', tables: 3 }],
    }),
    'a follower that says it does not follow': historyWith({
      finals: [final('weur'), final('enam', { state: 'catching-up' })],
    }),
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
