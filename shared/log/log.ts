import { assert } from '../assert.ts';
import { type Epoch, EPOCH_FIRST, type Lsn, LSN_ZERO, lsnAfter } from '../lsn.ts';
import type { Position } from '../position.ts';
import type { Sql } from '../ports.ts';
import { type ChainEnd, HASH_OF_NOTHING, type RecordedRequest } from './entry.ts';
import { createSegments, loadSegmentsEnd, segmentAfter, writeSegment } from './segments.ts';
import { Captured, type ChangeRow } from './captured.ts';
import { beginTail, closeEntry, createTail, loadTailEnd, type StoredEntry, tailAfter } from './tail.ts';

/** How much one reading of the log may give. The first entry is given whatever its size. */
export interface ReadBound {
  readonly entries: number;
  readonly chars: number;
}

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
  #end: ChainEnd;
  /** The last change that an entry holds; null on a replica that never led. */
  #lastChange: number | null;
  #received: number | null;

  constructor(sql: Sql) {
    this.#sql = sql;
    const tail = loadTailEnd(sql);
    const segments = loadSegmentsEnd(sql);
    this.#end = later(tail?.end ?? EMPTY, segments?.end ?? EMPTY);
    this.#received = segments?.time ?? null;
    this.#lastChange = tail?.lastChange ?? null;
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
    if (this.#lastChange === null) this.#lastChange = beginTail(this.#sql, this.#end);
  }

  /** What the capture triggers write from here on. */
  capture(): Captured {
    assert(this.#lastChange !== null, 'only a leader captures');
    return new Captured(this.#sql, this.#lastChange);
  }

  /** Makes the captured changes one entry. The last thing that a transaction does. */
  close(epoch: Epoch, captured: readonly ChangeRow[], request: RecordedRequest | null): StoredEntry {
    const entry = closeEntry(this.#sql, this.#end, { epoch, captured, request });
    this.#end = entry.end;
    this.#lastChange = captured.at(-1)?.id ?? this.#lastChange;
    return entry;
  }

  /** Stores entries that a leader sent; the caller has checked that they follow the end. */
  append(entries: readonly StoredEntry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    const from = lsnAfter(this.#end.lsn);
    writeSegment(this.#sql, from, last, entries.map((entry) => entry.text));
    this.#end = last.end;
    this.#received = last.time;
  }

  /** The entries after `after`, within the bound; null where the log does not hold the one that follows it. */
  readAfter(after: Lsn, bound: ReadBound): StoredEntry[] | null {
    const entries: StoredEntry[] = [];
    let chars = 0;
    for (let from = after; from < this.#end.lsn; ) {
      const source = segmentAfter(this.#sql, from) ?? tailAfter(this.#sql, from);
      const reached = from;
      for (const entry of source ?? []) {
        chars += entry.text.length;
        if (entries.length > 0 && (entries.length >= bound.entries || chars > bound.chars)) return entries;
        entries.push(entry);
        from = entry.end.lsn;
      }
      if (from === reached) return entries.length > 0 ? entries : null;
    }
    return entries;
  }
}

function later(a: ChainEnd, b: ChainEnd): ChainEnd {
  return a.lsn > b.lsn ? a : b;
}
