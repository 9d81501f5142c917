import type { AssignedTo, Failover, Happening, HistoryEvent, Info, LostOf } from '../history.ts';
import { ack, append, apply, at, boot, digest, durable, final, hash, ok, read, write } from './happenings.ts';

/** By what is wrong with it. */
export type Violating = Readonly<Record<string, readonly HistoryEvent[]>>;

const members = { durability: 'async', members: ['enam'], joining: [] } as const;

/** weur leads, and enam does from epoch 2 on. */
const told = (replica: string, epoch = 1): AssignedTo => {
  const leader = epoch === 1 ? 'weur' : 'enam';
  return { event: 'assigned', replica, epoch, revision: epoch, leader, ...members };
};

const failover = (epoch: number, after: number, mode: Failover['mode'] = 'forced'): Failover => {
  const leader = epoch === 2 ? 'enam' : 'weur';
  return { event: 'failover', epoch, leader, mode, after: at(after), heard: after };
};

const byEnam = (lsn: number, op: number): Happening => ({
  event: 'append',
  replica: 'enam',
  position: at(lsn, 2),
  op,
  bytes: 100,
});

const durableAt = (replica: string, lsn: number, epoch: number): Happening => ({
  event: 'durable',
  replica,
  position: at(lsn, epoch),
});

const lost = (from_lsn: number, to_lsn: number): LostOf => ({
  epoch: 1,
  from_lsn,
  to_lsn,
  instead: at(from_lsn - 1),
});

const toldOfLoss = (op: number): Happening => ({
  event: 'fail',
  op,
  code: 'session-lost',
  position: at(2),
  token: at(2),
  lost: lost(3, 3),
});

/** What was made of it in the log of who followed weur first and leads now. */
const log = [
  ...[1, 2].map((lsn) => [1, lsn, hash(lsn), hash(lsn - 1)] as const),
  [2, 3, hash(33), hash(2)] as const,
];
const end = { position: at(3, 2), log };

/** Three writes; the third did not reach enam, which leads then and writes another third; weur comes back and gives its own up. */
const LINES = {
  boots: [boot('weur', 0), boot('enam', 0), told('weur'), told('enam')],
  setup: [write(1, null, []), append(1), durable('weur', 1), ack('weur', 1, at(1)), ok(1, at(1))],
  second: [write(2, at(1), [['set', 'a', 2]], 'k'), append(2), durable('weur', 2)],
  follow: [apply(1), apply(2), durable('enam', 2)],
  answer: [ack('weur', 2, at(2), 'k'), ok(2, at(2)), digest('weur', 2, 'two'), digest('enam', 2, 'two')],
  third: [write(3, at(2), [['item', 3]]), append(3), durable('weur', 3), ack('weur', 3, at(3)), ok(3, at(3))],
  fence: [{ event: 'fence', replica: 'enam', epoch: 2 }],
  failover: [failover(2, 2), told('enam', 2)],
  next: [
    write(4, null, [['item', 4]]),
    byEnam(3, 4),
    durableAt('enam', 3, 2),
    { ...ack('enam', 4, at(3, 2)), durability: 'async' },
    ok(4, at(3, 2)),
  ],
  back: [told('weur', 2), { event: 'truncate', replica: 'weur', position: at(2) }],
  compared: [digest('weur', 2, 'two')],
  caughtUp: [
    { event: 'apply', replica: 'weur', position: at(3, 2), hash: hash(33), previous: hash(2), by: 2 },
    durableAt('weur', 3, 2),
  ],
  told: [read(5, at(3), 'items'), toldOfLoss(5)],
  stop: [{ event: 'faults-stop' }],
  last: [read(6, at(2), 'items'), ack('weur', 6, at(3, 2)), ok(6, at(3, 2), [[[4]]])],
  rest: [{ event: 'rest', planned: 0 }],
  finals: [
    { event: 'kept', replica: 'weur', entries: [[1, 3]] },
    final('weur', { ...end, state: 'streaming' }),
    final('enam', { ...end, state: 'leader' }),
  ],
} satisfies Record<string, readonly Happening[]>;

type Line = keyof typeof LINES;

/** One session a client, so that each sees only what it is about. */
const SESSIONS: Readonly<Record<number, string>> = { 4: 'other' };

