import { expect, it } from 'vitest';
import { LOG_LIMITS, type LogLimits } from '../../shared/limits.ts';
import { Log } from '../../shared/log/log.ts';
import { first } from '../../shared/ports.ts';
import { logLimitsFrom, retentionFault } from '../../shared/retention-settings.ts';
import { Stage } from '../scenarios/stage.ts';

const INSERT = [
  { sql: "INSERT INTO t VALUES ('some text, so that an entry is about a hundred bytes')", params: [] },
];
const ALL = () => true;

function stageOf(own: Partial<LogLimits>): Stage {
  const limits = { ...LOG_LIMITS, hashedEntriesEvery: 1, cutEveryBytes: 0, keptBytesMin: 1000, ...own };
  const stage = new Stage({ regions: ['weur', 'enam'], durability: 'async', limits });
  stage.write([{ sql: 'CREATE TABLE t (a)', params: [] }], 'weur');
  settle(stage);
  return stage;
}

function settle(stage: Stage): void {
  while (stage.wire.length > 0 || stage.skipTo(LOG_LIMITS.gatherMs))
    for (const envelope of stage.take(ALL)) stage.deliver(envelope);
}

function write(stage: Stage, entries: number): void {
  for (let i = 0; i < entries; i += 1) stage.write(INSERT, 'weur');
}

const logOf = (stage: Stage, replica: string): Log => new Log(stage.host(replica).storage);

it('[RN2] what every follower has is cut, but for what is always kept; a follower cuts as far as its leader', () => {
  const stage = stageOf({});
  for (let i = 0; i < 10; i += 1) {
    write(stage, 10);
    settle(stage);
  }
  for (const replica of ['weur', 'enam']) {
    const { bytes, start } = logOf(stage, replica);
    expect(bytes).toBeGreaterThanOrEqual(1000);
    expect(bytes).toBeLessThan(4000);
    expect(start.lsn).toBeGreaterThan(50);
  }
  stage.close();
});

it('[RN2] what a follower needs is not cut while it is away', () => {
  const stage = stageOf({});
  stage.host('enam').crash();
  write(stage, 100);
  settle(stage);
  expect(logOf(stage, 'weur').start.lsn).toBeLessThanOrEqual(1);
  stage.host('enam').restart();
  stage.advance(60_000);
  settle(stage);
  expect(stage.host('enam').position.lsn).toBe(101);
  stage.close();
});

it('[RN2] nor by a leader that has just woken, and has not heard of it', () => {
  const stage = stageOf({});
  stage.host('enam').crash();
  write(stage, 20);
  stage.host('weur').evict();
  write(stage, 50);
  expect(logOf(stage, 'weur').start.lsn).toBeLessThanOrEqual(1);
  stage.close();
});

it('[RN2] nor by one that is asked, late, for what it has cut before', () => {
  const stage = stageOf({});
  const late = logOf(stage, 'enam').end;
  for (let i = 0; i < 10; i += 1) {
    write(stage, 10);
    settle(stage);
  }
  const needed = logOf(stage, 'enam').end.lsn;
  expect(logOf(stage, 'weur').start.lsn).toBeGreaterThan(late.lsn);
  stage.host('enam').crash();
  stage.host('weur').evict();
  stage.pull('enam', late);
  write(stage, 100);
  expect(logOf(stage, 'weur').start.lsn).toBeLessThanOrEqual(needed);
  stage.close();
});

it('[RN3] until it is too much, or too old', () => {
  const big = stageOf({ claimBytesMax: 3000 });
  big.host('enam').crash();
  write(big, 100);
  expect(logOf(big, 'weur').bytes).toBeLessThanOrEqual(3000);
  big.close();

  const old = stageOf({ claimAgeMs: 1000 });
  old.host('enam').crash();
  write(old, 100);
  expect(logOf(old, 'weur').start.lsn).toBeLessThanOrEqual(1);
  old.advance(2000);
  write(old, 1);
  expect(logOf(old, 'weur').start.lsn).toBeGreaterThan(50);
  old.close();
});

it('[RN3] an entry that is too old takes no young one along, and nothing of what is always kept', () => {
  const stage = stageOf({ claimAgeMs: 1000, keptBytesMin: 0 });
  stage.host('enam').crash();
  write(stage, 50);
  stage.advance(2000);
  write(stage, 50);
  expect(logOf(stage, 'weur').start.lsn).toBeLessThanOrEqual(51);
  stage.close();

  const kept = stageOf({ claimAgeMs: 1000, keptBytesMin: 3000 });
  kept.host('enam').crash();
  write(kept, 100);
  kept.advance(2000);
  write(kept, 1);
  expect(logOf(kept, 'weur').bytes).toBeGreaterThanOrEqual(3000);
  kept.close();
});

it('[RN1] as many rows are removed as come, however large the entries are', () => {
  const stage = stageOf({ cutRowsMax: 10, cutEveryBytes: 1000 });
  const many =
    'INSERT INTO t WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 500) SELECT i FROM c';
  stage.write([{ sql: many, params: [] }], 'weur');
  for (let i = 0; i < 20; i += 1) {
    stage.write([{ sql: 'UPDATE t SET a = a + 1', params: [] }], 'weur');
    settle(stage);
  }
  const rows = first(stage.host('weur').storage, 'SELECT count(*) FROM _tidemark_changes')?.[0];
  expect(rows).toBeLessThan(2500);
  stage.close();
});

it('[RN4] malformed retention settings are named, and do not weaken what is kept', () => {
  expect(retentionFault({})).toBeNull();
  expect(retentionFault({ TIDEMARK_LOG_CLAIM_SECONDS: '3600' })).toBeNull();
  expect(retentionFault({ TIDEMARK_LOG_KEPT_BYTES: '1 GB' })).toContain('TIDEMARK_LOG_KEPT_BYTES');
  expect(retentionFault({ TIDEMARK_LOG_CLAIM_BYTES: '5' })).toContain('TIDEMARK_LOG_CLAIM_BYTES');
  expect(logLimitsFrom({ TIDEMARK_LOG_KEPT_BYTES: 'x' })).toEqual(LOG_LIMITS);
  expect(logLimitsFrom({ TIDEMARK_LOG_CLAIM_SECONDS: '60' }).claimAgeMs).toBe(60_000);
});
