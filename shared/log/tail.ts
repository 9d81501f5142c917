import { assert, present } from '../assert.ts';
import { LOG_PAGE_ROWS, type LogLimits } from '../limits.ts';
import { type Epoch, type Lsn, lsnAfter } from '../lsn.ts';
import { all, first, run, type Sql, type SqlRow } from '../ports.ts';
import { utf8Length } from '../utf8.ts';
import type { ChangeRow } from './captured.ts';
import { type ChainEnd, encodeEntry, type Hash, hashOf, type Origin, type RecordedRequest } from './entry.ts';
import { firstMarkLsn, type LogStart, type StoredPlace } from './start.ts';

/**
 * The part of the log that this replica wrote as a leader.
 *
 * The capture triggers write one row a change. An entry of exactly one change and nothing else IS that
 * row: a single-row write costs two rows, its own and its change's. Rows written are what a user pays
 * for, so every other entry, and no more, has a row in _tidemark_entries as well:
 * one with several changes, a request id or a user, the first of an epoch, and one every 1024 entries or
 * mebibyte of text, which bounds what a restart recomputes. Between two such rows LSNs and change ids go up together.
 */
export interface StoredEntry {
  readonly end: ChainEnd;
  readonly text: string;
  readonly time: number;
}

/** A place between two entries of the tail. */
export interface TailPlace {
  readonly end: ChainEnd;
  /** The last change of the entry before it. */
  readonly lastChange: number;
}

export type TailEntry = StoredEntry & TailPlace;

type StoredTailPlace = TailPlace & StoredPlace;

interface Mark extends StoredTailPlace, Origin {
  /** A mark that only says where leadership began: its entry is not here but in the segments. */
  readonly begins: boolean;
}

export function createTail(sql: Sql): void {
  run(
    sql,
    'CREATE TABLE IF NOT EXISTS _tidemark_changes (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, line TEXT NOT NULL)',
  );
  run(
    sql,
    `CREATE TABLE IF NOT EXISTS _tidemark_entries (
      lsn INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, last_change INTEGER NOT NULL,
      begins INTEGER NOT NULL, hash TEXT NOT NULL, bytes_up_to INTEGER NOT NULL, request TEXT, user TEXT)`,
  );
}

const PLACE_COLUMNS = 'lsn, epoch, last_change, hash, bytes_up_to';
const MARK_COLUMNS = `${PLACE_COLUMNS}, begins, request, user`;

function toPlace([lsn, epoch, lastChange, hash, bytesUpTo]: SqlRow): StoredTailPlace {
  return {
    end: { lsn: lsn as Lsn, epoch: epoch as Epoch, hash: hash as Hash },
    lastChange: lastChange as number,
    bytesUpTo: bytesUpTo as number,
  };
}

function toMark(row: SqlRow): Mark {
  const [begins, request, user] = row.slice(5);
  return {
    ...toPlace(row),
    begins: begins === 1,
    request: typeof request === 'string' ? (JSON.parse(request) as RecordedRequest) : null,
    user: typeof user === 'string' ? (JSON.parse(user) as string) : null,
  };
}

/** Rows behind `after`, by their first column. No page is left half read: an open cursor would lock the table. */
function* pages(sql: Sql, text: string, after: number): Generator<SqlRow> {
  for (let from = after; ;) {
    const page = all(sql, `${text} LIMIT ${LOG_PAGE_ROWS}`, from);
    yield* page;
    if (page.length < LOG_PAGE_ROWS) return;
    from = page.at(-1)?.[0] as number;
  }
}

type StoredChange = Omit<ChangeRow, 'bytes'>;

function* changesAfter(sql: Sql, after: number): Generator<StoredChange> {
  for (const [id, time, line] of pages(
    sql,
    'SELECT id, time, line FROM _tidemark_changes WHERE id > ? ORDER BY id',
    after,
  )) {
    yield { id: id as number, time: time as number, line: line as string };
  }
}

function* marksAfter(sql: Sql, after: Lsn): Generator<Mark> {
  for (const row of pages(
    sql,
    `SELECT ${MARK_COLUMNS} FROM _tidemark_entries WHERE lsn > ? ORDER BY lsn`,
    after,
  ))
    yield toMark(row);
}

