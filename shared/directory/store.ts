import { first, run, type Sql } from '../ports.ts';
import type { DatabaseRecord } from '../protocol/messages.ts';
import { assert } from '../assert.ts';

/**
 * What a database is going through. `pending` names the replicas that have not yet confirmed that they
 * took up their assignment (creating) or gave up their storage (erasing).
 */
export type Phase =
  | { readonly kind: 'absent' }
  | { readonly kind: 'ready'; readonly record: DatabaseRecord }
  | {
      readonly kind: 'creating' | 'erasing';
      readonly record: DatabaseRecord;
      readonly pending: readonly string[];
      /** How often the alarm has tried again. */
      readonly attempts: number;
    };

/** Reads the phase back. An object that was only ever asked has no table, and is left without one. */
export function loadPhase(sql: Sql): Phase {
  if (first(sql, `SELECT 1 FROM sqlite_master WHERE name = '_tidemark_directory'`) === null)
    return { kind: 'absent' };
  const row = first(sql, 'SELECT phase FROM _tidemark_directory');
  if (row === null) return { kind: 'absent' };
  const text = row[0];
  assert(typeof text === 'string', 'a phase is kept as text');
  return JSON.parse(text) as Phase;
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
