import { refuse } from '../failure.ts';
import { all, first, type Sql } from '../ports.ts';
import { parseChange } from './change.ts';
import { comparesAlike } from './comparison.ts';
import { allForeignKeys, type ForeignKey, foreignKeysOf, hasNoParent } from './foreign-key-list.ts';
import { imageValue } from './images.ts';
import { quoteName, readLayout } from './schema.ts';

/** Which foreign keys the open transaction may leave broken until its end. */
export type Deferral = 'as declared' | 'all';

const CHUNK_CHARS_MAX = 500_000;

/**
 * Refuses a transaction that would commit a row without its parent.
 *
 * SQLite would find a deferred violation only at commit, and there the platform resets the whole object and
 * fails other callers. So the rows that the transaction touched are looked at before: a whole table only where
 * a table was dropped, which no trigger sees.
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

  /** Looks at the rows that were touched. @throws Refusal */
  check(captured: () => readonly string[], deferral: Deferral): void {
    const keys = this.#keys(deferral);
    if (keys.length === 0) return;
    const images = imagesByTable(captured());
    for (const key of keys) {
      const touched = images.get(key.child)?.after ?? [];
      const gone = images.get(key.parent)?.before ?? [];
      if (isOrphan(this.#sql, key, touched) || leavesOrphan(this.#sql, key, gone)) refuseOrphan();
    }
  }

  /**
   * Refuses a deferred key between columns that compare by other rules. SQLite then counts violations otherwise than it
   * looks for them, and a commit fails where no row is wrong. Call after the schema changed. @throws Refusal
   */
  checkDeclarations(): void {
    const unlike = this.#keys('as declared').find((key) => key.hasParent && !comparesAlike(this.#sql, key));
    if (unlike === undefined) return;
    const { child, from, parent, to } = unlike;
    refuse({
      code: 'sql-not-allowed',
      detail: `${child} (${from.join(', ')}) refers to ${parent} (${to.join(', ')}) by columns of another type or collation, which a table with a DEFERRED foreign key may not; declare both alike (within one table, without COLLATE), or leave DEFERRED out and use PRAGMA defer_foreign_keys`,
    });
  }

  /** Looks at all rows whose parent's table is not there. @throws Refusal */
  checkParentless(deferral: Deferral): void {
    const keys = this.#keys(deferral).filter((key) => !key.hasParent);
    if (keys.some((key) => hasOrphan(this.#sql, key))) refuseOrphan();
  }

  /** Looks at all rows. @throws Refusal */
  checkAll(deferral: Deferral): void {
    if (this.#keys(deferral).some((key) => hasOrphan(this.#sql, key))) refuseOrphan();
  }

  #keys(deferral: Deferral): readonly ForeignKey[] {
    if (deferral === 'all') return allForeignKeys(this.#sql);
    this.#declared ??= declaredTables(this.#sql).flatMap((table) => foreignKeysOf(this.#sql, table));
    return this.#declared;
  }
}

function refuseOrphan(): never {
  return refuse({ code: 'constraint', detail: 'FOREIGN KEY constraint failed' });
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
  const text =
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%initially%deferred%' AND sql LIKE '%references%'";
  return all(sql, text).map(([name]) => name as string);
}

/** True where one of the child rows `images`, as it stands now, has no parent. */
function isOrphan(sql: Sql, key: ForeignKey, images: readonly string[]): boolean {
  if (images.length === 0 || !exists(sql, key.child)) return false;
  const child = readLayout(sql, key.child);
  const isRow = child.key.map(
    (column) => `c.${quoteName(column)} = (${imageValue('e.value', child.columns.indexOf(column))})`,
  );
  const text = `SELECT 1 FROM json_each(?) AS e JOIN ${quoteName(key.child)} AS c ON ${isRow.join(' AND ')} WHERE ${hasNoParent(key)} LIMIT 1`;
  return chunks(images).some((chunk) => first(sql, text, chunk) !== null);
}

/** True where a child row still names one of the parent rows `images`, which are no longer what they were. */
function leavesOrphan(sql: Sql, key: ForeignKey, images: readonly string[]): boolean {
  if (images.length === 0) return false;
  // A child whose values compare by other rules than its parent's may name a row in words of its own.
  if (!key.hasParent || !comparesAlike(sql, key)) return hasOrphan(sql, key);
  const columns = readLayout(sql, key.parent).columns.map((column) => column.toLowerCase());
  const at = key.to.map((column) => columns.indexOf(column.toLowerCase()));
  if (at.includes(-1)) return hasOrphan(sql, key);
  const names = key.from.map(
    (column, i) => `c.${quoteName(column)} = (${imageValue('e.value', at[i] as number)})`,
  );
  const text = `SELECT 1 FROM json_each(?) AS e JOIN ${quoteName(key.child)} AS c ON ${names.join(' AND ')} WHERE ${hasNoParent(key)} LIMIT 1`;
  return chunks(images).some((chunk) => first(sql, text, chunk) !== null);
}

function hasOrphan(sql: Sql, key: ForeignKey): boolean {
  return first(sql, `SELECT 1 FROM ${quoteName(key.child)} AS c WHERE ${hasNoParent(key)} LIMIT 1`) !== null;
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