/** The last place of the tail at or before `lsn`, which is not before the start, whose hash is stored. */
export function tailPlaceAtOrBefore(sql: Sql, start: LogStart, lsn: number): StoredTailPlace | null {
  const row = first(
    sql,
    `SELECT ${PLACE_COLUMNS} FROM _tidemark_entries WHERE lsn >= ? AND lsn <= ? ORDER BY lsn DESC LIMIT 1`,
    firstMarkLsn(start),
    lsn,
  );
  if (row !== null) return toPlace(row);
  const { end, lastChange, bytesUpTo } = start;
  return lastChange === null ? null : { end, lastChange, bytesUpTo };
}

/**
 * The entries after `after` in order, as far as this tail has them without a break; null where it does not
 * hold the one that follows `after`. `place` is one at or before `after`; null where the tail has none.
 */
export function tailAfter(sql: Sql, after: Lsn, place: TailPlace | null): Iterable<TailEntry> | null {
  return place === null ? null : skipTo(walk(sql, place), after);
}

function* skipTo(entries: Iterable<TailEntry>, after: Lsn): Generator<TailEntry> {
  for (const entry of entries) if (entry.end.lsn > after) yield entry;
}

function* walk(sql: Sql, start: TailPlace): Generator<TailEntry> {
  let end = start.end;
  const changes = changesAfter(sql, start.lastChange);
  let next = changes.next();
  const entry = (epoch: Epoch, lines: readonly StoredChange[], mark: Mark | null): TailEntry => {
    const position = { epoch, lsn: lsnAfter(end.lsn) };
    const { id: lastChange, time } = present(lines.at(-1), 'the changes of an entry');
    const text = encodeEntry({
      position,
      time,
      previous: end.hash,
      request: mark?.request ?? null,
      user: mark?.user ?? null,
      changes: lines.map((row) => row.line),
    });
    // A hash that is stored is not computed again: the reader does, and compares.
    end = mark?.end ?? { ...position, hash: hashOf(text) };
    return { end, text, time, lastChange };
  };
  const takeOne = (): StoredChange => {
    const row = present(next.value as StoredChange | undefined, 'the change of an entry');
    next = changes.next();
    return row;
  };

  for (const mark of marksAfter(sql, start.end.lsn)) {
    if (mark.begins) {
      while (!next.done && next.value.id <= mark.lastChange) yield entry(end.epoch, [takeOne()], null);
      return;
    }
    while (end.lsn + 1 < mark.end.lsn) yield entry(end.epoch, [takeOne()], null);
    const lines: StoredChange[] = [];
    while (!next.done && next.value.id <= mark.lastChange) lines.push(takeOne());
    assert(mark.end.lsn === end.lsn + 1, `the log has no entry ${end.lsn + 1}`);
    yield entry(mark.end.epoch, lines, mark);
  }
  while (!next.done) yield entry(end.epoch, [takeOne()], null);
}

/** Where the tail ends, and how much text stands behind the last hash that is stored. */
export interface TailEnd extends StoredTailPlace {
  readonly charsSinceMark: number;
}

/** As the disk says; null if the log has nothing that this replica wrote. */
export function loadTailEnd(sql: Sql, start: LogStart): TailEnd | null {
  const last = tailPlaceAtOrBefore(sql, start, Number.MAX_SAFE_INTEGER);
  if (last === null) return null;
  let { end, lastChange, bytesUpTo } = last;
  let charsSinceMark = 0;
  for (const entry of walk(sql, last)) {
    ({ end, lastChange } = entry);
    charsSinceMark += entry.text.length;
    bytesUpTo += utf8Length(entry.text);
  }
  return { end, lastChange, bytesUpTo, charsSinceMark };
}

