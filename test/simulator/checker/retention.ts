import type { LogLimits } from '../../../shared/limits.ts';
import type { Append, HistoryEvent } from '../history.ts';
import { type Copies, copiesAlong } from './copies.ts';
import type { Facts } from './facts.ts';

type Entry = Append & { readonly t: number };

/** A leader that stood still believes an old time for so long at most, and gives its entries that time. */
const STALE_MS_MAX = 20_000;

/**
 * What is cut from the log, nobody who has a claim needed, but where the claim had become too large or too old; and some of the log
 * always stays. At rest no log is longer than its limits allow.
 */
export function* RT(facts: Facts): Generator<string> {
  const [given] = facts.of('limits');
  if (given === undefined) return;
  const { limits } = given;
  const log = new Lengths(facts, limits);
  /** Where each follower's claim begins that copies: what it has of the log counts for no copy, and is needed all the same. */
  const copied = new Map<string, number>();
  let start = 0;
  for (const [event, copies] of copiesAlong(facts)) {
    log.see(event);
    if (event.event === 'copied') copied.set(event.replica, event.position.lsn);
    if (event.event === 'install') copied.delete(event.replica);
    if (event.event !== 'cut' || event.replica !== copies.led?.leader) continue;
    const claims = claimsOf(copies, copied).filter(({ lsn }) => lsn >= start && lsn < event.after);
    for (const { follower, lsn } of claims)
      if (!log.isOverdue(lsn, event.t))
        yield `${event.replica} cut its log to ${event.after}, and ${follower} needed what follows ${lsn}`;
    // A limit on claims as low as what is kept may cost some of that: cuts are made only where a hash is stored.
    const isSure = limits.claimBytesMax - log.stretchMost >= limits.keptBytesMin;
    if (isSure && log.bytesAfter(event.after) < limits.keptBytesMin)
      yield `${event.replica} cut its log to ${event.after}, and kept less than ${limits.keptBytesMin} bytes`;
    start = event.after;
  }
  for (const { replica, log_bytes } of facts.finals)
    if (log_bytes > log.mostAtRest)
      yield `the log of ${replica} holds ${log_bytes} bytes at rest, and may hold ${log.mostAtRest}`;
}

interface Claim {
  readonly follower: string;
  readonly lsn: number;
}

/** Of those who have come to something: one that has yet to begin needs nothing of the log. */
function claimsOf(copies: Copies, copied: ReadonlyMap<string, number>): Claim[] {
  const followers = [...(copies.led?.members ?? []), ...(copies.led?.joining ?? [])];
  return followers
    .map((follower) => ({ follower, lsn: Math.max(copies.has(follower), copied.get(follower) ?? 0) }))
    .filter(({ lsn }) => lsn > 0);
}

/** How long stretches of the log are, at most: a history knows the size of an entry but roughly. */
class Lengths {
  readonly #limits: LogLimits;
  /** How much older an entry may be than when it was made; null where clocks say nothing. */
  readonly #toleranceMs: number | null;
  readonly #entries: Entry[] = [];
  #largest = 0;

  constructor(facts: Facts, limits: LogLimits) {
    this.#limits = limits;
    this.#toleranceMs =
      facts.of('clocks').length > 0 ? null : facts.of('pause').length > 0 ? STALE_MS_MAX : 0;
  }

  see(event: HistoryEvent): void {
    if (event.event === 'append') {
      this.#largest = Math.max(this.#largest, event.bytes);
      this.#entries[event.position.lsn] = event;
    }
  }

  bytesAfter(lsn: number): number {
    return this.#entries.slice(lsn + 1).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** A claim is counted from the last place before it at which a hash is stored. */
  isOverdue(lsn: number, now: number): boolean {
    const { claimBytesMax, claimAgeMs, hashedEntriesEvery } = this.#limits;
    const from = Math.max(0, lsn - hashedEntriesEvery);
    if (this.bytesAfter(from) > claimBytesMax) return true;
    const needed = this.#entries[lsn + 1];
    if (needed === undefined) return false;
    if (this.#toleranceMs === null) return claimAgeMs < HOUR_MS;
    return now - needed.t > claimAgeMs - this.#toleranceMs;
  }

  /** The most text between two places at which a hash is stored. */
  get stretchMost(): number {
    const { hashedEntriesEvery, hashedCharsEvery, batchCharsMax } = this.#limits;
    const written = Math.min(hashedEntriesEvery * this.#largest, 3 * hashedCharsEvery + this.#largest);
    return Math.max(written, 3 * batchCharsMax + this.#largest);
  }

  /** Cuts come with growth, and only where a hash is stored. */
  get mostAtRest(): number {
    const { keptBytesMin, claimBytesMax, cutEveryBytes } = this.#limits;
    return Math.max(keptBytesMin, claimBytesMax) + cutEveryBytes + 2 * this.stretchMost + 2 * this.#largest;
  }
}

const HOUR_MS = 3_600_000;
