import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from 'node:sqlite';
import type { Statement } from '../../shared/tables/values.ts';

/** What one statement gave, in the form that an answer's JSON has once it is parsed. */
export interface PlainResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  readonly changes: number;
  readonly last_row_id: number;
}

export type PlainOutcome =
  | { readonly kind: 'done'; readonly results: readonly PlainResult[] }
  | { readonly kind: 'failed'; readonly isConstraint: boolean; readonly message: string };

/** No insert of a test gives this rowid, so that after one that gave none it is still the last. */
const SENTINEL_ROWID = -987_654_321_012;
const CONSTRAINT = 19;
const LIMITS = {
  length: 2_200_000,
  sqlLength: 100_000,
  column: 100,
  exprDepth: 100,
  compoundSelect: 5,
  functionArg: 32,
  attach: 1,
  likePatternLength: 50,
  variableNumber: 100,
  triggerDepth: 10,
};

/** SQLite as it is without Tidemark, with the settings and limits of the platform. */
export class Oracle {
  readonly database: DatabaseSync;

  constructor() {
    this.database = new DatabaseSync(':memory:', { limits: LIMITS, enableDoubleQuotedStringLiterals: true });
    this.database.exec(
      'PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON; CREATE TEMP TABLE sentinel (id INTEGER PRIMARY KEY)',
    );
  }

  /** All statements or none. */
  run(statements: readonly Statement[]): PlainOutcome {
    this.database.exec('BEGIN');
    try {
      const results = statements.map((statement) => this.#run(statement));
      this.database.exec('COMMIT');
      return { kind: 'done', results };
    } catch (error) {
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      if (!(error instanceof Error && 'errcode' in error)) throw error;
      return {
        kind: 'failed',
        isConstraint: ((error.errcode as number) & 0xff) === CONSTRAINT,
        message: error.message,
      };
    } finally {
      this.database.exec('PRAGMA defer_foreign_keys = OFF');
    }
  }

  close(): void {
    this.database.close();
  }

  #run({ sql, params }: Statement): PlainResult {
    const isWrite = /^\s*(?:INSERT|REPLACE|UPDATE|DELETE|WITH)\b/i.test(sql);
    // Rows of sqlite_sequence have rowids that mean nothing to anyone.
    const inserts =
      isWrite && /\b(?:INSERT|REPLACE)\b/i.test(sql) && !/\binto\s+sqlite_sequence\b/i.test(sql);
    const last_row_id = inserts ? this.#insertedRowId(sql, params) : 0;
    const statement = this.database.prepare(sql);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    const rows = statement.all(...(params as SQLInputValue[])) as unknown as SQLOutputValue[][];
    return {
      columns: statement.columns().map((column) => column.name),
      rows: rows.map((row) => row.map(asAnswered)),
      changes: isWrite ? this.#number('SELECT changes()') : 0,
      last_row_id,
    };
  }

  /** The rowid that the statement gives, 0 where it gives none: found by running it and taking it back. */
  #insertedRowId(sql: string, params: Statement['params']): number {
    const before = this.#integer('SELECT last_insert_rowid()');
    this.database.exec('SAVEPOINT probe');
    this.#setLastRowId(BigInt(SENTINEL_ROWID));
    try {
      this.database.prepare(sql).all(...(params as SQLInputValue[]));
      const after = this.#number('SELECT last_insert_rowid()');
      return after === SENTINEL_ROWID || this.#number('SELECT changes()') === 0 ? 0 : after;
    } catch (error) {
      if (!this.database.isTransaction) throw error;
      return 0;
    } finally {
      if (this.database.isTransaction) this.database.exec('ROLLBACK TO probe; RELEASE probe');
      this.#setLastRowId(before);
    }
  }

  #setLastRowId(rowid: bigint): void {
    this.database.exec(`DELETE FROM temp.sentinel; INSERT INTO temp.sentinel VALUES (${rowid})`);
  }

  #number(text: string): number {
    return Number(this.#integer(text));
  }

  #integer(text: string): bigint {
    const statement = this.database.prepare(text);
    statement.setReturnArrays(true);
    statement.setReadBigInts(true);
    return (statement.get() as unknown as [bigint])[0];
  }
}

