import { beforeEach, describe, expect, it } from 'vitest';
import { CLOCK_RATE_ERROR, LEASE_ENDS_MS, LEASE_MARGIN_MS, LEASE_MS } from '../../shared/limits.ts';
import { leadership, restart, step, told } from './directory-steps.ts';
import {
  alarmed,
  clock,
  confirm,
  fenced,
  forced,
  lease,
  outcomesOf,
  pass,
  ref,
  start,
  tick,
} from './directory-failovers.ts';

beforeEach(() => start());

const epochNow = () => leadership().epoch;

describe('a lease', () => {
  it('[LE1] is granted to the replica that leads the epoch, and writes nothing', () => {
    expect(lease('weur')).toEqual({ reply: { kind: 'granted', ms: LEASE_MS }, effects: [] });
  });

  it('[LE2] is refused to any other, which is told what it is', () => {
    const { reply, effects } = lease('enam');
    expect([reply, told(effects)]).toEqual([{ kind: 'ended', epoch: 1 }, ['enam']]);
    expect(lease('weur', 2).reply.kind).toBe('ended');
    start({ partitions: 2 });
    expect(lease('weur').reply.kind).toBe('granted');
  });

  it('[LE3] is refused to one that nothing names, which is told to erase itself', () => {
    const gone = { reply: { kind: 'ended', epoch: 1 }, effects: [{ kind: 'erase', replica: ref('oc/9') }] };
    expect(lease('oc/9')).toEqual(gone);
    step({ kind: 'erase', now: clock() });
    expect(lease('oc/9')).toEqual(gone);
  });

  it('[LE4] of a version that is not known is refused, and changes nothing', () => {
    expect(lease('weur', 1, 99)).toEqual({ reply: { kind: 'unknown-version', version: 99 }, effects: [] });
  });

  it('[LE5] ends before another leads: a forced failover waits for it, by the clocks at their worst', () => {
    lease('weur');
    const granted = clock();
    // The leader's clock is slow, it was set back, and this one is fast.
    const leaderCounts = (LEASE_MS - LEASE_MARGIN_MS) / (1 - CLOCK_RATE_ERROR);
    expect(granted + LEASE_ENDS_MS / (1 + CLOCK_RATE_ERROR)).toBeGreaterThan(
      granted + leaderCounts + LEASE_MARGIN_MS,
    );
    pass(100);
    forced();
    confirm([...fenced('enam'), ...fenced('apac')]);
    pass(LEASE_ENDS_MS - 1101);
    tick();
    expect(epochNow()).toBe(1);
    pass(1);
    tick();
    expect(epochNow()).toBe(2);
  });

  it('[LE6] counts as granted the moment that the directory was loaded', () => {
    restart();
    forced();
    confirm([...fenced('enam'), ...fenced('apac')]);
    expect(epochNow()).toBe(1);
    pass(LEASE_ENDS_MS);
    tick();
    expect(epochNow()).toBe(2);
  });

  it('[LE7] is over once the old leader is fenced, or has nothing to lead with', () => {
    for (const says of [{}, 'unassigned'] as const) {
      start();
      lease('weur');
      forced();
      fenced('enam');
      fenced('apac');
      expect(epochNow()).toBe(1);
      fenced('weur', says);
      expect(epochNow()).toBe(2);
    }
  });

  it('[LE8] is granted to nobody from the beginning of a forced failover to its end, over restarts', () => {
    forced();
    expect(lease('weur').reply).toEqual({ kind: 'ended', epoch: 1 });
    restart();
    expect(lease('weur').reply.kind).toBe('ended');
    fenced('weur');
    fenced('enam');
    confirm(fenced('apac'));
    expect(lease('weur').reply).toEqual({ kind: 'ended', epoch: 2 });
    expect(lease('enam', 2).reply.kind).toBe('granted');
  });

  it('[LE9] ends although the clock of the directory is set back by much', () => {
    lease('weur');
    pass(-3_600_000);
    forced();
    confirm([...fenced('enam'), ...fenced('apac')]);
    pass(LEASE_ENDS_MS - 1001);
    tick();
    expect(epochNow()).toBe(1);
    pass(1);
    expect(outcomesOf(alarmed())).toHaveLength(1);
  });
});
