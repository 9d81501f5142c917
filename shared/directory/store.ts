import { assert } from '../assert.ts';
import { first, run, type Sql } from '../ports.ts';
import type { ReplicaRef } from '../protocol/assignment.ts';
import type { DatabaseRecord } from '../protocol/directory.ts';
import type { Settings } from '../protocol/settings.ts';
import type { Region } from '../regions.ts';
import type { CountedSet } from './counted.ts';

/** What a database is going through. It is found while it is `ready`. */
export type Phase = { readonly kind: 'absent' } | Made;

export interface Made {
  readonly kind: 'creating' | 'ready' | 'erasing';
  /** Without the failovers: what is told of them is made when it is told. */
  readonly record: KeptRecord;
  /** The settings that it was created with, by which a creation that is repeated is known. */
  readonly asked: Settings;
  /** By partition: see `withCounted`. */
  readonly counted: readonly (readonly CountedSet[])[];
  /** At most one in each partition. */
  readonly failovers: readonly Failover[];
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

export type KeptRecord = Omit<DatabaseRecord, 'failovers'>;

/** A failover that was decided on and has not come to its end; over restarts too. `since`: the directory's clock, in milliseconds. */
export type Failover = Planned | Forced;

/** The record names its successor; or it follows on a forced one, as soon as the leader that this made has confirmed. */
export interface Planned {
  readonly kind: 'planned' | 'following';
  readonly partition: number;
  readonly to: ReplicaRef;
  readonly since: number;
}

/** From when it is durable until its end no lease is granted, and the epoch after the record's is the one that it fences for. */
export interface Forced {
  readonly kind: 'forced';
  readonly mode: 'forced' | 'automatic';
  readonly partition: number;
  readonly to: Region | null;
  /** The short name of the one that is meant. */
  readonly replica: string | null;
  readonly acceptsLoss: boolean;
  readonly since: number;
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

/** Reads the row, so that an instance that was replaced finds it out. */
export function touch(sql: Sql): void {
  if (first(sql, `SELECT 1 FROM sqlite_master WHERE name = '_tidemark_directory'`) !== null)
    first(sql, 'SELECT id FROM _tidemark_directory');
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
