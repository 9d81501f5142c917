import { Refusal } from '../../shared/failure.ts';
import { run } from '../../shared/ports.ts';
import { installCapture } from '../../shared/tables/capture.ts';
import { createSchemaView } from '../../shared/tables/schema.ts';
import { NodeSql } from '../simulator/node-sql.ts';

/** A store with some of Tidemark's tables, its view and its triggers, and a few tables of a user's. */
export function guardedStore(): NodeSql {
  const sql = new NodeSql({ now: () => 1_700_000_000_000 });
  createSchemaView(sql);
  run(
    sql,
    'CREATE TABLE _tidemark_changes (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, line TEXT NOT NULL)',
  );
  run(sql, 'CREATE TABLE _tidemark_meta (key TEXT PRIMARY KEY, value)');
  run(sql, "INSERT INTO _tidemark_meta VALUES ('secret', 1)");
  run(sql, 'CREATE TABLE _cf_KV (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID');
  for (const text of USER_SCHEMA) run(sql, text);
  installCapture(sql);
  return sql;
}

const USER_SCHEMA = [
  'CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a, b TEXT DEFAULT 7)',
  'CREATE TABLE u (id INTEGER PRIMARY KEY, a UNIQUE)',
  'CREATE TABLE parent (id INTEGER PRIMARY KEY)',
  'CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES parent ON DELETE CASCADE)',
  'CREATE VIEW v AS SELECT id, a FROM t',
  'CREATE TRIGGER u_to_t AFTER INSERT ON u BEGIN INSERT INTO t (a) VALUES (NEW.a); DELETE FROM parent WHERE id = NEW.a; END',
  "INSERT INTO t (a) VALUES (1), ('x'), (NULL)",
];

/** The refusal's code and detail, or null where the work was let through. */
export function refusalOf(work: () => unknown): { readonly code: string; readonly detail: string } | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error.failure;
    throw error;
  }
}
