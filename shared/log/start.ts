import { assert } from '../assert.ts';
import { EPOCH_FIRST, LSN_ZERO, type Epoch, type Lsn } from '../lsn.ts';
import { all, first, run, type Sql } from '../ports.ts';
import { type ChainEnd, type Hash, HASH_OF_NOTHING } from './entry.ts';

/** A place between two entries at which the hash is stored, so that a log may be read from it, or begin at it. */
export interface StoredPlace {
  readonly end: ChainEnd;
  /** UTF-8 bytes of the text of all entries up to here, also of those that are no longer held. */
  readonly bytesUpTo: number;
}

/**
 * Where the log begins. Rows of entries at or before it are not the log's any more, whether they are still there or not:
 * so a cut is one row, and what it leaves can be removed a few rows at a time.
 */
export interface LogStart extends StoredPlace {
  /** The last change before it, where the entry that follows may be one that this replica wrote; else null. */
  readonly lastChange: number | null;
  /** `knownAt` of the last segment at or before it; null where there was none. */
  readonly knownAt: number | null;
}

const WHOLE: LogStart = {
  end: { epoch: EPOCH_FIRST, lsn: LSN_ZERO, hash: HASH_OF_NOTHING },
  bytesUpTo: 0,
  lastChange: null,
  knownAt: null,
};

/** It has no row while the log is whole. */
export function createStart(sql: Sql): void {
  run(
    sql,
    `CREATE TABLE IF NOT EXISTS _tidemark_log_start (
      id INTEGER PRIMARY KEY, lsn INTEGER NOT NULL, epoch INTEGER NOT NULL, hash TEXT NOT NULL,
      bytes_up_to INTEGER NOT NULL, last_change INTEGER, known_at INTEGER)`,
  );
}

export function loadStart(sql: Sql): LogStart {
  const row = first(
    sql,
    'SELECT lsn, epoch, hash, bytes_up_to, last_change, known_at FROM _tidemark_log_start',
  );
  if (row === null) return WHOLE;
  const [lsn, epoch, hash, bytesUpTo, lastChange, knownAt] = row;
  return {
    end: { lsn: lsn as Lsn, epoch: epoch as Epoch, hash: hash as Hash },
    bytesUpTo: bytesUpTo as number,
    lastChange: lastChange as number | null,
    knownAt: knownAt as number | null,
  };
}

/** From here on the log begins at `start`. */
export function writeStart(sql: Sql, { end, bytesUpTo, lastChange, knownAt }: LogStart): void {
  run(
    sql,
    `INSERT OR REPLACE INTO _tidemark_log_start (id, lsn, epoch, hash, bytes_up_to, last_change, known_at)
     VALUES (0, ?, ?, ?, ?, ?, ?)`,
    end.lsn,
    end.epoch,
    end.hash,
    bytesUpTo,
    lastChange,
    knownAt,
  );
}

/** The least LSN of a mark that is the log's: one at the start counts only where the start does not say as much itself. */
export function firstMarkLsn({ end, lastChange }: LogStart): number {
  return lastChange === null ? end.lsn : end.lsn + 1;
}

/** Rows that are removed by one statement; each may be as large as a row may be. */
const SLICE_ROWS = 64;

/** So much text takes as long to remove as a row. */
export const CHARS_AS_A_ROW = 1024;

/** Removes rows that are before `start`, at most about so many; text counts as rows too. */
export function removeBefore(sql: Sql, start: LogStart, rowsMax: number): 'done' | 'more' {
  assert(rowsMax >= 1, 'a cut removes something');
  const remains: readonly Remains[] = [
    { table: '_tidemark_changes', key: 'id', text: 'line', upTo: unneededChange(sql, start) },
    { table: '_tidemark_entries', key: 'lsn', text: 'request', upTo: firstMarkLsn(start) - 1 },
    { table: '_tidemark_segment_parts', key: 'last_lsn', text: 'text', upTo: start.end.lsn },
    { table: '_tidemark_segments', key: 'last_lsn', text: 'text', upTo: start.end.lsn },
  ];
  let left = rowsMax;
  for (const each of remains) {
    for (let isThereMore = true; isThereMore;) {
      const rows = Math.min(left, SLICE_ROWS);
      const removed = removeOldest(sql, each, rows);
      left -= removed.reduce((sum, chars) => sum + 1 + Math.floor(chars / CHARS_AS_A_ROW), 0);
      if (left <= 0) return 'more';
      isThereMore = removed.length === rows;
    }
  }
  return 'done';
}

interface Remains {
  readonly table: string;
  readonly key: string;
  readonly text: string;
  readonly upTo: number;
}

/** The characters of each row that was removed. */
function removeOldest(sql: Sql, { table, key, text, upTo }: Remains, rows: number): number[] {
  const oldest = `SELECT rowid FROM ${table} WHERE ${key} <= ? ORDER BY ${key} LIMIT CAST(? AS INTEGER)`;
  const removed = all(
    sql,
    `DELETE FROM ${table} WHERE rowid IN (${oldest}) RETURNING ifnull(length(${text}), 0)`,
    upTo,
    rows,
  );
  return removed.map(([chars]) => chars as number);
}

/**
 * The last change that may be removed. Never the last of all: SQLite gives the next change the greatest id plus
 * one, and marks name changes by id, so an id that was given twice would make one change part of two
 * entries. Where only its id is needed, its text goes.
 */
function unneededChange(sql: Sql, start: LogStart): number {
  const last = first(sql, 'SELECT max(id) FROM _tidemark_changes')?.[0] ?? null;
  if (last === null) return 0;
  const upTo = start.lastChange ?? changeAtFirstMark(sql, start) ?? last;
  if (upTo < last) return upTo as number;
  run(sql, "UPDATE _tidemark_changes SET line = '' WHERE id = ? AND line <> ''", last);
  return (last as number) - 1;
}

/** Where this replica wrote nothing at the start, its first entry comes after a mark that says where it began to. */
function changeAtFirstMark(sql: Sql, start: LogStart): number | null {
  const row = first(
    sql,
    'SELECT last_change FROM _tidemark_entries WHERE lsn >= ? ORDER BY lsn LIMIT 1',
    firstMarkLsn(start),
  );
  return row === null ? null : (row[0] as number);
}

/** Removes every entry: from here on the log is empty and ends at `end`. */
export function beginAnew(sql: Sql, end: ChainEnd, knownAt: number | null): LogStart {
  for (const table of ['changes', 'entries', 'segment_parts', 'segments'])
    run(sql, `DELETE FROM _tidemark_${table}`);
  const start = { ...WHOLE, end, knownAt };
  writeStart(sql, start);
  return start;
}
