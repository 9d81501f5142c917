import { CLOCK_RATE_ERROR, LOG_LIMITS, type LogLimits } from '../../shared/limits.ts';
import type { Durability } from '../../shared/protocol/settings.ts';
import { REGIONS, type Region } from '../../shared/regions.ts';
import type { Skew } from './local-clock.ts';
import { Random } from './random.ts';
import { drawShares, type Share } from './workloads/all.ts';

/** What one seed's world is like. Rates are chances for each message or step; times are in milliseconds. */
export interface Plan {
  readonly seed: number;
  /** The leader's, and those of the followers that the database is made with, several in one perhaps. */
  readonly regions: readonly Region[];
  readonly durability: Durability;
  /** How long the leader must be out of reach before another is promoted by itself; null: only if somebody asks for it. */
  readonly automaticMs: number | null;
  /** Whether the leader is among those that are not there when the faults stop for the others, so that another must lead. */
  readonly isLeaderGone: boolean;
  readonly clients: number;
  readonly sessions: number;
  readonly operations: number;
  readonly thinkMs: number;
  readonly delayMs: { readonly least: number; readonly most: number };
  readonly rates: Rates;
  readonly workloads: readonly Share[];
  readonly limits: LogLimits;
  /** On average one such event in so many milliseconds; null: none. */
  readonly every: Readonly<Record<Occasion, number | null>>;
  readonly downMs: number;
  readonly clogMs: number;
  readonly pauseMs: number;
  readonly flushMs: number;
  readonly awayMs: number;
  /** By how much clocks may be off at most, from the beginning on and for good. */
  readonly offsetMs: number;
  /** Whether clocks may go wrong, and nodes stand still, by more than leases allow for: then what rests on leases is not asked for. */
  readonly isBeyondLeases: boolean;
  /** What else may be wrong with clocks; null: nothing. */
  readonly skew: { readonly rate: number; readonly jumpMs: number } | null;
  /** The share of nodes that run older code at first, and for how long at most; null: none does. */
  readonly older: { readonly share: number; readonly ms: number } | null;
}

export type Occasion =
  | 'crashMs'
  | 'evictMs'
  | 'replaceMs'
  | 'clogMs'
  | 'partitionMs'
  | 'pauseMs'
  | 'clockMs'
  /** Somebody asks for a failover, mostly of a leader that is not there. */
  | 'failoverMs'
  /** Followers are added and removed. */
  | 'memberMs'
  /** A follower is away for long. */
  | 'awayMs';

export interface Rates {
  /** A message is lost without a word; of those, some break the connection so that the caller knows. */
  readonly drop: number;
  readonly breakInstead: number;
  /** A message comes long after it was sent, even after its sender has given it up. */
  readonly late: number;
  readonly duplicate: number;
  /** The router's answer does not reach its client. */
  readonly lostAnswer: number;
  /** A request finds a router that has just started. */
  readonly newRouter: number;
  /** A replica turns a call away unread. */
  readonly overload: number;
  /** A client sends another body with a key that it has used. */
  readonly reusedKey: number;
  readonly slowDisk: number;
  readonly failedStep: number;
  readonly crashBetweenEffects: number;
  readonly alarmTwice: number;
  readonly keyed: number;
  readonly reads: number;
  /** Of the reads that are of a session, those that ask for a bound instead. */
  readonly bounded: number;
  /** Of the operations by somebody who has logged in. */
  readonly users: number;
  /** Of the writes, those that ask for a durability of their own. */
  readonly ownDurability: number;
}

/** Each seed draws its own world: most kinds of fault are missing from any one of them, so that none hides another. */
export function drawPlan(seed: number): Plan {
  const random = new Random(seed);
  const sometimes = (share: number, most: number) => (random.chance(share) ? random.fraction() * most : 0);
  const every = (share: number, least: number, most: number) =>
    random.chance(share) ? random.between(least, most) : null;
  const clients = random.between(2, 8);
  const thinkMs = random.pick([5, 30, 200]);
  const regions = drawRegions(random);
  const delayMs = random.pick(DELAYS);
  const isBeyondLeases = random.chance(0.25);
  const slowDisk = sometimes(0.6, 1);
  const failoverMs = every(0.65, 100 * thinkMs, 1_200 * thinkMs);
  return {
    seed,
    regions,
    durability: regions.length === 1 ? 'async' : random.pick(DURABILITIES),
    automaticMs: random.chance(0.3) ? random.pick([5_000, 20_000]) : null,
    isLeaderGone: failoverMs !== null && random.chance(0.4),
    clients,
    sessions: random.between(1, clients),
    operations: random.between(320, 400),
    thinkMs,
    delayMs,
    rates: {
      drop: sometimes(0.6, 0.15),
      breakInstead: random.fraction(),
      late: sometimes(0.3, 0.03),
      duplicate: sometimes(0.5, 0.2),
      lostAnswer: sometimes(0.4, 0.1),
      newRouter: sometimes(0.5, 0.1),
      overload: sometimes(0.2, 0.05),
      reusedKey: sometimes(0.3, 0.1),
      slowDisk,
      failedStep: sometimes(0.5, 0.004),
      crashBetweenEffects: sometimes(0.4, 0.004),
      alarmTwice: sometimes(0.5, 0.5),
      keyed: random.fraction(),
      reads: 0.3 + 0.5 * random.fraction(),
      bounded: sometimes(0.3, 0.5),
      users: sometimes(0.5, 1),
      ownDurability: sometimes(0.2, 0.3),
    },
    workloads: drawShares(random.fork()),
    limits: drawLimits(random.fork(), delayMs.most),
    every: {
      crashMs: every(0.5, 200 * thinkMs, 4_000 * thinkMs),
      evictMs: every(0.5, 200 * thinkMs, 4_000 * thinkMs),
      replaceMs: every(0.6, 3 * thinkMs, 60 * thinkMs),
      clogMs: every(0.3, 100 * thinkMs, 1_000 * thinkMs),
      partitionMs: every(0.2, 200 * thinkMs, 2_000 * thinkMs),
      pauseMs: every(0.3, 100 * thinkMs, 2_000 * thinkMs),
      failoverMs,
      clockMs: every(0.5, 10 * thinkMs, 300 * thinkMs),
      memberMs: every(0.35, 50 * thinkMs, 600 * thinkMs),
      awayMs: every(0.3, 100 * thinkMs, 1_000 * thinkMs),
    },
    downMs: random.pick([1, 100, 5_000]),
    clogMs: random.pick([100, 2_000, 20_000]),
    pauseMs: drawPauseMs(random, isBeyondLeases || slowDisk === 0),
    flushMs: random.pick([1, 10, 100]),
    awayMs: random.pick([100, 1_000]) * thinkMs,
    offsetMs: random.pick([0, 0, 50, 5_000, 300_000]),
    isBeyondLeases,
    skew: random.chance(0.35) ? drawSkew(random, isBeyondLeases) : null,
    older: random.chance(0.2) ? { share: 0.3 + 0.4 * random.fraction(), ms: 1_000 * thinkMs } : null,
  };
}

