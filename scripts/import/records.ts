import { stat } from 'node:fs/promises';
import type { SQLOutputValue } from 'node:sqlite';
import { hashFiles } from './files.ts';
import type { Item, Source } from './item.ts';
import { quoted } from './lexer.ts';
import { rowParams } from './params.ts';
import { Stopped } from './stopped.ts';

/** A row of a JSON or CSV file: column → value. A column that is missing is NULL. */
export type FileRecord = ReadonlyMap<string, SQLOutputValue>;

export interface Records {
  readonly path: string;
  readonly table: string;
  readonly primaryKey: readonly string[];
  /** The file's records, the same ones in the same order each time it is asked. */
  read(path: string): AsyncIterable<{ readonly record: FileRecord; readonly read: number }>;
}

/** What the values of one column are, joined over all rows. */
type ColumnType = 'none' | 'INTEGER' | 'REAL' | 'TEXT' | 'mixed';

/** A file of records becomes one table. Its columns and their types come from all rows, so the file is read twice. */
export async function openRecords(records: Records): Promise<Source> {
  const { size } = await stat(records.path);
  const columns = await columnsOf(records);
  const create = createTable(records, columns);
  const sha256 = await hashFiles([records.path], create);
  return { bytes: size, sha256, items: () => items(records, columns, create), notes: () => [] };
}

async function columnsOf(records: Records): Promise<Map<string, ColumnType>> {
  const columns = new Map<string, ColumnType>();
  for await (const { record } of records.read(records.path))
    for (const [name, value] of record) columns.set(name, joined(columns.get(name) ?? 'none', typeOf(value)));
  if (columns.size === 0) throw new Stopped(`${records.path} has no rows to import.`);
  return columns;
}

function typeOf(value: SQLOutputValue): ColumnType {
  if (value === null) return 'none';
  if (typeof value === 'bigint') return 'INTEGER';
  return typeof value === 'number' ? 'REAL' : 'TEXT';
}

function joined(left: ColumnType, right: ColumnType): ColumnType {
  if (left === right || right === 'none') return left;
  if (left === 'none') return right;
  const numbers = left !== 'TEXT' && right !== 'TEXT' && left !== 'mixed';
  return numbers ? 'REAL' : 'mixed';
}

function createTable(records: Records, columns: ReadonlyMap<string, ColumnType>): string {
  for (const name of records.primaryKey)
    if (!columns.has(name))
      throw new Stopped(
        `--primary-key names ${name}, which is no column. The columns are ${[...columns.keys()].join(', ')}.`,
      );
  // A column of mixed types gets none, so that SQLite keeps each value as it is.
  const lines = [...columns].map(
    ([name, type]) => `${quoted(name)}${type === 'mixed' ? '' : ` ${type === 'none' ? 'TEXT' : type}`}`,
  );
  if (records.primaryKey.length > 0) lines.push(`PRIMARY KEY (${records.primaryKey.map(quoted).join(', ')})`);
  return `CREATE TABLE ${quoted(records.table)} (${lines.join(', ')})`;
}

async function* items(
  records: Records,
  columns: ReadonlyMap<string, ColumnType>,
  create: string,
): AsyncGenerator<Item> {
  yield {
    ordinal: 0,
    where: `table ${records.table}`,
    kind: 'statement',
    read: 0,
    sql: { text: create },
    params: [],
  };
  const names = [...columns.keys()];
  const head = `INSERT INTO ${quoted(records.table)} (${names.map(quoted).join(', ')}) VALUES`;
  let row = 0;
  for await (const { record, read } of records.read(records.path)) {
    const { tuple, params } = rowParams(names.map((name) => record.get(name) ?? null));
    yield { ordinal: ++row, where: `row ${row}`, kind: 'row', read, sql: { head, tuple, tail: '' }, params };
  }
}
