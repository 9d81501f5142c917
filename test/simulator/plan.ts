import { REGIONS, type Region } from '../../shared/regions.ts';
import { Random } from './random.ts';

/** What one seed's world is like. Rates are chances for each message or step; times are in milliseconds. */
export interface Plan {
  readonly seed: number;
  readonly regions: readonly Region[];
  readonly clients: number;
  readonly sessions: number;
  readonly operations: number;
  readonly thinkMs: number;
  readonly delayMs: { readonly least: number; readonly most: number };
  readonly rates: Rates;
  /** On average one such event in so many milliseconds; null: none. */
  readonly every: {
    readonly crashMs: number | null;
    readonly evictMs: number | null;
    readonly clogMs: number | null;
  };
  readonly downMs: number;
  readonly clogMs: number;
  readonly flushMs: number;
}

export interface Rates {
  /** A message is lost without a word; of those, some break the connection so that the caller knows. */
  readonly drop: number;
  readonly breakInstead: number;
  /** A message comes long after it was sent, even after its sender has given it up. */
  readonly late: number;
  readonly duplicate: number;
  /** The router's answer does not reach its client. */
  readonly lostAnswer: number;
  readonly slowDisk: number;
  readonly failedStep: number;
  readonly crashBetweenEffects: number;
  readonly alarmTwice: number;
  readonly keyed: number;
  readonly reads: number;
  readonly schema: number;
}

/** Each seed draws its own world: most kinds of fault are missing from any one of them, so that none hides another. */
export function drawPlan(seed: number): Plan {
  const random = new Random(seed);
  const sometimes = (share: number, most: number) => (random.chance(share) ? random.fraction() * most : 0);
  const every = (share: number, least: number, most: number) =>
    random.chance(share) ? random.between(least, most) : null;
  const clients = random.between(2, 5);
  const thinkMs = random.pick([5, 30, 200]);
  return {
    seed,
    regions: REGIONS.slice(0, 1 + random.pick([0, 1, 1, 1, 2, 2, 2, 3])),
    clients,
    sessions: random.between(1, clients),
    operations: random.between(100, 160),
    thinkMs,
    delayMs: random.pick([
      { least: 0, most: 2 },
      { least: 1, most: 30 },
      { least: 20, most: 400 },
    ]),
    rates: {
      drop: sometimes(0.6, 0.15),
      breakInstead: random.fraction(),
      late: sometimes(0.3, 0.03),
      duplicate: sometimes(0.5, 0.2),
      lostAnswer: sometimes(0.4, 0.1),
      slowDisk: sometimes(0.6, 1),
      failedStep: sometimes(0.5, 0.08),
      crashBetweenEffects: sometimes(0.4, 0.03),
      alarmTwice: sometimes(0.5, 0.5),
      keyed: random.fraction(),
      reads: 0.3 + 0.4 * random.fraction(),
      schema: sometimes(0.6, 0.2),
    },
    every: {
      crashMs: every(0.5, 20 * thinkMs, 300 * thinkMs),
      evictMs: every(0.5, 20 * thinkMs, 300 * thinkMs),
      clogMs: every(0.4, 50 * thinkMs, 300 * thinkMs),
    },
    downMs: random.pick([1, 100, 5_000]),
    clogMs: random.pick([100, 2_000, 20_000]),
    flushMs: random.pick([1, 10, 100]),
  };
}