const DELAYS = [
  { least: 0, most: 2 },
  { least: 1, most: 30 },
  { least: 20, most: 400 },
];

const DURABILITIES: readonly Durability[] = [
  'async',
  'async',
  'async',
  'semi-sync',
  'semi-sync',
  'quorum',
  'all',
];

/** The first is the leader's. Some have several followers. */
function drawRegions(random: Random): Region[] {
  const followers = random.pick([0, 1, 1, 1, 2, 2, 2, 3]);
  const regions = REGIONS.slice(0, 1 + followers);
  const [, first] = regions;
  return first !== undefined && random.chance(0.3) ? [...regions, first] : regions;
}

/** Small ones, so that what happens at a limit happens often; those of production in some seeds. */
function drawLimits(random: Random, delayMs: number): LogLimits {
  if (random.chance(0.15)) return LOG_LIMITS;
  return {
    hashedEntriesEvery: random.pick([1, 3, 64]),
    hashedCharsEvery: random.pick([100, 5_000, LOG_LIMITS.hashedCharsEvery]),
    segmentPartChars: random.pick([40, 1_000, LOG_LIMITS.segmentPartChars]),
    batchEntriesMax: random.pick([1, 2, 20]),
    batchCharsMax: random.pick([1, 500, 5_000]),
    gatherMs: random.pick([0, 10, LOG_LIMITS.gatherMs]),
    recentCharsMax: random.pick([0, 500, 20_000]),
    // Where a message takes long, an install of one row a message would never come to its end.
    pieceRowsMax: delayMs > 100 ? random.pick([20, 200]) : random.pick([1, 3, 20]),
    pieceCharsMax: random.pick([500, 5_000, LOG_LIMITS.pieceCharsMax]),
    pieceBusyPart: random.pick([1, 4]),
    piecePauseMs: random.pick([0, LOG_LIMITS.piecePauseMs]),
    keptBytesMin: random.pick([0, 0, 1_000, 10_000]),
    claimBytesMax: random.pick([2_000, 10_000, LOG_LIMITS.claimBytesMax]),
    claimAgeMs: random.pick([2_000, LOG_LIMITS.claimAgeMs, LOG_LIMITS.claimAgeMs]),
    cutEveryBytes: random.pick([1, 500, 5_000]),
    cutRowsMax: random.pick([1, 20, LOG_LIMITS.cutRowsMax]),
  };
}

/**
 * What leases allow for is used up nearly: a clock may be set back by twice JUMP_MS_MAX in all, an event see a time as old as
 * STALE_MS_MAX, and its answer leave when the disk is done.
 */
const JUMP_MS_MAX = 200;
export const STALE_MS_MAX = 400;

function drawSkew(random: Random, isBeyondLeases: boolean): Plan['skew'] {
  const jumps = isBeyondLeases ? [0, 100, 10_000, 10_000] : [0, JUMP_MS_MAX / 2, JUMP_MS_MAX];
  return { rate: random.pick([0, 0.0001, CLOCK_RATE_ERROR]), jumpMs: random.pick(jumps) };
}

/** One that has answered, and stands still while its disk is busy, lets the answer go when it wakes: `mayBeLong` is where that cannot be, or may. */
function drawPauseMs(random: Random, mayBeLong: boolean): number {
  const ms = random.pick([20, 500, 20_000]);
  return mayBeLong ? ms : Math.min(ms, STALE_MS_MAX);
}

/** One node's clock in that world. */
export function skewOf({ skew, offsetMs }: Plan, random: Random): Skew {
  return {
    offsetMs: random.between(-offsetMs, offsetMs),
    // The worst that is allowed for is where an error in the reckoning would be.
    rate: 1 + (random.chance(0.5) ? random.pick([-1, 1]) : 2 * random.fraction() - 1) * (skew?.rate ?? 0),
  };
}

/** Whether some clock's rate is wrong, or some clock is set: then what a clock says of a time that passed says nothing. */
export function areClocksWrong({ skew, every }: Plan): boolean {
  return skew !== null && (skew.rate > 0 || (skew.jumpMs > 0 && every.clockMs !== null));
}
