import { LOG_LIMITS } from '../limits.ts';
import type { LostEntriesQuery, LostEntry } from '../lost-entry.ts';
import { decodeEntry } from '../log/entry.ts';
import { inParts } from '../log/segments.ts';
import type { Epoch, Lsn } from '../lsn.ts';
import type { Position } from '../position.ts';
import { all, first, run, type Sql, type SqlRow, type SqlValue } from '../ports.ts';
import { utf8Length } from '../utf8.ts';
import { parseChange } from './change.ts';
import { tableExists } from './schema.ts';

/** Text of one answer, in UTF-8. The first entry is given whatever its size. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

const TABLE = '_tidemark_lost_entries';
const PARTS = '_tidemark_lost_entry_parts';

/**
 * Entries that a failover cut off, one row each, their text beside them because it may be larger than a row. No part of what replicas
 * share: not in the digest, not in a snapshot, and a snapshot that is taken over leaves them as they are. All are kept,
 * however many: nobody else has them, and whoever lost them has not been asked.
 */
function createLostEntries(sql: Sql): void {
  run(
    sql,
    `CREATE TABLE IF NOT EXISTS ${TABLE} (
      epoch INTEGER NOT NULL, lsn INTEGER NOT NULL, time INTEGER NOT NULL, user TEXT, tables TEXT NOT NULL,
      bytes INTEGER NOT NULL, lost_by INTEGER NOT NULL, applied_epoch INTEGER, applied_lsn INTEGER,
      PRIMARY KEY (epoch, lsn)) WITHOUT ROWID`,
  );
  run(
    sql,
    `CREATE TABLE IF NOT EXISTS ${PARTS} (
      epoch INTEGER NOT NULL, lsn INTEGER NOT NULL, part INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (epoch, lsn, part))`,
  );
}

/** Keeps entries, each given by its text. One that is kept already stays as it is. */
export function keepLostEntries(sql: Sql, texts: readonly string[], lostBy: Epoch): void {
  if (texts.length === 0) return;
  createLostEntries(sql);
  for (const text of texts) keep(sql, text, lostBy);
}

function keep(sql: Sql, text: string, lostBy: Epoch): void {
  const { position, time, user, changes } = decodeEntry(text);
  const { epoch, lsn } = position;
  const added = all(
    sql,
    `INSERT OR IGNORE INTO ${TABLE} (epoch, lsn, time, user, tables, bytes, lost_by) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING 1`,
    epoch,
    lsn,
    time,
    user,
    JSON.stringify(tablesOf(changes)),
    utf8Length(text),
    lostBy,
  );
  if (added.length === 0) return;
  inParts(text, LOG_LIMITS.segmentPartChars).forEach((part, i) => {
    run(sql, `INSERT INTO ${PARTS} (epoch, lsn, part, text) VALUES (?, ?, ?, ?)`, epoch, lsn, i, part);
  });
}

function tablesOf(changes: readonly string[]): string[] {
  const rows = changes.map(parseChange).flatMap((change) => (change.kind === 'schema' ? [] : [change.table]));
  return [...new Set(rows)];
}

/** Those that the query asks for in the order of epoch and LSN, as many as it lets and one answer holds. */
export function keptLostEntries(sql: Sql, query: LostEntriesQuery): LostEntry[] {
  if (!tableExists(sql, TABLE)) return [];
  const { conditions, values } = conditionsOf(query);
  const rows = all(
    sql,
    `SELECT epoch, lsn, bytes, lost_by, applied_epoch, applied_lsn FROM ${TABLE}
     WHERE ${conditions.join(' AND ')} ORDER BY epoch, lsn LIMIT CAST(? AS INTEGER)`,
    ...values,
    query.limit,
  );
  let bytes = 0;
  const found: LostEntry[] = [];
  for (const row of rows) {
    bytes += row[2] as number;
    if (found.length > 0 && bytes > ANSWER_BYTES_MAX) break;
    found.push(toLostEntry(sql, row));
  }
  return found;
}

function conditionsOf(query: LostEntriesQuery): {
  readonly conditions: readonly string[];
  readonly values: readonly SqlValue[];
} {
  const { after } = query;
  const asked: readonly (readonly [string, SqlValue])[] = [
    ['epoch = ?', query.epoch],
    ['lsn >= ?', query.from_lsn],
    ['lsn <= ?', query.to_lsn],
    ['time >= ?', query.from_time],
    ['time <= ?', query.to_time],
    ['user = ?', query.user],
    ['EXISTS (SELECT 1 FROM json_each(tables) AS e WHERE e.value = ? COLLATE NOCASE)', query.table],
  ];
  const given = asked.filter(([, value]) => value !== null);
  return {
    conditions: [
      'true',
      ...given.map(([text]) => text),
      ...(after === null ? [] : ['(epoch, lsn) > (?, ?)']),
    ],
    values: [...given.map(([, value]) => value), ...(after === null ? [] : [after.epoch, after.lsn])],
  };
}

function toLostEntry(sql: Sql, [epoch, lsn, , lostBy, appliedEpoch, appliedLsn]: SqlRow): LostEntry {
  const at = { epoch: epoch as Epoch, lsn: lsn as Lsn };
  const { position, time, user, request, changes } = decodeEntry(textOf(sql, at));
  const wasApplied = typeof appliedEpoch === 'number';
  return {
    position,
    time,
    user,
    request: request?.id ?? null,
    tables: tablesOf(changes),
    changes,
    lost_by: lostBy as Epoch,
    applied: wasApplied ? { epoch: appliedEpoch as Epoch, lsn: appliedLsn as Lsn } : null,
  };
}

function textOf(sql: Sql, { epoch, lsn }: Position): string {
  const parts = all(sql, `SELECT text FROM ${PARTS} WHERE epoch = ? AND lsn = ? ORDER BY part`, epoch, lsn);
  return parts.map(([text]) => text as string).join('');
}

/** The text of one; null where it is not here. */
export function keptLostEntry(sql: Sql, position: Position): string | null {
  if (!tableExists(sql, TABLE)) return null;
  const { epoch, lsn } = position;
  const isHere = first(sql, `SELECT 1 FROM ${TABLE} WHERE epoch = ? AND lsn = ?`, epoch, lsn) !== null;
  return isHere ? textOf(sql, position) : null;
}

/** Notes what it became. One that was applied twice tells of the first time. */
export function lostEntryWasApplied(sql: Sql, { epoch, lsn }: Position, applied: Position): void {
  if (!tableExists(sql, TABLE)) return;
  run(
    sql,
    `UPDATE ${TABLE} SET applied_epoch = ?, applied_lsn = ? WHERE epoch = ? AND lsn = ? AND applied_epoch IS NULL`,
    applied.epoch,
    applied.lsn,
    epoch,
    lsn,
  );
}
