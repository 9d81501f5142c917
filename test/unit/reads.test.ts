import { beforeEach, describe, expect, it } from 'vitest';
import { Reads, type ReadStanding } from '../../shared/follower/reads.ts';
import { HELD_CHARS_MAX, WAITING_READS_MAX } from '../../shared/limits.ts';
import { EPOCH_FIRST, toLsn } from '../../shared/lsn.ts';
import { MESSAGE_VERSION, type ReadRequest } from '../../shared/protocol/messages.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { assignmentOf, memberNamed } from './pair.ts';

const at = (lsn: number) => ({ epoch: EPOCH_FIRST, lsn: toLsn(lsn) });
const MIB = 1024 * 1024;

/** At 5, of which 3 is settled. */
const STANDING: ReadStanding = {
  by: assignmentOf('quorum', [memberNamed('follower')]),
  applied: at(5),
  settled: toLsn(3),
  staleness_ms: 0,
  isFollowing: true,
  hasTables: true,
  now: 0,
};
const SETTLED: ReadStanding = { ...STANDING, settled: toLsn(5) };
const AHEAD: ReadStanding = { ...SETTLED, applied: at(9), settled: toLsn(9) };

function request(own: Partial<ReadRequest> = {}): ReadRequest {
  return {
    version: MESSAGE_VERSION,
    statements: [{ sql: 'SELECT 1', params: [] }],
    seen: null,
    need: null,
    staleness_ms_max: null,
    wait_ms: 1000,
    shows: 'settled',
    ...own,
  };
}

let reads: Reads;

beforeEach(() => {
  reads = new Reads(new NodeSql());
});

/** `wait`, or what is answered. */
function begin(standing: ReadStanding, own: Partial<ReadRequest>): string {
  const outcome = reads.begin(1, request(own), standing);
  return outcome.kind === 'answer' ? outcome.answer.kind : outcome.kind;
}

describe('a follower with as many reads that wait as it may have', () => {
  it('[DU8] serves those that need not wait, and is behind for the others until some have left', () => {
    for (let i = 0; i < WAITING_READS_MAX; i += 1) expect(begin(SETTLED, { need: at(9) })).toBe('wait');
    expect(begin(SETTLED, { need: at(9) })).toBe('behind');
    expect(begin(SETTLED, { need: at(5) })).toBe('done');
    expect(begin(STANDING, { shows: 'anything' })).toBe('done');
    expect(begin(STANDING, {})).toBe('behind');
    expect(reads.waiting).toBe(WAITING_READS_MAX);
    expect(reads.wake(AHEAD)).toHaveLength(WAITING_READS_MAX);
    expect(begin(SETTLED, { need: at(9) })).toBe('wait');
  });

  it('[DU8] holds so many characters of answers and no more, and counts those that left', () => {
    const big = { statements: [{ sql: `SELECT printf('%.*c', ${MIB}, 'x')`, params: [] }] };
    const room = HELD_CHARS_MAX / MIB;
    for (let i = 0; i < room; i += 1) expect(begin(STANDING, big)).toBe('wait');
    expect([begin(STANDING, big), begin(STANDING, {}), begin(STANDING, { need: at(9) })]).toEqual([
      'behind',
      'behind',
      'behind',
    ]);
    expect(begin(STANDING, { ...big, shows: 'anything' })).toBe('done');
    expect(reads.wake(SETTLED)).toHaveLength(room);
    for (let i = 0; i < room; i += 1) expect(begin(STANDING, big)).toBe('wait');
    expect(reads.giveUp(0, { ...STANDING, now: 1000 })).toHaveLength(room);
    expect([begin(STANDING, big), reads.waiting]).toEqual(['wait', 1]);
  });
});

it('[SI15] a read that waited when an install began gets nothing of it', () => {
  expect(begin(SETTLED, { need: at(9) })).toBe('wait');
  expect(reads.wake({ ...AHEAD, hasTables: false, isFollowing: false })).toEqual([]);
  expect(reads.wake(AHEAD)).toHaveLength(1);
});
