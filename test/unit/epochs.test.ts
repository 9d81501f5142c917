import { describe, expect, it } from 'vitest';
import { LOG_LIMITS } from '../../shared/limits.ts';
import { toEpoch } from '../../shared/lsn.ts';
import type { Batch } from '../../shared/protocol/messages.ts';
import type { Durability } from '../../shared/protocol/settings.ts';
import { Stage } from '../scenarios/stage.ts';
import { assignmentOf, LoneFollower, LoneLeader, memberNamed } from './pair.ts';
import { executeRequest } from '../execute-request.ts';

const INSERT = [{ sql: "INSERT INTO t VALUES ('x')", params: [] }];
const SELECT = [{ sql: 'SELECT count(*) FROM t', params: [] }];
const ALL = () => true;

function stageOf(durability: Durability): Stage {
  const stage = new Stage({ regions: ['weur', 'enam', 'apac'], durability, limits: LOG_LIMITS });
  stage.write([{ sql: 'CREATE TABLE t (a)', params: [] }], 'weur');
  settle(stage);
  stage.said();
  return stage;
}

function settle(stage: Stage): void {
  while (stage.wire.length > 0 || stage.skipTo(LOG_LIMITS.gatherMs))
    for (const envelope of stage.take(ALL)) stage.deliver(envelope);
}

const said = (stage: Stage, word: string): string[] => stage.said().filter((line) => line.includes(word));

describe('a replica and its epoch', () => {
  it('[EP1] takes nothing of an older one than its fence, over a restart too, nor of one that it was not told of', () => {
    const stage = stageOf('async');
    stage.write(INSERT, 'weur');
    stage.fence('enam', 2);
    stage.host('enam').crash();
    stage.host('enam').restart();
    settle(stage);
    expect(stage.host('enam').position.lsn).toBe(1);
    stage.lead('apac', 'forced', ['apac']);
    stage.write(INSERT, 'apac');
    stage.said();
    settle(stage);
    expect(said(stage, 'enam -> apac')).toContain('enam -> apac not-told');
    expect(stage.host('enam').position.lsn).toBe(1);
    stage.close();
  });

  it('[EP2] tells that what it holds is late when it is fenced, and leads no more, over a restart too', () => {
    const stage = stageOf('quorum');
    stage.write(INSERT, 'weur');
    expect(said(stage, 'client')).toEqual([]);
    stage.fence('weur', 2);
    expect(said(stage, 'client')).toEqual([expect.stringContaining('outcome-unknown')]);
    stage.host('weur').crash();
    stage.host('weur').restart();
    stage.write(INSERT, 'weur');
    stage.read(SELECT, 'weur', { need: null, wait_ms: 0 });
    expect(said(stage, 'client')).toEqual(['client <- weur: not-leader', 'client <- weur: not-leader']);
    expect(stage.host('weur').position.lsn).toBe(2);
    stage.close();
  });

  it('[EP3] answers those who wait for it before it is another', () => {
    const stage = stageOf('async');
    stage.read(SELECT, 'enam', { need: { ...stage.host('enam').position, lsn: 9 as never }, wait_ms: 5000 });
    stage.grantsLeases = false;
    stage.advance(20_000);
    stage.write(INSERT, 'weur');
    expect(said(stage, 'client').filter((line) => line.includes('weur'))).toEqual([]);
    stage.grantsLeases = true;
    stage.lead('enam', 'forced', ['enam', 'apac', 'weur']);
    expect(said(stage, 'client <- weur')).toEqual(['client <- weur: not-leader']);
    expect(stage.host('weur').core.role).toBe('follower');
    expect(stage.host('enam').core.role).toBe('leader');
    stage.close();
  });

  it('[EP4] gives out no position that names no entry', () => {
    const stage = stageOf('quorum');
    stage.write(INSERT, 'weur');
    settle(stage);
    stage.lead('enam', 'planned', ['enam', 'weur', 'apac']);
    stage.said();
    stage.read([{ sql: 'SELECT nothing', params: [] }], 'enam', { need: null, wait_ms: 0 });
    for (const envelope of stage.take(ALL)) void envelope;
    stage.advance(2_000);
    expect(stage.host('enam').position).toMatchObject({ epoch: 1, lsn: 2 });
    expect(stage.positions.at(-1)).toMatchObject({ epoch: 1, lsn: 0 });
    stage.close();
  });
});

