import { beforeEach, describe, expect, it } from 'vitest';
import { Lease, LEASE_ASK_MS } from '../../shared/leader/lease.ts';
import { CLOCK_RATE_ERROR, LEASE_ENDS_MS, LEASE_MARGIN_MS, LEASE_MS } from '../../shared/limits.ts';
import { toEpoch } from '../../shared/lsn.ts';
import type { LeaseReply } from '../../shared/protocol/directory.ts';
import { assignmentOf } from './pair.ts';

const GRANTED: LeaseReply = { kind: 'granted', ms: LEASE_MS };
const HELD_MS = LEASE_MS - LEASE_MARGIN_MS;

let lease: Lease;

beforeEach(() => {
  lease = new Lease(assignmentOf('async', []));
});

describe('a lease', () => {
  it('[LE10] counts from when it was asked for, however late the reply is, and ends before what was granted does', () => {
    expect(lease.isHeld(100)).toBe(false);
    expect(lease.ask(100)).toMatchObject([{ kind: 'lease', askedAt: 100 }]);
    lease.answered(100, GRANTED, 1_900);
    expect(lease.isHeld(1_900)).toBe(true);
    expect(lease.isHeld(100 + HELD_MS - 1)).toBe(true);
    expect(lease.isHeld(100 + HELD_MS)).toBe(false);
  });

  it('[LE11] is asked for again when half of it has passed, by who needs it, one ask at a time', () => {
    lease.ask(0);
    expect(lease.ask(10)).toEqual([]);
    lease.answered(0, GRANTED, 20);
    expect(lease.ask(LEASE_MS / 2 - 1)).toEqual([]);
    expect(lease.ask(LEASE_MS / 2)).toHaveLength(1);
    expect(lease.ask(LEASE_MS / 2 + 1)).toEqual([]);
    expect(lease.ask(LEASE_MS / 2 + LEASE_ASK_MS)).toHaveLength(1);
  });

  it('[LE12] ends at once where the clock is set back, and what was asked before says nothing', () => {
    lease.ask(1_000);
    lease.answered(1_000, GRANTED, 1_010);
    lease.ask(7_000);
    expect(lease.isHeld(6_999)).toBe(false);
    lease.answered(7_000, GRANTED, 7_000);
    expect(lease.isHeld(7_001)).toBe(false);
    expect(lease.ask(7_002)).toHaveLength(1);
  });

  it('[LE13] does not come of a reply to an older ask, nor of a refusal', () => {
    lease.ask(0);
    lease.ask(LEASE_ASK_MS);
    lease.answered(0, GRANTED, LEASE_ASK_MS + 1);
    expect(lease.isHeld(LEASE_ASK_MS + 1)).toBe(false);
    lease.answered(LEASE_ASK_MS, { kind: 'ended', epoch: toEpoch(2) }, LEASE_ASK_MS + 2);
    expect(lease.isHeld(LEASE_ASK_MS + 2)).toBe(false);
  });

  it('[LE14] that failed is asked for again a little later', () => {
    lease.ask(0);
    lease.failed(0, 50);
    expect(lease.ask(51)).toEqual([]);
    const next = lease.nextAsk(51) ?? 0;
    expect(next).toBeGreaterThan(51);
    expect(lease.ask(next)).toHaveLength(1);
    expect(lease.nextAsk(next)).toBeNull();
  });

  it('[LE15] is over on every clock within the error when the directory takes it for over', () => {
    // The slowest clock of a leader and the fastest of a directory: what the one measures as a lease, the other measures as this.
    const longest = (LEASE_MS / (1 - CLOCK_RATE_ERROR)) * (1 + CLOCK_RATE_ERROR);
    expect(LEASE_ENDS_MS).toBeGreaterThanOrEqual(longest);
  });
});
