import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { hashFiles } from './files.ts';
import type { Item, Source } from './item.ts';
import { quoted } from './lexer.ts';
import { rank } from './order.ts';
import { rowParams } from './params.ts';
import { Stopped } from './stopped.ts';

/** An SQLite file. Types are exact: integers are read as bigint, so 1 and 1.0 stay apart. */
export async function openSqlite(path: string): Promise<Source> {
  const wal = `${path}-wal`;
  const { size } = await stat(path);
  const sha256 = await hashFiles(existsSync(wal) ? [path, wal] : [path], 'sqlite');
  const notes: string[] = [];
  return { bytes: size, sha256, items: () => items(path, size, notes), notes: () => notes };
}

/** Tables, their indexes' keys, rows parents first, then what must not see the rows arrive: triggers and views. */
async function* items(path: string, bytes: number, notes: string[]): AsyncGenerator<Item> {
  const database = open(path);
  try {
    const total = countRows(database);
    let ordinal = 0;
    let rows = 0;
    for (const item of parts(database, notes)) {
      if (item.kind === 'row') rows++;
      yield { ...item, ordinal: ordinal++, read: Math.floor((bytes * rows) / Math.max(1, total)) };
    }
  } finally {
    database.close();
  }
}

function open(path: string): DatabaseSync {
  try {
    const database = new DatabaseSync(path, { readOnly: true });
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    return database;
  } catch (error) {
    throw new Stopped(`${path} cannot be read as an SQLite file: ${(error as Error).message}.`);
  }
}

type NewItem = Omit<Item, 'ordinal' | 'read'>;

function* parts(database: DatabaseSync, notes: string[]): Generator<NewItem> {
  notes.length = 0;
  const tables = tablesOf(database);
  for (const table of tables) yield statement(table.sql, `table ${table.name}`);
  yield* schema(database, 'index');
  for (const table of parentsFirst(database, tables)) yield* rowsOf(database, table);
  yield* sequences(database);
  yield* schema(database, 'view');
  yield* schema(database, 'trigger');
  const shadows = named(
    database,
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'",
  );
  if (shadows.length > 0) notes.push(`left out ${shadows.length} tables that virtual tables fill themselves`);
}

interface Table {
  readonly name: string;
  readonly sql: string;
  readonly virtual: boolean;
  /** Rows have a rowid, which is kept in order: two rows may be told apart by nothing else. */
  readonly hasRowid: boolean;
}

function tablesOf(database: DatabaseSync): Table[] {
  const rows = query(
    database,
    `
    SELECT s.name, s.sql, l.type = 'virtual', l.wr = 0 FROM sqlite_schema AS s
    JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = s.name
    WHERE s.type = 'table' AND l.type IN ('table', 'virtual') AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY s.rowid`,
  );
  return [...rows].map(([name, sql, virtual, hasRowid]) => ({
    name: String(name),
    sql: String(sql),
    virtual: virtual === 1n,
    hasRowid: hasRowid === 1n,
  }));
}

function* schema(database: DatabaseSync, type: 'index' | 'view' | 'trigger'): Generator<NewItem> {
  for (const [name, sql] of query(
    database,
    'SELECT name, sql FROM sqlite_schema WHERE type = ? AND sql IS NOT NULL ORDER BY rowid',
    type,
  ))
    yield {
      ...statement(String(sql), `${type} ${String(name)}`),
      kind: type === 'trigger' ? 'trigger' : 'statement',
    };
}

function statement(text: string, where: string, params: readonly string[] = []): NewItem {
  return { where, kind: 'statement', sql: { text }, params };
}

function parentsFirst(database: DatabaseSync, tables: readonly Table[]): Table[] {
  const names = new Map(tables.map(({ name }) => [name.toLowerCase(), name]));
  const parents = new Map<string, Set<string>>();
  for (const [child, name] of names) {
    const named = [...query(database, 'SELECT "table" FROM pragma_foreign_key_list(?)', name)].map(
      ([parent]) => String(parent).toLowerCase(),
    );
    parents.set(child, new Set(named.filter((parent) => parent !== child && names.has(parent))));
  }
  const levels = rank(parents);
  const levelOf = (table: Table): number => levels.get(table.name.toLowerCase()) ?? 0;
  return tables.toSorted((left, right) => levelOf(left) - levelOf(right));
}

function* rowsOf(database: DatabaseSync, table: Table): Generator<NewItem> {
  // 0 is a plain column; the others are generated, or hidden inside a virtual table.
  const columns = named(
    database,
    'SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid',
    table.name,
  );
  // What a full-text index finds is known by its rowid, so it has to stay.
  const names = [...(table.virtual ? ['rowid'] : []), ...columns.map(quoted)].join(', ');
  const head = `INSERT INTO ${quoted(table.name)} (${names}) VALUES`;
  let row = 0;
  const order = table.hasRowid ? ' ORDER BY _rowid_' : '';
  for (const values of query(database, `SELECT ${names} FROM ${quoted(table.name)}${order}`)) {
    const { tuple, params } = rowParams(values);
    yield { where: `table ${table.name}, row ${++row}`, kind: 'row', sql: { head, tuple, tail: '' }, params };
  }
}

/** AUTOINCREMENT's memory: the rows alone would let a deleted key come again. */
function* sequences(database: DatabaseSync): Generator<NewItem> {
  if (named(database, "SELECT name FROM sqlite_schema WHERE name = 'sqlite_sequence'").length === 0) return;
  for (const values of query(database, 'SELECT name, seq FROM sqlite_sequence ORDER BY name')) {
    const { params } = rowParams(values);
    const where = `sqlite_sequence of ${String(values[0])}`;
    yield statement('DELETE FROM sqlite_sequence WHERE name = ?', where, params.slice(0, 1));
    yield statement('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)', where, params);
  }
}

function countRows(database: DatabaseSync): number {
  let total = 0;
  for (const { name } of tablesOf(database))
    for (const [count] of query(database, `SELECT count(*) FROM ${quoted(name)}`)) total += Number(count);
  return total;
}

function named(database: DatabaseSync, sql: string, ...bindings: string[]): string[] {
  return [...query(database, sql, ...bindings)].map(([name]) => String(name));
}

function query(
  database: DatabaseSync,
  sql: string,
  ...bindings: string[]
): IterableIterator<SQLOutputValue[]> {
  const prepared: StatementSync = database.prepare(sql);
  prepared.setReadBigInts(true);
  prepared.setReturnArrays(true);
  return prepared.iterate(...bindings) as unknown as IterableIterator<SQLOutputValue[]>;
}
