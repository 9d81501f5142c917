import type { LogLimits } from '../limits.ts';
import { type Lsn, toLsn } from '../lsn.ts';
import type { Log } from './log.ts';

/**
 * Keeps the log from growing for ever. It is cut by position: never what a claim needs, until the claim costs more than
 * it may; then whoever held it installs a snapshot. Some is always kept, for those who come back without a claim.
 *
 * Cutting is paid for by growth: each stretch that the log grew by takes as many rows away, and some more, so no timer is needed, no
 * write waits for much longer than for its own rows, and an idle database is left alone.
 */
export class Retention {
  readonly #log: Log;
  readonly #limits: LogLimits;
  /** The size from which on it is looked at again. */
  #dueAt = 0;
  #rowsWhenCut = 0;

  constructor(log: Log, limits: LogLimits) {
    this.#log = log;
    this.#limits = limits;
  }

  /** Call where the log has grown. `claims`: what is needed is after each; null for one that may need everything. */
  grown(claims: () => readonly (Lsn | null)[], now: number): void {
    const { cutEveryBytes, cutRowsMax } = this.#limits;
    if (this.#log.bytes < this.#dueAt) return;
    // What came since is taken away as well: else large entries would leave more behind than is removed, for ever.
    const { rowsAdded } = this.#log;
    const rowsMax = cutRowsMax + rowsAdded - this.#rowsWhenCut;
    this.#rowsWhenCut = rowsAdded;
    const left = this.#log.cut(this.#cutPoint(claims(), now), rowsMax);
    this.#dueAt = this.#log.bytes + (left === 'more' ? cutEveryBytes / 8 : cutEveryBytes);
  }

  #cutPoint(claims: readonly (Lsn | null)[], now: number): Lsn {
    const { start } = this.#log;
    const { keptBytesMin, claimBytesMax } = this.#limits;
    const needed = claims.map((claim) => claim ?? start.lsn);
    const spare = this.#firstWith((bytes) => bytes <= keptBytesMin) - 1;
    const free = Math.min(spare, ...needed);
    const tooMuch = this.#firstWith((bytes) => bytes <= claimBytesMax);
    const overdue = Math.max(tooMuch, this.#tooOld(spare, now));
    return toLsn(Math.max(free, overdue, start.lsn));
  }

  /** The first place after which so many bytes stand. */
  #firstWith(isMeant: (bytesAfter: number) => boolean): Lsn {
    let [low, high] = [this.#log.start.lsn as number, this.#log.end.lsn as number];
    if (isMeant(this.#log.bytes)) return toLsn(low);
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (isMeant(this.#log.bytesAfter(toLsn(middle)))) high = middle;
      else low = middle + 1;
    }
    return toLsn(low);
  }

  /**
   * The last entry up to `most` that is too old; the start where none is. After an idle week the oldest is, and those of a moment ago
   * are not. Of an oldest stretch only: the next comes when the log has grown again.
   */
  #tooOld(most: number, now: number): Lsn {
    const { start } = this.#log;
    const { claimAgeMs, cutRowsMax } = this.#limits;
    const isOld = (time: number | null | undefined) => typeof time === 'number' && now - time > claimAgeMs;
    if (!isOld(this.#log.oldestTime())) return start.lsn;
    let [low, high] = [start.lsn as number, Math.min(start.lsn + cutRowsMax, most)];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const entry = this.#log.readAfter(toLsn(middle - 1), { entries: 1, chars: 0 })?.[0];
      if (isOld(entry?.time)) low = middle;
      else high = middle - 1;
    }
    return toLsn(low);
  }
}
