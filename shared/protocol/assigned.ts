import { createLog } from '../log/log.ts';
import { first, run, type Sql } from '../ports.ts';
import { createRequests } from '../tables/requests.ts';
import { createSchemaView } from '../tables/schema.ts';
import { type Assignment, isNewer, membershipOf } from './assignment.ts';

/** What a replica was told to be, and when, by its own clock in milliseconds. */
export interface Assigned {
  readonly assignment: Assignment;
  readonly at: number;
}

/**
 * Makes storage a replica's, or tells it a newer leadership. False where it knows one as new, and nothing changed: assignments come
 * late and twice.
 */
export function assign(sql: Sql, assignment: Assignment, now: number): boolean {
  const known = loadAssigned(sql);
  if (known !== null && !isNewer(assignment, known.assignment)) return false;
  const value = JSON.stringify(assignment);
  if (known !== null) {
    run(sql, "UPDATE _tidemark_replica SET value = ? WHERE key = 'assignment'", value);
    return true;
  }
  run(
    sql,
    'CREATE TABLE IF NOT EXISTS _tidemark_replica (key TEXT PRIMARY KEY, value TEXT NOT NULL, time INTEGER NOT NULL)',
  );
  createLog(sql);
  createSchemaView(sql);
  createRequests(sql);
  run(sql, "INSERT INTO _tidemark_replica VALUES ('assignment', ?, ?)", value, now);
  if (membershipOf(assignment) === 'joining')
    needSnapshot(sql, { reason: null, failures: 0, notBefore: 0, startsOver: false });
  return true;
}

/** Null for storage that is no replica's, or no longer. */
export function loadAssigned(sql: Sql): Assigned | null {
  if (first(sql, "SELECT 1 FROM sqlite_schema WHERE name = '_tidemark_replica'") === null) return null;
  const row = first(sql, "SELECT value, time FROM _tidemark_replica WHERE key = 'assignment'");
  return row === null
    ? null
    : { assignment: JSON.parse(row[0] as string) as Assignment, at: row[1] as number };
}

/** This follower can go on only from a snapshot: it is new, or where it is, nothing follows in the leader's log. */
export interface SnapshotNeed {
  /** Why it is needed, or why the last try did not succeed; null where that goes without saying. */
  readonly reason: string | null;
  /** How often a copy came that could not be taken. */
  readonly failures: number;
  /** By the replica's own clock, in milliseconds. */
  readonly notBefore: number;
  /** What is here of a copy is not to be gone on with: it could not be, and a replica that has forgotten that would try for ever. */
  readonly startsOver: boolean;
}

/** Null where it needs none. */
export function snapshotNeed(sql: Sql): SnapshotNeed | null {
  const row = first(sql, "SELECT value FROM _tidemark_replica WHERE key = 'needs-snapshot'");
  return row === null ? null : (JSON.parse(row[0] as string) as SnapshotNeed);
}

export function needSnapshot(sql: Sql, need: SnapshotNeed): void {
  run(sql, "INSERT OR REPLACE INTO _tidemark_replica VALUES ('needs-snapshot', ?, 0)", JSON.stringify(need));
}

export function hasSnapshot(sql: Sql): void {
  run(sql, "DELETE FROM _tidemark_replica WHERE key = 'needs-snapshot'");
}
