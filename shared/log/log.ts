import { assert } from '../assert.ts';
import { LOG_LIMITS, type LogLimits } from '../limits.ts';
import { type Epoch, type Lsn, lsnAfter } from '../lsn.ts';
import { Lru } from '../lru.ts';
import type { Position } from '../position.ts';
import type { Sql } from '../ports.ts';
import { utf8Length } from '../utf8.ts';
import { Captured, type ChangeRow } from './captured.ts';
import { type ChainEnd, decodeEntry, type Origin } from './entry.ts';
import {
  createSegments,
  segmentAfter,
  segmentEndBetween,
  truncateSegments,
  writeSegment,
} from './segments.ts';
import {
  beginAnew,
  CHARS_AS_A_ROW,
  createStart,
  loadStart,
  type LogStart,
  removeBefore,
  type StoredPlace,
  writeStart,
} from './start.ts';
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
  tailPlaceAtOrBefore,
  truncateTail,
} from './tail.ts';

/** How much one reading of the log may give. The first entry is given whatever its size. */
export interface ReadBound {
  readonly entries: number;
  readonly chars: number;
}

/** Followers that may be catching up at the same time without reading anything twice. */
const READERS_MAX = 16;

export function createLog(sql: Sql): void {
  createStart(sql);
  createTail(sql);
  createSegments(sql);
}

/**
 * One partition's log on one replica: what it wrote as a leader (tail.ts) and what it received as a
 * follower (segments.ts), read as one, from where it begins (start.ts). What is in memory follows the disk: whoever
 * rolls back a transaction in which the log grew, or was cut, throws this object away.
 */
export class Log {
  readonly #sql: Sql;
  readonly #limits: LogLimits;
  #start: LogStart;
  #end: StoredPlace;
  /** Null where this replica wrote nothing of the log. */
  #tail: TailEnd | null;
  #knownAt: number | null;
  #rowsAdded = 0;
  /** The time of the first entry, once it was asked for. */
  #oldest: number | null = null;
  /** Places that were reached by reading, so that a follower that catches up is read to from where it is. */
  readonly #reached = new Lru<Lsn, TailPlace>(READERS_MAX);

