import { createLog } from '../log/log.ts';
import type { Epoch } from '../lsn.ts';
import { first, run, type Sql } from '../ports.ts';
import { createRequests } from '../tables/requests.ts';
import { beginLeading, endLeading } from '../tables/roles.ts';
import { createSchemaView } from '../tables/schema.ts';
import { type Assignment, isNewer, membershipOf, roleOf } from './assignment.ts';

/** What a replica was told to be, and when, by its own clock in milliseconds. */
export interface Assigned {
  readonly assignment: Assignment;
  readonly at: number;
  /** The least epoch that it may take entries from, or lead in. */
  readonly fence: Epoch;
}

/**
 * `known`: it knew one as new, and nothing changed, because assignments come late and twice. `told`: the same leader of the same
 * epoch has other followers or a successor. `new epoch`: what it is begins anew, from what is on disk.
 */
export type AssignOutcome = 'known' | 'told' | 'new epoch';

/** Makes storage a replica's, or tells it a newer leadership; with it, it becomes what a leader or a follower needs. */
export function assign(sql: Sql, assignment: Assignment, now: number): AssignOutcome {
  const known = loadAssigned(sql);
  if (known === null) {
    makeReplica(sql, assignment, now);
    if (roleOf(assignment) === 'leader') beginLeading(sql);
    return 'new epoch';
  }
  if (!isNewer(assignment, known.assignment)) return 'known';
  run(sql, "UPDATE _tidemark_replica SET value = ? WHERE key = 'assignment'", JSON.stringify(assignment));
  if (assignment.epoch === known.assignment.epoch) return 'told';
  const [was, is] = [roleOf(known.assignment), roleOf(assignment)];
  if (was === 'follower' && is === 'leader') {
    beginLeading(sql);
    // What it lacked was the log of a leader that leads no more. Kept, it would have it drop its tables when it follows again.
    hasSnapshot(sql);
  }
  if (was === 'leader' && is === 'follower') endLeading(sql);
  return 'new epoch';
}

function makeReplica(sql: Sql, assignment: Assignment, now: number): void {
  run(
    sql,
    'CREATE TABLE IF NOT EXISTS _tidemark_replica (key TEXT PRIMARY KEY, value TEXT NOT NULL, time INTEGER NOT NULL)',
  );
  createLog(sql);
  createSchemaView(sql);
  createRequests(sql);
  run(sql, "INSERT INTO _tidemark_replica VALUES ('assignment', ?, ?)", JSON.stringify(assignment), now);
  if (membershipOf(assignment) === 'joining')
    needSnapshot(sql, { reason: null, failures: 0, notBefore: 0, startsOver: false });
}

/** Null for storage that is no replica's, or no longer. */
export function loadAssigned(sql: Sql): Assigned | null {
  if (first(sql, "SELECT 1 FROM sqlite_schema WHERE name = '_tidemark_replica'") === null) return null;
  const row = first(sql, "SELECT value, time FROM _tidemark_replica WHERE key = 'assignment'");
  if (row === null) return null;
  const assignment = JSON.parse(row[0] as string) as Assignment;
  const fence = first(sql, "SELECT value FROM _tidemark_replica WHERE key = 'fence'")?.[0] ?? 0;
  return { assignment, at: row[1] as number, fence: laterEpoch(Number(fence) as Epoch, assignment.epoch) };
}

/** From here on, over restarts, this replica takes nothing from an epoch before `epoch`. Gives the least that it takes. */
export function raiseFence(sql: Sql, epoch: Epoch): Epoch {
  const fence = laterEpoch(epoch, loadAssigned(sql)?.fence ?? epoch);
  run(sql, "INSERT OR REPLACE INTO _tidemark_replica VALUES ('fence', ?, 0)", String(fence));
  return fence;
}

function laterEpoch(a: Epoch, b: Epoch): Epoch {
  return a > b ? a : b;
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
