import { refuse } from '../failure.ts';
import { PLATFORM_COLUMNS_MAX } from '../limits.ts';
import { all, first, run, type Sql } from '../ports.ts';

/**
 * How a table's rows stand in the log. A row image is a JSON array of `columns`, in this order: the
 * rowid first where the table has one that is no column of its own, then every stored column.
 * (Generated columns cannot be inserted; each replica makes its own.)
 */
export interface TableLayout {
  readonly name: string;
  readonly columns: readonly string[];
  /** The columns of `columns` that name a row for ever: the rowid, or the key of a WITHOUT ROWID table. */
  readonly key: readonly string[];
  readonly hasRowid: boolean;
  readonly autoincrement: boolean;
}

/** One row of the schema that users see. */
export interface SchemaObject {
  readonly type: string;
  readonly name: string;
  readonly table: string;
  readonly sql: string | null;
}

const ROWID_NAMES = ['rowid', '_rowid_', 'oid'] as const;

/** SQL that tells what users made from what is Tidemark's or the platform's, in a table with the columns of sqlite_schema. */
export const USER_OBJECT = String.raw`name NOT LIKE '\_tidemark\_%' ESCAPE '\' AND name NOT LIKE '\_cf\_%' ESCAPE '\'
  AND tbl_name NOT LIKE '\_tidemark\_%' ESCAPE '\'`;

/**
 * User triggers of a follower wait here: a follower applies what the leader's triggers did, so there they must
 * not fire. The view shows users one schema on every replica.
 */
export function createSchemaView(sql: Sql): void {
  run(
    sql,
    'CREATE TABLE IF NOT EXISTS _tidemark_triggers (name TEXT PRIMARY KEY, tbl_name TEXT NOT NULL, sql TEXT NOT NULL)',
  );
  run(
    sql,
    `CREATE VIEW IF NOT EXISTS _tidemark_schema AS
      SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE ${USER_OBJECT}
      UNION ALL SELECT 'trigger', name, tbl_name, 0, sql FROM _tidemark_triggers`,
  );
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** What users have made, in the order of name and type, the same on every replica at one position. */
export function userSchema(sql: Sql): SchemaObject[] {
  return all(sql, 'SELECT type, name, tbl_name, sql FROM _tidemark_schema ORDER BY name, type').map(
    ([type, name, table, text]) => ({
      type: type as string,
      name: name as string,
      table: table as string,
      sql: text as string | null,
    }),
  );
}

/** Names of the tables whose rows are replicated. */
export function userTables(sql: Sql): string[] {
  return all(
    sql,
    String.raw`SELECT name FROM _tidemark_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`,
  ).map(([name]) => name as string);
}

export function tableExists(sql: Sql, name: string): boolean {
  return first(sql, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", name) !== null;
}

/** @throws Refusal for a table whose rows cannot be told apart. */
export function readLayout(sql: Sql, name: string): TableLayout {
  const columns = all(
    sql,
    'SELECT name, pk FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid',
    name,
  ).map(([column, pk]) => ({ name: column as string, pk: pk as number }));
  const names = columns.map((column) => column.name);
  const primaryKey = columns
    .filter((column) => column.pk > 0)
    .toSorted((a, b) => a.pk - b.pk)
    .map((column) => column.name);
  const indexes = all(sql, 'SELECT origin, name FROM pragma_index_list(?)', name);
  const keyIndex = indexes.find(([origin]) => origin === 'pk');
  const text = String(
    first(sql, "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", name)?.[0],
  );
  const autoincrement = /\bautoincrement\b/i.test(text) && isInSequence(sql);

  if (primaryKey.length > 0 && isWithoutRowid(sql, name)) {
    return { name, columns: names, key: primaryKey, hasRowid: false, autoincrement: false };
  }
  if (primaryKey.length === 1 && keyIndex === undefined) {
    return { name, columns: names, key: primaryKey, hasRowid: true, autoincrement };
  }
  const taken = new Set(allColumns(sql, name).map((column) => column.toLowerCase()));
  const rowid = ROWID_NAMES.find((candidate) => !taken.has(candidate));
  if (rowid === undefined) {
    return refuse({
      code: 'sql-not-allowed',
      detail: `the table ${name} has columns named rowid, _rowid_ and oid, so its rows cannot be told apart; rename one of them or give the table an INTEGER PRIMARY KEY`,
    });
  }
  if (names.length >= PLATFORM_COLUMNS_MAX) {
    refuse({
      code: 'sql-not-allowed',
      detail: `the table ${name} has ${PLATFORM_COLUMNS_MAX} columns, which leaves no room for the rowid that tells its rows apart; make one of them the INTEGER PRIMARY KEY, or use one less`,
    });
  }
  return { name, columns: [rowid, ...names], key: [rowid], hasRowid: true, autoincrement: false };
}

function allColumns(sql: Sql, table: string): string[] {
  return all(sql, 'SELECT name FROM pragma_table_xinfo(?)', table).map(([name]) => name as string);
}

function isWithoutRowid(sql: Sql, table: string): boolean {
  return first(sql, "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", table)?.[0] === 1;
}

function isInSequence(sql: Sql): boolean {
  return first(sql, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'") !== null;
}
