import type { Lsn } from '../lsn.ts';
import type { ChainEnd } from './entry.ts';
import type { StoredEntry } from './tail.ts';

/** The newest entries, without a gap, so that the usual batch is made without reading the log back. */
export class Recent {
  readonly #charsMax: number;
  #entries: StoredEntry[] = [];
  #chars = 0;

  constructor(charsMax: number) {
    this.#charsMax = charsMax;
  }

  /** An entry that does not follow the newest, as after the copy of a snapshot, makes the older ones go. */
  push(entry: StoredEntry): void {
    const newest = this.#entries.at(-1);
    if (newest !== undefined && entry.end.lsn !== newest.end.lsn + 1) {
      this.#entries = [];
      this.#chars = 0;
    }
    this.#entries.push(entry);
    this.#chars += entry.text.length;
    if (this.#chars > 2 * this.#charsMax) this.#halve();
  }

  /** All entries after `lsn`, or null where the one that follows it is not here. */
  after(lsn: Lsn): readonly StoredEntry[] | null {
    const oldest = this.#entries[0];
    if (oldest === undefined || oldest.end.lsn > lsn + 1) return null;
    return this.#entries.slice(lsn + 1 - oldest.end.lsn);
  }

  /** The end of the entry `lsn`; null where it is not here. */
  endAt(lsn: Lsn): ChainEnd | null {
    const oldest = this.#entries[0];
    return oldest === undefined ? null : (this.#entries[lsn - oldest.end.lsn]?.end ?? null);
  }

  /** Drops the older ones down to the bound; rarely, so that a push costs nothing on average. */
  #halve(): void {
    let from = 0;
    for (const entry of this.#entries) {
      if (this.#chars <= this.#charsMax) break;
      this.#chars -= entry.text.length;
      from += 1;
    }
    this.#entries = this.#entries.slice(from);
  }
}
