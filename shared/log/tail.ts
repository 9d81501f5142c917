import { assert, present } from '../assert.ts';
import { LOG_PAGE_ROWS, type LogLimits } from '../limits.ts';
import { type Epoch, type Lsn, lsnAfter } from '../lsn.ts';
import { all, first, run, type Sql, type SqlRow } from '../ports.ts';
import type { ChangeRow } from './captured.ts';
import { type ChainEnd, encodeEntry, type Hash, hashOf, type RecordedRequest } from './entry.ts';

/**
 * The part of the log that this replica wrote as a leader.
 *
 * The capture triggers write one row a change. An entry of exactly one change and nothing else IS that
 * row: a single-row write costs two rows, its own and its change's. Rows written are what a user pays
 * for, so every other entry, and no more, has a row in _tidemark_entries as well:
 * one with several changes or a request id, the first of an epoch, and one every 1024 entries or
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

interface Mark extends TailPlace {
  /** A mark that only says where leadership began: its entry is not here but in the segments. */
  readonly begins: boolean;
  readonly request: RecordedRequest | null;
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
      begins INTEGER NOT NULL, hash TEXT NOT NULL, request TEXT)`,
  );
}

const MARK_COLUMNS = 'lsn, epoch, last_change, begins, hash, request';

function toMark([lsn, epoch, lastChange, begins, hash, request]: SqlRow): Mark {
  return {
    end: { lsn: lsn as Lsn, epoch: epoch as Epoch, hash: hash as Hash },
    lastChange: lastChange as number,
    begins: begins === 1,
    request: request === null ? null : (JSON.parse(request as string) as RecordedRequest),
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

function* changesAfter(sql: Sql, after: number): Generator<ChangeRow> {
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

function markAtOrBefore(sql: Sql, lsn: Lsn): Mark | null {
  const row = first(
    sql,
    `SELECT ${MARK_COLUMNS} FROM _tidemark_entries WHERE lsn <= ? ORDER BY lsn DESC LIMIT 1`,
    lsn,
  );
  return row === null ? null : toMark(row);
}

/**
 * The entries after `after` in order, as far as this tail has them without a break; null where it does not
 * hold the one that follows `after`. `known` is a place that an earlier reading reached, if it reached `after`.
 */
export function tailAfter(sql: Sql, after: Lsn, known: TailPlace | null): Iterable<TailEntry> | null {
  const start = known ?? markAtOrBefore(sql, after);
  return start === null ? null : skipTo(walk(sql, start), after);
}

function* skipTo(entries: Iterable<TailEntry>, after: Lsn): Generator<TailEntry> {
  for (const entry of entries) if (entry.end.lsn > after) yield entry;
}

function* walk(sql: Sql, start: TailPlace): Generator<TailEntry> {
  let end = start.end;
  const changes = changesAfter(sql, start.lastChange);
  let next = changes.next();
  const entry = (epoch: Epoch, lines: readonly ChangeRow[], mark: Mark | null): TailEntry => {
    const position = { epoch, lsn: lsnAfter(end.lsn) };
    const request = mark?.request ?? null;
    const { id: lastChange, time } = present(lines.at(-1), 'the changes of an entry');
    const text = encodeEntry({
      position,
      time,
      previous: end.hash,
      request,
      changes: lines.map((row) => row.line),
    });
    // A hash that is stored is not computed again: the reader does, and compares.
    end = mark?.end ?? { ...position, hash: hashOf(text) };
    return { end, text, time, lastChange };
  };
  const takeOne = (): ChangeRow => {
    const row = present(next.value as ChangeRow | undefined, 'the change of an entry');
    next = changes.next();
    return row;
  };

  for (const mark of marksAfter(sql, start.end.lsn)) {
    if (mark.begins) {
      while (!next.done && next.value.id <= mark.lastChange) yield entry(end.epoch, [takeOne()], null);
      return;
    }
    while (end.lsn + 1 < mark.end.lsn) yield entry(end.epoch, [takeOne()], null);
    const lines: ChangeRow[] = [];
    while (!next.done && next.value.id <= mark.lastChange) lines.push(takeOne());
    assert(mark.end.lsn === end.lsn + 1, `the log has no entry ${end.lsn + 1}`);
    yield entry(mark.end.epoch, lines, mark);
  }
  while (!next.done) yield entry(end.epoch, [takeOne()], null);
}

/** Where the tail ends, and how much text stands behind the last hash that is stored. */
export interface TailEnd extends TailPlace {
  readonly charsSinceMark: number;
}

/** As the disk says; null if this replica never led. */
export function loadTailEnd(sql: Sql): TailEnd | null {
  const [last] = all(sql, `SELECT ${MARK_COLUMNS} FROM _tidemark_entries ORDER BY lsn DESC LIMIT 1`);
  if (last === undefined) return null;
  let { end, lastChange }: TailPlace = toMark(last);
  let charsSinceMark = 0;
  for (const entry of walk(sql, toMark(last))) {
    ({ end, lastChange } = entry);
    charsSinceMark += entry.text.length;
  }
  return { end, lastChange, charsSinceMark };
}

/** Says that entries after `end` are written here. A replica does so when it begins to lead. */
export function beginTail(sql: Sql, end: ChainEnd): TailEnd {
  const lastChange = (first(sql, 'SELECT max(id) FROM _tidemark_changes')?.[0] ?? 0) as number;
  writeMark(sql, { end, lastChange, begins: true, request: null });
  return { end, lastChange, charsSinceMark: 0 };
}

function writeMark(sql: Sql, { end, lastChange, begins, request }: Mark): void {
  run(
    sql,
    `INSERT INTO _tidemark_entries (${MARK_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)`,
    end.lsn,
    end.epoch,
    lastChange,
    begins ? 1 : 0,
    end.hash,
    request === null ? null : JSON.stringify(request),
  );
}

export interface EntryContent {
  readonly epoch: Epoch;
  readonly captured: readonly ChangeRow[];
  readonly request: RecordedRequest | null;
  readonly limits: LogLimits;
}

/** Makes one entry of the captured changes, which must be some and the last that there are; gives the new end. */
export function closeEntry(
  sql: Sql,
  tail: TailEnd,
  content: EntryContent,
): { readonly entry: StoredEntry; readonly tail: TailEnd } {
  const { epoch, captured, request, limits } = content;
  const { id: lastChange, time } = present(captured.at(-1), 'the changes of an entry');
  const position = { epoch, lsn: lsnAfter(tail.end.lsn) };
  const changes = captured.map((row) => row.line);
  const text = encodeEntry({ position, time, previous: tail.end.hash, request, changes });
  const end: ChainEnd = { ...position, hash: hashOf(text) };
  const charsSinceMark = tail.charsSinceMark + text.length;
  const isDue = position.lsn % limits.hashedEntriesEvery === 0 || charsSinceMark > limits.hashedCharsEvery;
  const isItsChange = captured.length === 1 && request === null && epoch === tail.end.epoch && !isDue;
  if (!isItsChange) writeMark(sql, { end, lastChange, begins: false, request });
  return {
    entry: { end, text, time },
    tail: { end, lastChange, charsSinceMark: isItsChange ? charsSinceMark : 0 },
  };
}