  constructor(sql: Sql, limits: LogLimits = LOG_LIMITS) {
    this.#sql = sql;
    this.#limits = limits;
    this.#start = loadStart(sql);
    ({ tail: this.#tail, end: this.#end, knownAt: this.#knownAt } = loadEnd(sql, this.#start));
  }

  /** The first entry that is held is the one after it. */
  get start(): ChainEnd {
    return this.#start.end;
  }

  get end(): ChainEnd {
    return this.#end.end;
  }

  get position(): Position {
    return { epoch: this.end.epoch, lsn: this.end.lsn };
  }

  /** UTF-8 bytes of the text of the entries that are held. */
  get bytes(): number {
    return this.#end.bytesUpTo - this.#start.bytesUpTo;
  }

  /** The same of those after `lsn`: exact where its hash is stored, else of those after the place before it that is. */
  bytesAfter(lsn: Lsn): number {
    if (lsn >= this.end.lsn) return 0;
    if (lsn <= this.start.lsn) return this.bytes;
    return this.#end.bytesUpTo - this.#placeAtOrBefore(lsn).bytesUpTo;
  }

  /** The leader's clock in the first entry that is held, in milliseconds; null where none is. */
  oldestTime(): number | null {
    this.#oldest ??= this.readAfter(this.start.lsn, { entries: 1, chars: 0 })?.[0]?.time ?? null;
    return this.#oldest;
  }

  /** What was said with the entries that were received last; null before the first. */
  get knownAt(): number | null {
    return this.#knownAt;
  }

  /** What was added since this object was made, counted as `cut` counts what it removes. */
  get rowsAdded(): number {
    return this.#rowsAdded;
  }

  #added(rows: number, bytesUpTo: number): void {
    this.#rowsAdded += rows + Math.ceil((bytesUpTo - this.#end.bytesUpTo) / CHARS_AS_A_ROW);
  }

  /** Whether `place` is one of this log, so that the entries after it here are those that follow it. */
  follows({ lsn, hash }: ChainEnd): boolean {
    if (lsn === this.end.lsn) return hash === this.end.hash;
    const next = this.readAfter(lsn, { entries: 1, chars: 0 })?.[0];
    return next !== undefined && decodeEntry(next.text).previous === hash;
  }

  /** From here on entries are made of captured changes. */
  beginLeading(): void {
    if (this.#tail?.end.lsn !== this.end.lsn) this.#tail = beginTail(this.#sql, this.#end);
  }

  /** What the capture triggers write from here on. */
  capture(): Captured {
    return new Captured(this.#sql, this.#leading().lastChange);
  }

  /** Makes the captured changes one entry. The last thing that a transaction does. */
  close(epoch: Epoch, captured: readonly ChangeRow[], origin: Origin): StoredEntry {
    const { entry, tail } = closeEntry(this.#sql, this.#leading(), {
      epoch,
      captured,
      ...origin,
      limits: this.#limits,
    });
    this.#tail = tail;
    this.#added(captured.length + 1, tail.bytesUpTo);
    this.#end = tail;
    return entry;
  }

  #leading(): TailEnd {
    assert(this.#tail !== null && this.#tail.end.lsn === this.end.lsn, 'only a leader captures');
    return this.#tail;
  }

  /**
   * Stores entries that a leader sent; the caller has checked that they follow the end.
   * `knownAt`: a time in milliseconds by this replica's own clock, kept with them.
   */
  append(entries: readonly StoredEntry[], knownAt: number): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    const from = lsnAfter(this.end.lsn);
    const texts = entries.map((entry) => entry.text);
    const bytesUpTo = texts.reduce((bytes, text) => bytes + utf8Length(text), this.#end.bytesUpTo);
    writeSegment(
      this.#sql,
      { from, end: last.end, texts, knownAt, bytesUpTo },
      this.#limits.segmentPartChars,
    );
    this.#added(1, bytesUpTo);
    this.#end = { end: last.end, bytesUpTo };
    this.#knownAt = knownAt;
  }

  /** The entries after `after`, within the bound; null where the log does not hold the one that follows it. */
  readAfter(after: Lsn, bound: ReadBound): StoredEntry[] | null {
    if (after < this.start.lsn) return null;
    const entries: (StoredEntry | TailEntry)[] = [];
    let chars = 0;
    for (let from = after; from < this.end.lsn;) {
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
    return segmentAfter(this.#sql, after) ?? tailAfter(this.#sql, after, this.#tailPlace(after)) ?? [];
  }

  #tailPlace(after: Lsn): TailPlace | null {
    return this.#reached.get(after) ?? tailPlaceAtOrBefore(this.#sql, this.#start, after);
  }

  #remembered(entries: (StoredEntry | TailEntry)[]): StoredEntry[] {
    const last = entries.at(-1);
    if (last !== undefined && 'lastChange' in last) {
      this.#reached.set(last.end.lsn, { end: last.end, lastChange: last.lastChange });
    }
    return entries;
  }

  /**
   * Lets go of entries at or before `upTo`, as far as a hash is stored: the log begins there at once. Then removes what is
   * before the beginning, also by earlier cuts, at most about `rowsMax` rows. 'more' asks to be called again, with any `upTo`.
   */
  cut(upTo: Lsn, rowsMax: number): 'done' | 'more' {
    if (upTo > this.start.lsn) this.#beginAt(this.#placeAtOrBefore(upTo));
    return removeBefore(this.#sql, this.#start, rowsMax);
  }

  #beginAt(place: LogStart): void {
    if (place.end.lsn === this.start.lsn) return;
    writeStart(this.#sql, place);
    this.#start = place;
    this.#oldest = null;
  }

  /** The last place at or before `lsn`, which is not before the start, whose hash is stored: what the start would be there. */
  #placeAtOrBefore(lsn: Lsn): LogStart {
    const segment = segmentEndBetween(this.#sql, this.start.lsn, lsn);
    const tail = tailPlaceAtOrBefore(this.#sql, this.#start, lsn);
    const received = segment === null ? this.#start : { ...segment, lastChange: null };
    // Where leadership began at the end of a segment, the entry that follows is found by its changes.
    if (tail === null || tail.end.lsn < received.end.lsn) return received;
    return { ...tail, knownAt: received.knownAt };
  }

  /**
   * Removes every entry after `to`, as a replica does that follows a chain which goes on from there otherwise. False, and nothing
   * changed, where `to` is not a place of this log.
   */
  truncate(to: ChainEnd): boolean {
    if (to.lsn < this.start.lsn || to.lsn > this.end.lsn || !this.follows(to)) return false;
    if (to.lsn === this.end.lsn) return true;
    truncateSegments(this.#sql, to, this.#limits.segmentPartChars);
    truncateTail(this.#sql, this.#start, to.lsn);
    ({ tail: this.#tail, end: this.#end, knownAt: this.#knownAt } = loadEnd(this.#sql, this.#start));
    this.#oldest = null;
    this.#reached.clear();
    return true;
  }

  /** Forgets all entries: the log of a replica whose tables were copied as they are at `end`. `knownAt` as for `append`. */
  beginAfter(end: ChainEnd, knownAt: number | null): void {
    this.#start = beginAnew(this.#sql, end, knownAt);
    this.#end = this.#start;
    this.#tail = null;
    this.#knownAt = knownAt;
    this.#oldest = null;
    this.#reached.clear();
  }
}

interface LogEnd {
  readonly tail: TailEnd | null;
  readonly end: StoredPlace;
  readonly knownAt: number | null;
}

/** As the disk says. */
function loadEnd(sql: Sql, start: LogStart): LogEnd {
  const segment = segmentEndBetween(sql, start.end.lsn, Number.MAX_SAFE_INTEGER);
  const tail = loadTailEnd(sql, start);
  return { tail, end: later(tail, later(segment, start)), knownAt: (segment ?? start).knownAt };
}

function later(a: StoredPlace | null, b: StoredPlace): StoredPlace {
  return a !== null && a.end.lsn > b.end.lsn ? a : b;
}
