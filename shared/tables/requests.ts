import { REQUEST_ID_KEPT_MS } from '../limits.ts';
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

export function findRequest(sql: Sql, id: string): KeptRequest | null {
  const row = first(sql, 'SELECT fingerprint, answer, lsn FROM _tidemark_requests WHERE id = ?', id);
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
  // Without an entry the followers would not prune with this replica, and would differ from it.
  const prunable = at.in === 'log' ? '' : ' AND in_log = 0';
  run(sql, `DELETE FROM _tidemark_requests WHERE time < ?${prunable}`, at.time - REQUEST_ID_KEPT_MS);
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
