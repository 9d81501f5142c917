import { assert } from '../assert.ts';
import { LOG_LIMITS, type LogLimits } from '../limits.ts';
import { type Epoch, EPOCH_FIRST, type Lsn, LSN_ZERO, lsnAfter } from '../lsn.ts';
import { Lru } from '../lru.ts';
import type { Position } from '../position.ts';
import type { Sql } from '../ports.ts';
import { type ChainEnd, HASH_OF_NOTHING, type RecordedRequest } from './entry.ts';
import { createSegments, loadSegmentsEnd, segmentAfter, writeSegment } from './segments.ts';
import { Captured, type ChangeRow } from './captured.ts';
import {
  beginTail,
  closeEntry,
  createTail,
  loadTailEnd,
  type StoredEntry,
  tailAfter,
  type TailEnd,
  type TailEntry,
  type TailPlace,
} from './tail.ts';

/** How much one reading of the log may give. The first entry is given whatever its size. */
export interface ReadBound {
  readonly entries: number;
  readonly chars: number;
}

/** Followers that may be catching up at the same time without reading anything twice. */
const READERS_MAX = 16;

const EMPTY: ChainEnd = { epoch: EPOCH_FIRST, lsn: LSN_ZERO, hash: HASH_OF_NOTHING };

export function createLog(sql: Sql): void {
  createTail(sql);
  createSegments(sql);
}

/**
 * One partition's log on one replica: what it wrote as a leader (tail.ts) and what it received as a
 * follower (segments.ts), read as one. Its end in memory follows the disk: whoever rolls back a
 * transaction in which the log grew throws this object away.
 */
export class Log {
  readonly #sql: Sql;
  readonly #limits: LogLimits;
  #end: ChainEnd;
  /** Null on a replica that never led. */
  #tail: TailEnd | null;
  #received: number | null;
  /** Places that were reached by reading, so that a follower that catches up is read to from where it is. */
  readonly #reached = new Lru<Lsn, TailPlace>(READERS_MAX);

  constructor(sql: Sql, limits: LogLimits = LOG_LIMITS) {
    this.#sql = sql;
    this.#limits = limits;
    const segments = loadSegmentsEnd(sql);
    this.#tail = loadTailEnd(sql);
    this.#end = later(this.#tail?.end ?? EMPTY, segments?.end ?? EMPTY);
    this.#received = segments?.time ?? null;
  }

  get end(): ChainEnd {
    return this.#end;
  }

  get position(): Position {
    return { epoch: this.#end.epoch, lsn: this.#end.lsn };
  }

  /** The leader's clock in the last entry that was received, in milliseconds; null before the first. */
  get receivedTime(): number | null {
    return this.#received;
  }

  /** From here on entries are made of captured changes. */
  beginLeading(): void {
    this.#tail ??= beginTail(this.#sql, this.#end);
  }

  /** What the capture triggers write from here on. */
  capture(): Captured {
    return new Captured(this.#sql, this.#leading().lastChange);
  }

  /** Makes the captured changes one entry. The last thing that a transaction does. */
  close(epoch: Epoch, captured: readonly ChangeRow[], request: RecordedRequest | null): StoredEntry {
    const { entry, tail } = closeEntry(this.#sql, this.#leading(), {
      epoch,
      captured,
      request,
      limits: this.#limits,
    });
    this.#tail = tail;
    this.#end = tail.end;
    return entry;
  }

  #leading(): TailEnd {
    assert(this.#tail !== null, 'only a leader captures');
    return this.#tail;
  }

  /** Stores entries that a leader sent; the caller has checked that they follow the end. */
  append(entries: readonly StoredEntry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    const from = lsnAfter(this.#end.lsn);
    const texts = entries.map((entry) => entry.text);
    writeSegment(this.#sql, { from, last, texts }, this.#limits.segmentPartChars);
    this.#end = last.end;
    this.#received = last.time;
  }

  /** The entries after `after`, within the bound; null where the log does not hold the one that follows it. */
  readAfter(after: Lsn, bound: ReadBound): StoredEntry[] | null {
    const entries: (StoredEntry | TailEntry)[] = [];
    let chars = 0;
    for (let from = after; from < this.#end.lsn;) {
      const before = from;
      for (const entry of this.#source(from)) {
        chars += entry.text.length;
        const isFull = entries.length >= bound.entries || chars > bound.chars;
        if (entries.length > 0 && isFull) return this.#remembered(entries);
        entries.push(entry);
        from = entry.end.lsn;
      }
      if (from === before) return entries.length > 0 ? entries : null;
    }
    return this.#remembered(entries);
  }

  #source(after: Lsn): Iterable<StoredEntry | TailEntry> {
    return (
      segmentAfter(this.#sql, after) ?? tailAfter(this.#sql, after, this.#reached.get(after) ?? null) ?? []
    );
  }

  #remembered(entries: (StoredEntry | TailEntry)[]): StoredEntry[] {
    const last = entries.at(-1);
    if (last !== undefined && 'lastChange' in last) {
      this.#reached.set(last.end.lsn, { end: last.end, lastChange: last.lastChange });
    }
    return entries;
  }
}

function later(a: ChainEnd, b: ChainEnd): ChainEnd {
  return a.lsn > b.lsn ? a : b;
}