describe('a leader that hands over', () => {
  it('[PF14] lets what comes wait until another leads, or it goes on itself', () => {
    const stage = stageOf('async');
    stage.succeed('enam');
    stage.write(INSERT, 'weur');
    expect(said(stage, 'client')).toEqual([]);
    stage.succeed(null);
    expect(said(stage, 'client')).toEqual(['client <- weur: ok 1:2 (leader) 1 changed']);
    stage.succeed('enam');
    stage.write(INSERT, 'weur');
    settle(stage);
    expect(said(stage, 'client')).toEqual([]);
    stage.lead('enam', 'planned', ['enam', 'weur', 'apac']);
    expect(said(stage, 'client')).toEqual(['client <- weur: not-leader']);
    expect(stage.host('enam').position.lsn).toBe(2);
    stage.close();
  });

  it('[PF15] says so when its successor has everything and nobody is owed an answer, and again', () => {
    const stage = stageOf('all');
    stage.write(INSERT, 'weur');
    stage.succeed('enam');
    const toEnam = ({ to }: { readonly to: string }) => to === 'enam';
    for (const envelope of stage.take(toEnam)) stage.deliver(envelope);
    for (const envelope of stage.take(({ from }) => from === 'enam')) stage.deliver(envelope);
    expect(said(stage, 'report')).toEqual([]);
    stage.advance(1_100);
    const told = stage.said();
    expect(told.filter((line) => line.startsWith('client'))).toEqual([
      expect.stringContaining('outcome-unknown'),
    ]);
    expect(told.filter((line) => line.includes('report')).length).toBeGreaterThan(0);
    stage.advance(2_100);
    expect(said(stage, 'report').length).toBeGreaterThan(0);
    stage.close();
  });
});

describe('a leader without a lease', () => {
  it('[ST3] says nothing of how fresh a follower is, nor does one that hands over', () => {
    const assignment = assignmentOf('async', [memberNamed('follower')]);
    const leader = new LoneLeader(assignment);
    const follower = new LoneFollower();
    const vouched = leader.batchAfter(follower.end, 5_000);
    const take = (batch: Batch, now: number) => follower.step({ kind: 'append', call: 1, now, batch });
    take({ ...vouched, heard: { follower_now: 4_000, leader_now: 5_000 } }, 4_200);
    expect([vouched.is_leased, follower.core.stalenessMs(4_500)]).toEqual([true, 500]);
    const successor = { name: 'follower', region: 'enam' } as const;
    leader.step({ kind: 'reassigned', now: 9_000, assignment: { ...assignment, revision: 2, successor } });
    const handsOver = leader.batchAfter(follower.end, 9_000);
    take({ ...handsOver, heard: { follower_now: 8_000, leader_now: 9_000 } }, 8_200);
    expect([handsOver.is_leased, follower.core.stalenessMs(8_500)]).toEqual([false, 4_500]);
    leader.step({ kind: 'reassigned', now: 9_001, assignment: { ...assignment, revision: 3 } });
    leader.step({
      kind: 'replied',
      follower: 'follower',
      now: 9_002,
      reply: { kind: 'fenced', epoch: toEpoch(2) },
    });
    expect(leader.batchAfter(follower.end, 9_003).is_leased).toBe(false);
  });

  it('[LE16] runs what waits when it has one, and never what waited too long', () => {
    const stage = stageOf('async');
    stage.grantsLeases = false;
    stage.advance(20_000);
    stage.write(INSERT, 'weur');
    stage.advance(4_000);
    expect(said(stage, 'client')).toEqual([]);
    stage.advance(3_000);
    expect(said(stage, 'client')).toEqual([expect.stringContaining('unavailable')]);
    stage.write(INSERT, 'weur');
    stage.grantsLeases = true;
    stage.advance(3_000);
    expect(said(stage, 'client')).toEqual(['client <- weur: ok 1:2 (leader) 1 changed']);
    stage.close();
  });

  it('[LE13] is not ended by what was told to the core of an older epoch', () => {
    const leader = new LoneLeader({ ...assignmentOf('async', [memberNamed('follower')]), epoch: toEpoch(2) });
    const ended = { kind: 'ended', epoch: toEpoch(2) } as const;
    leader.step({ kind: 'leased', epoch: toEpoch(1), askedAt: 0, now: 1, reply: ended });
    leader.step({ kind: 'leased', epoch: toEpoch(2), askedAt: 12_345, now: 1, reply: ended });
    const effects = leader.step({ kind: 'execute', call: 7, now: 2, request: executeRequest(SELECT) });
    expect(effects[0]).toMatchObject({ kind: 'answer', call: 7, answer: { kind: 'done' } });
  });
});
