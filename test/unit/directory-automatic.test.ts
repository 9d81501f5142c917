import { beforeEach, describe, expect, it } from 'vitest';
import { toEpoch } from '../../shared/lsn.ts';
import type { DirectoryEffect } from '../../shared/directory/events.ts';
import { leadership, record, restart, step } from './directory-steps.ts';
import {
  clock,
  confirm,
  fenced,
  fencesOf,
  lease,
  pass,
  pinged,
  pingsOf,
  reached,
  reachesOf,
  start,
  tick,
  timersOf,
} from './directory-failovers.ts';

beforeEach(() => start({ automatic_failover_ms: 8000 }));

function suspect(epoch = 1): DirectoryEffect[] {
  return step({ kind: 'suspect', suspicion: { partition: 0, epoch: toEpoch(epoch) }, now: clock() });
}

function configure(automatic_failover_ms: number | null): void {
  step({ kind: 'configure', automatic_failover_ms, now: clock() });
}

/** Rounds of asking, with the same answers in each; gives how long they went on. */
function rounds(begun: DirectoryEffect[], answer: (asked: DirectoryEffect[]) => void): number {
  const since = clock();
  let asked = begun;
  for (let i = 0; i < 30; i += 1) {
    if (pingsOf(asked).length > 0) answer(asked);
    if (record()?.failovers.length !== 0) break;
    const [at] = timersOf(asked);
    if (at === undefined) break;
    pass(at - clock());
    asked = tick(at);
  }
  return clock() - since;
}

const silent = (asked: DirectoryEffect[]) => {
  reached(asked, false);
  pinged(asked, null);
};

describe('automatic failover', () => {
  it('[AF1] is off unless it was asked for', () => {
    start();
    expect(suspect()).toEqual([]);
    configure(8000);
    expect(record()?.settings.automatic_failover_ms).toBe(8000);
    restart();
    expect(pingsOf(suspect())).toHaveLength(1);
    configure(null);
    pass(2000);
    expect(pingsOf(tick())).toEqual([]);
  });

  it('[AF2] asks the leader itself, and every member whether it reaches it', () => {
    const asked = suspect();
    expect(pingsOf(asked)).toMatchObject([{ replica: { region: 'weur' } }]);
    expect(reachesOf(asked).map(({ via, replica }) => [via.region, replica.region])).toEqual([
      ['enam', 'weur'],
      ['apac', 'weur'],
    ]);
    // Whoever suspects again adds nothing.
    expect(suspect()).toEqual([]);
  });

  it('[AF3] begins after the detection time of nothing but silence', () => {
    expect(rounds(suspect(), silent)).toBe(8000);
    expect(record()?.failovers).toMatchObject([{ mode: 'automatic' }]);
    expect(lease('weur').reply.kind).toBe('ended');
    pass(1000);
    fenced('enam', { lsn: 3 });
    confirm(fenced('apac', { lsn: 2 }));
    expect(leadership()).toMatchObject({
      epoch: 2,
      leader: { region: 'enam' },
      history: [{ mode: 'automatic' }],
    });
  });

  it('[AF4] needs several rounds, however short the detection time', () => {
    configure(1);
    expect(rounds(suspect(), silent)).toBe(2000);
    expect(record()?.failovers).toHaveLength(1);
  });

  it.each([
    ['the leader answers', (asked: DirectoryEffect[]) => void pinged(asked, 'leader')],
    ['one member reaches it', (asked: DirectoryEffect[]) => void reached(asked, true)],
    ['it asks for a lease', () => void lease('weur')],
  ])('[AF5] does not begin where %s, even once', (_, sign) => {
    let round = 0;
    const took = rounds(suspect(), (asked) => {
      round += 1;
      if (round === 3) sign(asked);
      silent(asked);
    });
    expect(record()?.failovers).toEqual([]);
    expect(took).toBeLessThan(8000);
  });

  it('[AF6] does not begin where no member answers: it may be the directory that is cut off', () => {
    rounds(suspect(), (asked) => {
      pinged(asked, null);
      reached(asked, null);
    });
    expect(record()?.failovers).toEqual([]);
    // Nobody is asked for ever.
    expect(timersOf(tick())).toEqual([]);
  });

  it('[AF7] concerns the leader of the newest epoch only, and not while a failover runs', () => {
    expect(suspect(2)).toEqual([]);
    rounds(suspect(), silent);
    expect(suspect()).toEqual([]);
    pass(1000);
    fenced('enam');
    confirm(fenced('apac'));
    expect(suspect(1)).toEqual([]);
    expect(pingsOf(suspect(2))).toHaveLength(1);
  });

  it('[AF8] accepts no loss: with quorum it waits for as many as a person would have to', () => {
    start({ automatic_failover_ms: 8000, durability: 'quorum' });
    rounds(suspect(), silent);
    expect(fencesOf(tick())).toEqual([]);
    fenced('enam');
    pass(60_000);
    tick();
    expect(leadership().epoch).toBe(1);
    fenced('apac');
    expect(leadership().epoch).toBe(2);
  });

  it('[AF9] a database without followers has nobody to promote', () => {
    start({ automatic_failover_ms: 8000, followers: [] });
    expect(suspect()).toEqual([]);
  });
});