export function failedOver(changed: Partial<Record<Line, readonly Happening[]>>): HistoryEvent[] {
  const lines: Record<Line, readonly Happening[]> = { ...LINES, ...changed };
  return Object.values(lines)
    .flat()
    .map((happening, i) => {
      const session = happening.event === 'invoke' ? SESSIONS[happening.op] : undefined;
      return { t: i, ...happening, ...(session === undefined ? {} : { session }) };
    });
}

const strong = (op: number): Happening => ({
  ...read(op, null, 'items'),
  consistency: 'strong',
  session: 'strong',
});
const info = (op: number): Info => ({ event: 'info', op, token: at(2) });

/** The same of a database in which no acknowledged write may be lost. */
function safe(changed: Partial<Record<Line, readonly Happening[]>>): HistoryEvent[] {
  return failedOver({ told: [], ...changed }).map((event): HistoryEvent => {
    if (event.event === 'ack') return { ...event, durability: 'quorum' };
    return event.event === 'assigned' ? { ...event, durability: 'quorum' } : event;
  });
}

export const FAILOVER_VIOLATIONS = {
  F1: {
    'a write that the leader before acknowledges late': failedOver({
      third: [write(3, at(2), [['item', 3]]), append(3), durable('weur', 3)],
      next: [...LINES.next, ack('weur', 3, at(3)), ok(3, at(3))],
    }),
  },
  F2: { 'one promoted that lacks what was acknowledged': safe({}) },
  F3: {
    'an entry before the epoch began': failedOver({
      fence: [...LINES.fence, byEnam(3, 4)],
      next: [write(4, null, [['item', 4]]), info(4)],
    }),
    'an entry where the epoch before has one that stays': failedOver({
      next: [write(4, null, [['item', 4]]), byEnam(2, 4), info(4)],
    }),
  },
  F4: {
    'a strong read at the leader before': failedOver({
      next: [...LINES.next, strong(7), { ...ack('weur', 7, at(3)), durability: null }, ok(7, at(3), [[[3]]])],
    }),
  },
  F5: {
    'a read at what was cut off': failedOver({
      back: [told('weur', 2)],
      compared: [read(7, null), ack('weur', 7, at(3)), ok(7, at(3)), ...LINES.back.slice(1)],
    }),
  },
  F7: {
    'a planned failover that leaves something': failedOver({
      failover: [failover(2, 2, 'planned'), told('enam', 2)],
    }),
  },
  I9: {
    'an acknowledged write that may not be lost': safe({}),
    'a lost entry that nobody kept': failedOver({
      finals: [{ event: 'kept', replica: 'weur', entries: [] }, ...LINES.finals.slice(1)],
    }),
    'an entry kept as lost that is not': failedOver({
      finals: [
        {
          event: 'kept',
          replica: 'weur',
          entries: [
            [1, 3],
            [1, 2],
          ],
        },
        ...LINES.finals.slice(1),
      ],
    }),
    'a lost entry that never was': failedOver({
      finals: [
        {
          event: 'kept',
          replica: 'weur',
          entries: [
            [1, 3],
            [1, 4],
          ],
        },
        ...LINES.finals.slice(1),
      ],
    }),
  },
  I12: { 'something that stays of what was given back': failedOver({ compared: [digest('weur', 2, 'x')] }) },
  K3: {
    'an id whose entry was cut off': failedOver({
      next: [...LINES.next, { ...ack('enam', 3, at(3), 'key'), durability: 'async' }],
    }),
  },
  T8: {
    'a read that forgets what was lost': failedOver({
      told: [read(5, at(3), 'items'), ok(5, at(3, 2), [[[4]]])],
    }),
    'a replica that must know, and says nothing': failedOver({
      told: [
        { ...read(5, at(3), 'items'), consistency: 'eventual' },
        ack('weur', 5, at(3, 2)),
        ok(5, at(3, 2), [[[4]]]),
      ],
    }),
    'a loss that is none': failedOver({
      told: [read(5, at(2), 'items'), { ...toldOfLoss(5), lost: lost(2, 2) } as Happening],
    }),
  },
} satisfies Record<string, Violating>;
