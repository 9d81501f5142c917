import { Log } from '../log/log.ts';
import { all, run, type Sql } from '../ports.ts';
import { installCapture, removeCapture } from './capture.ts';
import type { KeptTrigger } from './change.ts';
import { quoteName, USER_OBJECT } from './schema.ts';

export interface NamedTrigger extends KeptTrigger {
  readonly name: string;
}

/**
 * Makes the tables those of a leader, once, before the first leader is loaded over them: users' triggers fire, and what happens to rows is
 * captured in a log that goes on from its end. What users see of the schema stays as it is. Changes nothing where it is done already.
 */
export function beginLeading(sql: Sql): void {
  new Log(sql).beginLeading();
  releaseTriggers(sql);
  installCapture(sql);
}

/** Makes them those of a follower: nothing fires, nothing is captured. Changes nothing where it is done already. */
export function endLeading(sql: Sql): void {
  removeCapture(sql);
  holdTriggers(sql);
}

/**
 * Every trigger that users made, in the order in which they were made, which is the order in which SQLite reads them: of several on one
 * event it fires the newest first, so on a replica that leads later they must be made in this order again.
 */
export function userTriggers(sql: Sql): NamedTrigger[] {
  return [...installedTriggers(sql), ...heldTriggers(sql)];
}

/** Takes users' triggers out of the schema and keeps them; a follower applies what the leader's did. */
export function holdTriggers(sql: Sql): void {
  for (const trigger of installedTriggers(sql)) {
    run(sql, `DROP TRIGGER ${quoteName(trigger.name)}`);
    keepTrigger(sql, trigger);
  }
}

/** Puts the kept triggers into the schema, the oldest first. Capture must be made anew behind them. */
export function releaseTriggers(sql: Sql): void {
  const held = heldTriggers(sql);
  if (held.length === 0) return;
  // First, or the view of the schema would show each twice.
  run(sql, 'DELETE FROM _tidemark_triggers');
  for (const trigger of held) run(sql, trigger.sql);
}

/** A trigger whose text changes, as when its table is renamed, keeps its place; a new one is the newest. */
export function keepTrigger(sql: Sql, { name, table, sql: text }: NamedTrigger): void {
  run(
    sql,
    `INSERT INTO _tidemark_triggers (name, tbl_name, sql) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET tbl_name = excluded.tbl_name, sql = excluded.sql`,
    name,
    table,
    text,
  );
}

export function dropKeptTrigger(sql: Sql, name: string): void {
  run(sql, 'DELETE FROM _tidemark_triggers WHERE name = ?', name);
}

function installedTriggers(sql: Sql): NamedTrigger[] {
  return read(
    sql,
    `SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger' AND ${USER_OBJECT} ORDER BY rowid`,
  );
}

function heldTriggers(sql: Sql): NamedTrigger[] {
  return read(sql, 'SELECT name, tbl_name, sql FROM _tidemark_triggers ORDER BY rowid');
}

function read(sql: Sql, text: string): NamedTrigger[] {
  return all(sql, text).map(([name, table, made]) => ({
    name: name as string,
    table: table as string,
    sql: made as string,
  }));
}
