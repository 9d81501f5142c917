import { assert } from '../assert.ts';
import { first, run, type Sql } from '../ports.ts';
import type { ReplicaRef } from '../protocol/assignment.ts';
import type { DatabaseRecord } from '../protocol/messages.ts';

/** What a database is going through. It is found while it is `ready`. */
export type Phase = { readonly kind: 'absent' } | Made;

export interface Made {
  readonly kind: 'creating' | 'ready' | 'erasing';
  readonly record: DatabaseRecord;
  /** The greatest number that a replica's object was ever named with; it only goes up. */
  readonly lastNumber: number;
  /** The names of the replicas that have not confirmed the newest leadership of their partition. */
  readonly unassigned: readonly string[];
  /** The leaders that have not said that what they had when they learnt of the newest leadership is settled among its members. */
  readonly unsettled: readonly string[];
  /** The replicas that do not belong any more and have not confirmed that they gave up their storage. */
  readonly unerased: readonly ReplicaRef[];
  /** How often the alarm has tried again since the last change. */
  readonly attempts: number;
}

/** Reads the phase back. An object that was only ever asked has no table, and is left without one. */
export function loadPhase(sql: Sql): Phase {
  if (first(sql, `SELECT 1 FROM sqlite_master WHERE name = '_tidemark_directory'`) === null)
    return { kind: 'absent' };
  const row = first(sql, 'SELECT phase FROM _tidemark_directory');
  if (row === null) return { kind: 'absent' };
  const text = row[0];
  assert(typeof text === 'string', 'a phase is kept as text');
  return JSON.parse(text) as Made;
}

/** One row, so that a phase is replaced whole or not at all. */
export function savePhase(sql: Sql, phase: Phase): void {
  run(
    sql,
    'CREATE TABLE IF NOT EXISTS _tidemark_directory (id INTEGER PRIMARY KEY CHECK (id = 1), phase TEXT NOT NULL)',
  );
  if (phase.kind === 'absent') run(sql, 'DELETE FROM _tidemark_directory');
  else
    run(
      sql,
      'INSERT INTO _tidemark_directory (id, phase) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET phase = excluded.phase',
      JSON.stringify(phase),
    );
}
