import type { LogLimits } from '../../shared/limits.ts';
import { type ChainEnd, HASH_OF_NOTHING, type Origin } from '../../shared/log/entry.ts';
import type { ReadBound } from '../../shared/log/log.ts';
import type { StoredEntry } from '../../shared/log/tail.ts';
import { type Epoch, EPOCH_FIRST, LSN_ZERO, toEpoch } from '../../shared/lsn.ts';

/** An entry, and what the log that holds it must know of it. */
export interface Known extends StoredEntry {
  /** Of what this replica wrote; 0 where it was received. */
  readonly changesHere: number;
  /** The id of its last change here; 0 where it was received. */
  readonly lastChange: number;
  /** What was said with it; null where it was written here. */
  readonly knownAt: number | null;
}

/** What the log must be: every entry since the last snapshot, and the places at which a hash must be stored. */
export class LogModel {
  base: ChainEnd = { epoch: EPOCH_FIRST, lsn: LSN_ZERO, hash: HASH_OF_NOTHING };
  entries: Known[] = [];
  start = 0;
  knownAt: number | null = null;
  readonly places = new Set([0]);
  epoch: Epoch = EPOCH_FIRST;
  isLeading = false;
  /** Where this replica began to lead, and the last change before. */
  readonly begins = new Map<number, number>();
  #baseKnownAt: number | null = null;
  #lastChange = 0;
  readonly #limits: LogLimits;
  /** Where the part that this replica wrote last ends, and the text behind its last mark. */
  #writtenTo = -1;
  #charsSinceMark = 0;

  constructor(limits: LogLimits) {
    this.#limits = limits;
  }

  /** Whether a row must be there that holds the last id that was given. */
  get hasWritten(): boolean {
    return this.#lastChange > 0;
  }

  get end(): ChainEnd {
    return this.entries.at(-1)?.end ?? this.base;
  }

  after(lsn: number): readonly Known[] {
    return this.entries.slice(lsn - this.base.lsn);
  }

  placeAtOrBefore(lsn: number): number {
    return Math.max(...[...this.places].filter((place) => place <= lsn && place >= this.start));
  }

  changeRole(): void {
    this.isLeading = !this.isLeading;
    this.epoch = toEpoch(this.epoch + 1);
    if (!this.isLeading || this.#writtenTo === this.end.lsn) return;
    this.places.add(this.end.lsn);
    this.begins.set(this.end.lsn, this.#lastChange);
    this.#charsSinceMark = 0;
    this.#writtenTo = this.end.lsn;
  }

  wrote(entry: StoredEntry, changes: number, { request, user }: Origin): void {
    const { lsn, epoch } = entry.end;
    this.#charsSinceMark += entry.text.length;
    const isDue =
      lsn % this.#limits.hashedEntriesEvery === 0 || this.#charsSinceMark > this.#limits.hashedCharsEvery;
    if (changes > 1 || request !== null || user !== null || epoch !== this.end.epoch || isDue) {
      this.places.add(lsn);
      this.#charsSinceMark = 0;
    }
    this.#lastChange += changes;
    this.entries.push({ ...entry, changesHere: changes, lastChange: this.#lastChange, knownAt: null });
    this.#writtenTo = lsn;
  }

  received(entries: readonly StoredEntry[], knownAt: number): void {
    this.entries.push(...entries.map((entry) => ({ ...entry, changesHere: 0, lastChange: 0, knownAt })));
    this.places.add(this.end.lsn);
    this.knownAt = knownAt;
  }

  beginAfter(end: ChainEnd, knownAt: number | null): void {
    this.base = end;
    this.entries = [];
    this.start = end.lsn;
    this.knownAt = knownAt;
    this.#baseKnownAt = knownAt;
    this.begins.clear();
    this.#lastChange = 0;
    this.places.clear();
    this.places.add(end.lsn);
    this.isLeading = false;
    this.#writtenTo = -1;
  }

  truncate(to: number): void {
    if (this.isLeading) this.changeRole();
    if (to === this.end.lsn) return;
    this.entries = this.entries.slice(0, to - this.base.lsn);
    const last = this.entries.at(-1);
    for (const place of this.places) if (place > to) this.places.delete(place);
    if (last?.changesHere === 0) this.places.add(to);
    const beyond = [...this.begins].filter(([lsn]) => lsn > to);
    for (const [lsn] of beyond) this.begins.delete(lsn);
    const written = this.entries.filter((entry) => entry.changesHere > 0);
    this.knownAt = this.entries.findLast((entry) => entry.changesHere === 0)?.knownAt ?? this.#baseKnownAt;
    this.#writtenTo = Math.max(-1, written.at(-1)?.end.lsn ?? -1, ...this.begins.keys());
    this.#lastChange =
      written.length > 0 || this.begins.size > 0
        ? Math.max(0, written.at(-1)?.lastChange ?? 0, ...this.begins.values())
        : (beyond[0]?.[1] ?? this.#lastChange);
    this.#charsSinceMark = this.after(this.placeAtOrBefore(this.#writtenTo))
      .filter((entry) => entry.end.lsn <= this.#writtenTo)
      .reduce((chars, entry) => chars + entry.text.length, 0);
  }
}

export function bytes(entries: readonly StoredEntry[]): number {
  return new TextEncoder().encode(entries.map((entry) => entry.text).join('')).length;
}

export function within(entries: readonly StoredEntry[], bound: ReadBound): readonly StoredEntry[] {
  let chars = 0;
  const given: StoredEntry[] = [];
  for (const entry of entries) {
    chars += entry.text.length;
    if (given.length > 0 && (given.length >= bound.entries || chars > bound.chars)) break;
    given.push(entry);
  }
  return given;
}
