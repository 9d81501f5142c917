import { createLog } from '../log/log.ts';
import { first, run, type Sql } from '../ports.ts';
import { createRequests } from '../tables/requests.ts';
import { createSchemaView } from '../tables/schema.ts';
import type { Assignment } from './assignment.ts';

/** What a replica was told to be, and when, by its own clock in milliseconds. */
export interface Assigned {
  readonly assignment: Assignment;
  readonly at: number;
}

/** Makes storage a replica's. Called again with the same assignment, it changes nothing. */
export function assign(sql: Sql, assignment: Assignment, now: number): void {
  run(
    sql,
    'CREATE TABLE IF NOT EXISTS _tidemark_replica (key TEXT PRIMARY KEY, value TEXT NOT NULL, time INTEGER NOT NULL)',
  );
  createLog(sql);
  createSchemaView(sql);
  createRequests(sql);
  const value = JSON.stringify(assignment);
  run(sql, "INSERT INTO _tidemark_replica VALUES ('assignment', ?, ?) ON CONFLICT DO NOTHING", value, now);
}

/** Null for storage that is no replica's, or no longer. */
export function loadAssigned(sql: Sql): Assigned | null {
  if (first(sql, "SELECT 1 FROM sqlite_schema WHERE name = '_tidemark_replica'") === null) return null;
  const row = first(sql, "SELECT value, time FROM _tidemark_replica WHERE key = 'assignment'");
  return row === null
    ? null
    : { assignment: JSON.parse(row[0] as string) as Assignment, at: row[1] as number };
}

/** A follower that needs entries which the log no longer holds says so, also after a restart. */
export function isStranded(sql: Sql): boolean {
  return first(sql, "SELECT 1 FROM _tidemark_replica WHERE key = 'stranded'") !== null;
}

export function markStranded(sql: Sql, now: number): void {
  run(sql, "INSERT OR IGNORE INTO _tidemark_replica VALUES ('stranded', '', ?)", now);
}