function asAnswered(value: SQLOutputValue): unknown {
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') };
  if (typeof value === 'number' && Object.is(value, -0)) return 0;
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : { integer: String(value) };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function arrays(database: DatabaseSync, text: string, ...values: SQLInputValue[]): SQLOutputValue[][] {
  const statement = database.prepare(text);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  return statement.all(...values) as unknown as SQLOutputValue[][];
}

/** Every row of every table that users made, with rowids, types and exact values, as lines to compare. */
export function dumpTables(database: DatabaseSync): string[] {
  const tables = arrays(
    database,
    String.raw`SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
      AND name NOT LIKE '\_tidemark\_%' ESCAPE '\' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`,
  ) as [string, bigint][];
  return tables
    .flatMap(([name, withoutRowid]) => dumpTable(database, name, withoutRowid === 1n))
    .concat(dumpSequences(database));
}

function dumpTable(database: DatabaseSync, table: string, withoutRowid: boolean): string[] {
  const columns = arrays(database, 'SELECT name, pk FROM pragma_table_xinfo(?) ORDER BY cid', table) as [
    string,
    bigint,
  ][];
  const names = columns.map(([name]) => name);
  const rowid = ['rowid', '_rowid_', 'oid'].find(
    (name) => !names.some((column) => column.toLowerCase() === name),
  );
  const key = columns.filter(([, pk]) => pk > 0n).toSorted((a, b) => Number(a[1] - b[1]));
  const order = withoutRowid || rowid === undefined ? key.map(([name]) => quoted(name)).join(', ') : rowid;
  const cells = names.map(quoted);
  if (!withoutRowid && rowid !== undefined && names.length < 100) cells.unshift(rowid);
  const rows = arrays(database, `SELECT ${cells.join(', ')} FROM ${quoted(table)} ORDER BY ${order}`);
  return [`table ${table} (${names.join(', ')})`, ...rows.map((row) => `  ${row.map(shown).join(' | ')}`)];
}

function shown(value: SQLOutputValue): string {
  if (typeof value === 'bigint') return `int ${value}`;
  if (typeof value === 'number') return `real ${value}`;
  return value instanceof Uint8Array ? `blob ${Buffer.from(value).toString('hex')}` : JSON.stringify(value);
}

function dumpSequences(database: DatabaseSync): string[] {
  if (arrays(database, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").length === 0) return [];
  return arrays(database, 'SELECT json_array(name, seq) FROM sqlite_sequence ORDER BY 1').map(
    ([line]) => `sequence ${String(line)}`,
  );
}

/** What users made, as the plain database has it. */
export function dumpSchema(database: DatabaseSync, from: 'sqlite_schema' | '_tidemark_schema'): string[] {
  return arrays(database, `SELECT json_array(type, name, tbl_name, sql) FROM ${from} ORDER BY 1`).map(
    ([line]) => String(line),
  );
}

/** Faults that SQLite itself finds. */
export function faults(database: DatabaseSync): string[] {
  const found = [...arrays(database, 'PRAGMA quick_check'), ...orphans(database)];
  return found.map((row) => row.map(String).join(' ')).filter((line) => line !== 'ok');
}

function orphans(database: DatabaseSync): SQLOutputValue[][] {
  const tables = arrays(
    database,
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%references%'",
  );
  return tables.flatMap(([name]) => {
    try {
      return arrays(database, `PRAGMA foreign_key_check(${quoted(String(name))})`);
    } catch (error) {
      // A key whose parent is not unique: no row with one can be written.
      if (error instanceof Error && error.message.startsWith('foreign key mismatch')) return [];
      throw error;
    }
  });
}
