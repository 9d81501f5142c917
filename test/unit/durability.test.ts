import { describe, expect, it } from 'vitest';
import { HELD_ANSWERS_MAX, LOG_LIMITS } from '../../shared/limits.ts';
import type { Durability } from '../../shared/protocol/settings.ts';
import type { Region } from '../../shared/regions.ts';
import { play } from '../scenarios/runner.ts';
import { Stage } from '../scenarios/stage.ts';

const INSERT = [{ sql: "INSERT INTO t VALUES ('x')", params: [] }];
const SELECT = [{ sql: 'SELECT count(*) FROM t', params: [] }];
const ALL = () => true;

/** Members that have the table, and nothing on its way. */
function stageOf(durability: Durability, followers: readonly Region[]): Stage {
  const stage = new Stage({ regions: ['weur', ...followers], durability, limits: LOG_LIMITS });
  stage.write([{ sql: 'CREATE TABLE t (a)', params: [] }], 'weur');
  settle(stage);
  return stage;
}

function deliverAll(stage: Stage): void {
  while (stage.wire.length > 0 || stage.skipTo(LOG_LIMITS.gatherMs))
    for (const envelope of stage.take(ALL)) stage.deliver(envelope);
}

function settle(stage: Stage): void {
  deliverAll(stage);
  stage.said();
}

/** Brings the leader's messages to these followers, and their answers back. */
function exchange(stage: Stage, followers: readonly string[]): void {
  for (const envelope of stage.take(({ to }) => followers.includes(to))) stage.deliver(envelope);
  for (const envelope of stage.take(({ to, from }) => to === 'weur' && followers.includes(from)))
    stage.deliver(envelope);
}

const answers = (stage: Stage): string[] => stage.said().filter((line) => line.startsWith('client'));

describe('a write waits for as many replicas as it asks', () => {
  const FOUR = ['enam', 'apac', 'oc', 'sam'] as const;
  it.each([
    ['async', []],
    ['semi-sync', ['enam']],
    ['quorum', ['enam', 'apac']],
    ['all', ['enam', 'apac', 'oc', 'sam']],
  ] as const)('[DU4] %s: the leader and %j', (durability, needed) => {
    const stage = stageOf('async', FOUR);
    stage.write(INSERT, 'weur', { durability });
    for (const follower of needed) {
      expect(answers(stage)).toEqual([]);
      exchange(stage, [follower]);
    }
    expect(answers(stage)).toEqual(['client <- weur: ok 1:2 (leader) 1 changed']);
    stage.close();
  });

  it('[DU4] a follower that joins counts for nothing until it is a member', () => {
    const stage = stageOf('async', ['enam']);
    stage.add('oc');
    settle(stage);
    stage.write(INSERT, 'weur', { durability: 'semi-sync' });
    exchange(stage, ['oc']);
    expect(answers(stage)).toEqual([]);
    stage.promote('oc');
    exchange(stage, ['oc']);
    expect(answers(stage)).toHaveLength(1);
    stage.close();
  });

  it('[DU7] and is sent at once, whatever was sent just before', () => {
    const stage = stageOf('async', ['enam']);
    stage.write(INSERT, 'weur');
    exchange(stage, ['enam']);
    stage.write(INSERT, 'weur');
    expect(stage.wire).toHaveLength(0);
    stage.write(INSERT, 'weur', { durability: 'all' });
    expect(stage.wire).toHaveLength(1);
    stage.close();
  });
});

describe('what may still be lost', () => {
  it('[DU5] is shown by the leader to nobody, and by a follower only when enough others have it', () => {
    const stage = stageOf('all', ['enam', 'apac']);
    stage.write(INSERT, 'weur');
    stage.read(SELECT, 'weur', { need: null, wait_ms: 1000 });
    exchange(stage, ['enam']);
    stage.read(SELECT, 'enam', { need: null, wait_ms: 1000 });
    expect(answers(stage)).toEqual([]);
    exchange(stage, ['apac']);
    expect(answers(stage)).toEqual([
      'client <- weur: ok 1:2 (leader) 1 changed',
      'client <- weur: ok 1:2 (leader) [[1]]',
    ]);
    deliverAll(stage);
    expect(answers(stage)).toEqual(['client <- enam: ok 1:2 (nearest) [[1]]']);
    stage.close();
  });

  it('[DU5] not even in the words of an error', () => {
    const stage = stageOf('semi-sync', ['enam']);
    stage.write([{ sql: 'CREATE UNIQUE INDEX u ON t (a)', params: [] }], 'weur');
    stage.write(INSERT, 'weur');
    stage.write(INSERT, 'weur');
    expect(answers(stage)).toEqual([]);
    deliverAll(stage);
    expect(answers(stage).join('\n')).toContain('UNIQUE');
    stage.close();
  });

  it('[DU5] nor by a leader that has just woken and knows of no acknowledgement', () => {
    const stage = stageOf('quorum', ['enam', 'apac']);
    stage.host('weur').evict();
    stage.read(SELECT, 'weur', { need: null, wait_ms: 1000 });
    expect(answers(stage)).toEqual([]);
    exchange(stage, ['apac']);
    expect(answers(stage)).toEqual(['client <- weur: ok 1:1 (leader) [[0]]']);
    stage.close();
  });

  it('[DU4] what a relay tells of its siblings counts for nothing: they are asked', () => {
    const stage = stageOf('async', ['enam', 'enam']);
    stage.write(INSERT, 'weur', { durability: 'all' });
    exchange(stage, ['enam']);
    expect(answers(stage)).toEqual([]);
    exchange(stage, ['enam/2']);
    expect(answers(stage)).toEqual(['client <- weur: ok 1:2 (leader) 1 changed']);
    stage.close();
  });
});

it('[DU6] a leader with too many answers that wait refuses before it runs anything', () => {
  const stage = stageOf('semi-sync', ['enam']);
  for (let i = 0; i < HELD_ANSWERS_MAX; i += 1) stage.write(INSERT, 'weur');
  stage.write(INSERT, 'weur');
  expect(answers(stage)).toEqual([expect.stringContaining('overloaded: ')]);
  expect(stage.host('weur').position.lsn).toBe(1 + HELD_ANSWERS_MAX);
  settle(stage);
  stage.write(INSERT, 'weur');
  exchange(stage, ['enam']);
  expect(answers(stage)).toHaveLength(1);
  stage.close();
});

it('[DU3] a retry of a write that was not confirmed waits for what its receipt says', () => {
  const text = play(
    [
      'cluster weur enam semi-sync',
      'write CREATE TABLE t (a)',
      'settle',
      "write-once k INSERT INTO t VALUES ('x')",
      'drop enam',
      'advance 31s',
      "write-once k INSERT INTO t VALUES ('x')",
      'settle',
    ].join('\n'),
  );
  const told = text.split('\n').filter((line) => /^client <- weur: (?:outcome|ok 1:2)/.test(line));
  expect(told).toEqual([expect.stringContaining('outcome-unknown'), expect.stringContaining('ok 1:2')]);
});
