import { refuse } from '../failure.ts';
import { all, first, type Sql } from '../ports.ts';
import { parseChange } from './change.ts';
import { imageValue } from './images.ts';
import { quoteName, readLayout, type TableLayout, userTables } from './schema.ts';

interface ForeignKey {
  readonly child: string;
  readonly parent: string;
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** Which foreign keys the open transaction may leave broken until its end. */
export type Deferral = 'as declared' | 'all';

const CHUNK_CHARS_MAX = 500_000;

/**
 * Refuses a transaction that would commit a row without its parent.
 *
 * SQLite would find a deferred violation only at commit, and there the platform resets the whole object and
 * fails other callers. So the rows that the transaction touched are looked at before: never a whole table.
 */
export class DeferredKeys {
  readonly #sql: Sql;
  /** The keys that are declared deferrable; null where the schema may have changed since they were read. */
  #declared: readonly ForeignKey[] | null = null;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  forget(): void {
    this.#declared = null;
  }

  /** @throws Refusal */
  check(captured: () => readonly string[], deferral: Deferral): void {
    this.#declared ??= declaredTables(this.#sql).flatMap((table) => keysOf(this.#sql, table));
    const keys = deferral === 'all' ? userTables(this.#sql).flatMap((table) => keysOf(this.#sql, table)) : this.#declared;
    if (keys.length === 0) return;
    const images = imagesByTable(captured());
    for (const key of keys) {
      const touched = images.get(key.child)?.after ?? [];
      const gone = images.get(key.parent)?.before ?? [];
      if (isOrphan(this.#sql, key, touched) || leavesOrphan(this.#sql, key, gone)) {
        refuse({ code: 'constraint', detail: 'FOREIGN KEY constraint failed' });
      }
    }
  }
}

interface Images {
  readonly before: string[];
  readonly after: string[];
}

function imagesByTable(lines: readonly string[]): Map<string, Images> {
  const tables = new Map<string, Images>();
  for (const line of lines) {
    const change = parseChange(line);
    if (change.kind === 'schema') continue;
    const images = tables.get(change.table) ?? { before: [], after: [] };
    tables.set(change.table, images);
    if (change.kind !== 'insert') images.before.push(change.before);
    if (change.kind !== 'delete') images.after.push(change.after);
  }
  return tables;
}

function declaredTables(sql: Sql): string[] {
  const text = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%deferrable%' AND sql LIKE '%references%'";
  return all(sql, text).map(([name]) => name as string);
}

function keysOf(sql: Sql, child: string): ForeignKey[] {
  const rows = all(sql, 'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq', child);
  const ids = [...new Set(rows.map(([id]) => id))];
  return ids.map((id) => {
    const columns = rows.filter((row) => row[0] === id);
    const parent = tableNamed(sql, String(columns[0]?.[1]));
    const to = columns.map((row) => row[3] as string | null);
    return { child, parent, from: columns.map((row) => row[2] as string), to: to.some((c) => c === null) ? primaryKey(sql, parent) : (to as string[]) };
  });
}

/** A key may name its parent in another case than the table was made with. */
function tableNamed(sql: Sql, name: string): string {
  return (first(sql, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE", name)?.[0] ?? name) as string;
}

function primaryKey(sql: Sql, table: string): string[] {
  return all(sql, 'SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk', table).map(([name]) => name as string);
}

/** True where one of the child rows `images`, as it stands now, has no parent. */
function isOrphan(sql: Sql, key: ForeignKey, images: readonly string[]): boolean {
  if (images.length === 0) return false;
  const child = readLayout(sql, key.child);
  const isRow = child.key.map((column) => `c.${quoteName(column)} = (${imageValue('e.value', child.columns.indexOf(column))})`);
  const text = `SELECT 1 FROM json_each(?) AS e JOIN ${quoteName(key.child)} AS c ON ${isRow.join(' AND ')} WHERE ${hasNoParent(sql, key)} LIMIT 1`;
  return chunks(images).some((chunk) => first(sql, text, chunk) !== null);
}

/** True where a child row still names one of the parent rows `images`, which are no longer what they were. */
function leavesOrphan(sql: Sql, key: ForeignKey, images: readonly string[]): boolean {
  if (images.length === 0 || !exists(sql, key.parent)) return false;
  const parent: TableLayout = readLayout(sql, key.parent);
  const lower = parent.columns.map((column) => column.toLowerCase());
  const names = key.from.map((column, i) => `c.${quoteName(column)} = (${imageValue('e.value', lower.indexOf(String(key.to[i]).toLowerCase()))})`);
  const text = `SELECT 1 FROM json_each(?) AS e JOIN ${quoteName(key.child)} AS c ON ${names.join(' AND ')} WHERE ${hasNoParent(sql, key)} LIMIT 1`;
  return chunks(images).some((chunk) => first(sql, text, chunk) !== null);
}

function hasNoParent(sql: Sql, key: ForeignKey): string {
  const isSet = key.from.map((column) => `c.${quoteName(column)} IS NOT NULL`).join(' AND ');
  if (!exists(sql, key.parent)) return isSet;
  const isParent = key.from.map((column, i) => `p.${quoteName(String(key.to[i]))} = c.${quoteName(column)}`).join(' AND ');
  return `${isSet} AND NOT EXISTS (SELECT 1 FROM ${quoteName(key.parent)} AS p WHERE ${isParent})`;
}

function exists(sql: Sql, table: string): boolean {
  return first(sql, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", table) !== null;
}

function chunks(images: readonly string[]): string[] {
  const result: string[] = [];
  let chunk: string[] = [];
  let chars = 0;
  for (const image of images) {
    if (chars + image.length > CHUNK_CHARS_MAX && chunk.length > 0) {
      result.push(`[${chunk.join(',')}]`);
      chunk = [];
      chars = 0;
    }
    chunk.push(image);
    chars += image.length;
  }
  return [...result, `[${chunk.join(',')}]`];
}