/** Removes what was written here behind `to`, which is a place of this log and not before its start. */
export function truncateTail(sql: Sql, start: LogStart, to: Lsn): void {
  const lastChange = lastChangeUpTo(sql, start, to);
  run(sql, 'DELETE FROM _tidemark_entries WHERE lsn > ?', to);
  if (lastChange === null) return;
  const greatest = first(sql, 'SELECT max(id), time FROM _tidemark_changes');
  run(sql, 'DELETE FROM _tidemark_changes WHERE id > ?', lastChange);
  // A place names this id, but a cut may have removed its row: SQLite would give it again.
  if (typeof greatest?.[0] === 'number' && greatest[0] > lastChange && lastChange > 0)
    run(
      sql,
      "INSERT OR IGNORE INTO _tidemark_changes (id, time, line) VALUES (?, ?, '')",
      lastChange,
      greatest[1] as number,
    );
}

/** The last change that is of no entry behind `to`; null where none of them was written here. */
function lastChangeUpTo(sql: Sql, start: LogStart, to: Lsn): number | null {
  const place = tailPlaceAtOrBefore(sql, start, to);
  if (place === null) {
    const mark = first(
      sql,
      'SELECT last_change FROM _tidemark_entries WHERE lsn > ? ORDER BY lsn LIMIT 1',
      to,
    );
    return mark === null ? null : (mark[0] as number);
  }
  let { lastChange } = place;
  for (const entry of walk(sql, place)) {
    if (entry.end.lsn > to) break;
    ({ lastChange } = entry);
  }
  return lastChange;
}

/** Says that entries after `end` are written here. A replica does so when it begins to lead. */
export function beginTail(sql: Sql, { end, bytesUpTo }: StoredPlace): TailEnd {
  const lastChange = (first(sql, 'SELECT max(id) FROM _tidemark_changes')?.[0] ?? 0) as number;
  writeMark(sql, { end, lastChange, bytesUpTo, begins: true, request: null, user: null });
  return { end, lastChange, bytesUpTo, charsSinceMark: 0 };
}

function writeMark(sql: Sql, { end, lastChange, bytesUpTo, begins, request, user }: Mark): void {
  run(
    sql,
    `INSERT INTO _tidemark_entries (${MARK_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    end.lsn,
    end.epoch,
    lastChange,
    end.hash,
    bytesUpTo,
    begins ? 1 : 0,
    request === null ? null : JSON.stringify(request),
    // As JSON: half of a surrogate pair is text to JavaScript, and none to SQLite.
    user === null ? null : JSON.stringify(user),
  );
}

export interface EntryContent extends Origin {
  readonly epoch: Epoch;
  readonly captured: readonly ChangeRow[];
  readonly limits: LogLimits;
}

/** Makes one entry of the captured changes, which must be some and the last that there are; gives the new end. */
export function closeEntry(
  sql: Sql,
  tail: TailEnd,
  content: EntryContent,
): { readonly entry: StoredEntry; readonly tail: TailEnd } {
  const { epoch, captured, request, user, limits } = content;
  const { id: lastChange, time } = present(captured.at(-1), 'the changes of an entry');
  const position = { epoch, lsn: lsnAfter(tail.end.lsn) };
  const changes = captured.map((row) => row.line);
  const text = encodeEntry({ position, time, previous: tail.end.hash, request, user, changes });
  const end: ChainEnd = { ...position, hash: hashOf(text) };
  const bytesUpTo = tail.bytesUpTo + bytesOf(text, captured);
  const charsSinceMark = tail.charsSinceMark + text.length;
  const isDue = position.lsn % limits.hashedEntriesEvery === 0 || charsSinceMark > limits.hashedCharsEvery;
  const hasOrigin = request !== null || user !== null;
  const isItsChange = captured.length === 1 && !hasOrigin && epoch === tail.end.epoch && !isDue;
  if (!isItsChange) writeMark(sql, { end, lastChange, bytesUpTo, begins: false, request, user });
  return {
    entry: { end, text, time },
    tail: { end, lastChange, bytesUpTo, charsSinceMark: isItsChange ? charsSinceMark : 0 },
  };
}

/** The length of an entry's text in UTF-8. Its lines were measured when they were captured. */
function bytesOf(text: string, captured: readonly ChangeRow[]): number {
  const head = utf8Length(text.slice(0, text.indexOf('\n')));
  return captured.reduce((bytes, row) => bytes + 1 + row.bytes, head);
}
