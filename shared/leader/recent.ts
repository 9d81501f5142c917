import type { StoredEntry } from '../log/tail.ts';
import type { Lsn } from '../lsn.ts';

/** The newest entries, without a gap, so that the usual batch is made without reading the log back. */
export class Recent {
  readonly #charsMax: number;
  #entries: StoredEntry[] = [];
  #chars = 0;

  constructor(charsMax: number) {
    this.#charsMax = charsMax;
  }

  push(entry: StoredEntry): void {
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
