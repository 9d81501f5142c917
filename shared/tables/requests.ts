import { REQUEST_ID_KEPT_MS, REQUEST_ID_SPARE_MS } from '../limits.ts';
import type { RecordedRequest } from '../log/entry.ts';
import { first, run, type Sql } from '../ports.ts';
import type { Lsn } from '../lsn.ts';

/**
 * The request ids that entries of the log carry, and their answers. Each replica derives the table from the log,
 * pruning included, so that a retry after a failover meets the same ids.
 */
export function createRequests(sql: Sql): void {
  run(
    sql,
    `CREATE TABLE IF NOT EXISTS _tidemark_requests (
      id TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, answer TEXT NOT NULL,
      lsn INTEGER NOT NULL, time INTEGER NOT NULL, in_log INTEGER NOT NULL) WITHOUT ROWID`,
  );
  run(sql, 'CREATE INDEX IF NOT EXISTS _tidemark_requests_by_time ON _tidemark_requests (time)');
}

export interface KeptRequest {
  readonly fingerprint: string;
  readonly answer: string;
  readonly lsn: Lsn;
}

/**
 * What tells ids that count from those that are forgotten: the newest entry with an id decides. Forgotten ones are removed later, so that
 * where that entry is rolled back they count again, as they do at replicas that never had it.
 */
export const COUNTING_SQL = `time >= (SELECT max(newest.time) FROM _tidemark_requests AS newest WHERE newest.in_log) - ${REQUEST_ID_KEPT_MS}`;

export function findRequest(sql: Sql, id: string): KeptRequest | null {
  const row = first(
    sql,
    `SELECT fingerprint, answer, lsn FROM _tidemark_requests WHERE id = ? AND ifnull(${COUNTING_SQL}, true)`,
    id,
  );
  return row === null
    ? null
    : { fingerprint: row[0] as string, answer: row[1] as string, lsn: row[2] as Lsn };
}

/** The entry that carries the id; a write that changed nothing has none, and only this replica knows of it. */
export interface RequestPlace {
  readonly lsn: Lsn;
  readonly time: number;
  readonly in: 'log' | 'this replica';
}

/** Keeps the id of an entry, and forgets those that are older than promised by the leader's clock. */
export function keepRequest(sql: Sql, request: RecordedRequest, at: RequestPlace): void {
  // Without an entry the followers would not forget with this replica, and would differ from it.
  if (at.in === 'log') removeForgotten(sql, at.time);
  else run(sql, 'DELETE FROM _tidemark_requests WHERE time < ? AND in_log = 0', at.time - REQUEST_ID_KEPT_MS);
  run(
    sql,
    'INSERT OR REPLACE INTO _tidemark_requests (id, fingerprint, answer, lsn, time, in_log) VALUES (?, ?, ?, ?, ?, ?)',
    request.id,
    request.fingerprint,
    request.answer,
    at.lsn,
    at.time,
    at.in === 'log' ? 1 : 0,
  );
}

/** Removes what was forgotten already before the last REQUEST_ID_SPARE_MS. */
function removeForgotten(sql: Sql, now: number): void {
  run(
    sql,
    'DELETE FROM _tidemark_requests WHERE time < (SELECT max(time) FROM _tidemark_requests WHERE in_log AND time <= ?) - ?',
    now - REQUEST_ID_SPARE_MS,
    REQUEST_ID_KEPT_MS,
  );
}

/** Forgets the id, if the entry that carries it is behind `lsn`. */
export function forgetRequest(sql: Sql, id: string, lsn: Lsn): void {
  run(sql, 'DELETE FROM _tidemark_requests WHERE id = ? AND lsn > ?', id, lsn);
}

/** Forgets all that came behind `lsn`. Reads every id. */
export function forgetRequestsAfter(sql: Sql, lsn: Lsn): void {
  run(sql, 'DELETE FROM _tidemark_requests WHERE lsn > ?', lsn);
}
