import { describe, expect, it } from 'vitest';
import { HASH_OF_NOTHING, hashOf } from '../../shared/log/entry.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import type { Position } from '../../shared/position.ts';
import type { Assignment } from '../../shared/protocol/assignment.ts';
import type { HistoryEvent } from '../simulator/history.ts';
import type { ReplicaFile } from './finals.ts';
import { Journal, type LoggedEntry } from './journal.ts';
import { judge, type Remains } from './judge.ts';

const at = (lsn: number, epoch = 1): Position => ({ epoch: toEpoch(epoch), lsn: toLsn(lsn) });

const FAILED_OVER_AT = 100;
const LOG: readonly LoggedEntry[] = [
  { position: at(1), ops: [1] },
  { position: at(2), ops: [2] },
  { position: at(3, 2), ops: [4] },
];

const assignment = {
  epoch: 2,
  revision: 2,
  leader: { name: 'shop/1/0/enam', region: 'enam' },
  history: [
    {
      epoch: 2,
      after: { epoch: 1, lsn: 2, hash: hashOf('2') },
      mode: 'forced',
      at: FAILED_OVER_AT,
      heard: 3,
    },
  ],
} as unknown as Assignment;

/** weur led, and enam has led since epoch 2 began after the second entry; weur has kept its own third. */
const file = (replica: string, kept: readonly LoggedEntry[]): ReplicaFile => ({
  final: {
    event: 'final',
    replica,
    position: at(3, 2),
    sha256: 'same',
    quick_check: 'ok',
    foreign_keys_broken: 0,
    state: replica === 'enam' ? 'leader' : 'streaming',
    start: { lsn: 0, hash: HASH_OF_NOTHING },
    log_bytes: 0,
    log_rows_left: 0,
    log: LOG.map(({ position: { epoch, lsn } }) => [
      epoch,
      lsn,
      hashOf(String(lsn)),
      lsn === 1 ? HASH_OF_NOTHING : hashOf(String(lsn - 1)),
    ]),
  },
  assignment,
  log: LOG,
  kept,
  ops: [1, 2, 4],
});

function wrote(op: number, position: Position, t: number): HistoryEvent[] {
  return [
    {
      t,
      event: 'invoke',
      op,
      client: 'c',
      session: `s${op}`,
      user: null,
      consistency: 'session',
      staleness_ms_max: null,
      need: null,
      bound_ms: 1_000,
      durability: null,
      does: { kind: 'write', key: null, reusesKey: false, effects: [] },
    },
    { t: t + 1, event: 'ok', op, position, token: position, rows: [], staleness_ms: 0 },
  ];
}

const LOST = { position: at(3), ops: [3] };

/** `thirdAt`: when the third write was asked for. */
function found(changed: Partial<Remains>, thirdAt = 30): string[] {
  const journal = new Journal();
  const history = [
    ...wrote(1, at(1), 10),
    ...wrote(2, at(2), 20),
    ...wrote(3, at(3), thirdAt),
    ...wrote(4, at(3, 2), 200),
  ].toSorted((a, b) => a.t - b.t);
  for (const event of history)
    if (event.event === 'ok') journal.acknowledged(event.op, event.position, [[event.position.lsn]]);
  history.push({ t: 300, event: 'faults-stop' }, { t: 301, event: 'rest', planned: 0 });
  const files = new Map([
    ['weur', file('weur', [LOST])],
    ['enam', file('enam', [])],
  ]);
  const leaders = new Map([
    [1, new Set(['weur'])],
    [2, new Set(['enam'])],
  ]);
  const remains = { regions: ['weur', 'enam'], leaders, listed: [at(3)], isSafe: false, files };
  const { violations } = judge({ history, journal, ...remains, ...changed });
  return violations.map(({ id }) => id);
}

describe('[TT2] the judgement of a torture with failovers', () => {
  it('finds nothing where what was lost was kept and is listed', () => {
    expect(found({})).toEqual([]);
  });

  it('finds what was lost where nothing may be, and that it was shown', () => {
    expect(found({ isSafe: true })).toEqual(['I9', 'SD']);
  });

  it('finds a write that an old leader did after the next epoch had begun', () => {
    expect(found({}, FAILED_OVER_AT + 1)).toEqual(['F1']);
  });

  it('finds what is kept and not listed, or the other way round', () => {
    expect(found({ listed: [] })).toEqual(['I9']);
    expect(found({ listed: [at(3), at(4)] })).toEqual(['I9']);
  });

  it('finds what is kept as lost and is not', () => {
    const files = new Map([
      ['weur', file('weur', [LOST])],
      ['enam', file('enam', [{ position: at(2), ops: [2] }])],
    ]);
    expect(found({ files, listed: [at(2), at(3)] })).toEqual(['I9']);
  });

  it('finds two leaders of one epoch, and replicas that were told of different ones', () => {
    const leaders = new Map([[2, new Set(['enam', 'weur'])]]);
    expect(found({ leaders })).toEqual(['I5']);
    const other = { ...file('enam', []), assignment: { ...assignment, epoch: toEpoch(1) } };
    const files = new Map([
      ['weur', file('weur', [LOST])],
      ['enam', other],
    ]);
    expect(found({ files })).toEqual(['F6']);
  });

  it('finds an entry that is missing from those that were lost', () => {
    const files = new Map([
      ['weur', file('weur', [{ position: at(4), ops: [3] }])],
      ['enam', file('enam', [])],
    ]);
    expect(found({ files, listed: [at(4)] })).toContain('I1');
  });
});
