import type { LogLimits } from '../limits.ts';
import type { Lsn } from '../lsn.ts';
import type { ChainEnd } from './entry.ts';
import type { Log, ReadBound } from './log.ts';
import { Recent } from './recent.ts';
import type { StoredEntry } from './tail.ts';

/** The entries that go to other replicas: the newest from memory, what a replica missed for longer from the log. */
export class Outgoing {
  readonly #log: Log;
  readonly #bound: ReadBound;
  readonly #recent: Recent;

  constructor(log: Log, limits: LogLimits) {
    this.#log = log;
    this.#bound = { entries: limits.batchEntriesMax, chars: limits.batchCharsMax };
    this.#recent = new Recent(limits.recentCharsMax);
  }

  /** Each entry that the log got, in its order: one left out would never be found missing by who asks for what follows. */
  push(entry: StoredEntry): void {
    this.#recent.push(entry);
  }

  /** Whether `place` is one of the log, from memory where that has it. */
  follows(place: ChainEnd): boolean {
    const recent = this.#recent.endAt(place.lsn);
    if (recent === null) return this.#log.follows(place);
    return recent.hash === place.hash && recent.epoch === place.epoch;
  }

  /**
   * The entries after `after` that one message holds, or null where the log no longer holds the one that follows it: what was
   * cut is not given, though it may still be in memory.
   */
  after(after: Lsn): readonly StoredEntry[] | null {
    if (after < this.#log.start.lsn) return null;
    const recent = this.#recent.after(after);
    return recent === null ? this.#log.readAfter(after, this.#bound) : withinBound(recent, this.#bound);
  }
}

function withinBound(entries: readonly StoredEntry[], bound: ReadBound): readonly StoredEntry[] {
  let chars = 0;
  const end = entries.findIndex((entry, i) => {
    chars += entry.text.length;
    return i > 0 && (i >= bound.entries || chars > bound.chars);
  });
  return end === -1 ? entries : entries.slice(0, end);
}
