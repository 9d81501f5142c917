import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import type { Assignment } from '../../shared/protocol/assignment.ts';

/** All of a database that a user can see, as text that can be compared. */
export interface Contents {
  readonly schema: readonly string[];
  /** By table: its rows in the order of their rowids, where it has them; each cell with its type and its bytes. */
  readonly tables: Readonly<Record<string, readonly string[]>>;
  /** What SQLite finds wrong with the file. */
  readonly faults: readonly string[];
}

/** Reads the database at the path as plain SQLite, leaving out what is Tidemark's own or the platform's. */
export function contentsOf(path: string): Contents {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = rows(
      database,
      "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'",
    ).map(([name, withoutRowid]) => ({ name: String(name), withoutRowid: withoutRowid === 1n }));
    const users = tables.filter(({ name }) => !isOwn(name) && name !== 'sqlite_schema');
    return {
      schema: schemaOf(database),
      tables: Object.fromEntries(users.map((table) => [table.name, linesOf(database, table)])),
      faults: [...rows(database, 'PRAGMA quick_check'), ...rows(database, 'PRAGMA foreign_key_check')].map(
        (row) => row.join(' '),
      ),
    };
  } finally {
    database.close();
  }
}

function isOwn(name: string): boolean {
  return name.startsWith('_tidemark_') || name.startsWith('_cf_');
}

function schemaOf(database: DatabaseSync): string[] {
  const parts = rows(
    database,
    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'",
  );
  // A follower's triggers wait in a table: were they installed, they would fire for rows that the leader's have seen to.
  const waiting = parts.some(([, name]) => name === '_tidemark_triggers')
    ? rows(database, "SELECT 'trigger', name, tbl_name, sql FROM _tidemark_triggers")
    : [];
  return [...parts, ...waiting]
    .filter(([, name, table]) => !isOwn(String(name)) && !isOwn(String(table)))
    .map((part) => JSON.stringify(part))
    .toSorted();
}

function linesOf(
  database: DatabaseSync,
  { name, withoutRowid }: { readonly name: string; readonly withoutRowid: boolean },
): string[] {
  const columns = rows(database, 'SELECT name FROM pragma_table_xinfo(?)', name).map(([column]) =>
    quoted(String(column)),
  );
  const cells = columns.map((column) => `typeof(${column}), quote(${column}), hex(${column}), ${column}`);
  // The rowids of sqlite_sequence mean nothing to anyone.
  const isPlaced = !withoutRowid && name !== 'sqlite_sequence';
  const found = rows(
    database,
    `SELECT ${isPlaced ? '_rowid_' : "''"}, ${cells.join(', ')} FROM ${quoted(name)} ORDER BY 1`,
  );
  const lines = found.map((row) => row.map(shown).join(' '));
  return isPlaced ? lines : lines.toSorted();
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A REAL as its eight bytes, for its digits may be rounded. */
function shown(value: SQLOutputValue): string {
  if (typeof value === 'number') return Buffer.from(new Float64Array([value]).buffer).toString('hex');
  return value instanceof Uint8Array ? '' : String(value);
}

function rows(database: DatabaseSync, sql: string, ...bindings: string[]): SQLOutputValue[][] {
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  return statement.all(...bindings) as unknown as SQLOutputValue[][];
}

/** The files of a database's replicas in a server's storage, by region. Only while no server runs. */
export function replicaFiles(storage: string, database: string): ReadonlyMap<string, string> {
  const directory = join(storage, 'do', 'tidemark-Replica');
  const paths = readdirSync(directory)
    .filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name))
    .map((name) => join(directory, name));
  const found = paths.flatMap((path) => {
    const assignment = assignmentIn(path);
    return assignment?.database === database ? [[assignment.self.region, path] as const] : [];
  });
  return new Map(found);
}

function assignmentIn(path: string): Assignment | null {
  const file = new DatabaseSync(path, { readOnly: true });
  try {
    const [row] = rows(file, "SELECT value FROM _tidemark_replica WHERE key = 'assignment'");
    return row === undefined ? null : (JSON.parse(String(row[0])) as Assignment);
  } finally {
    file.close();
  }
}
