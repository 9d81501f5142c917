import { all, first, type Sql } from '../ports.ts';
import { quoteName, userTables } from './schema.ts';

/** One foreign key, its names as the tables have them. */
export interface ForeignKey {
  readonly child: string;
  readonly parent: string;
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** False where the parent or one of its columns is missing: then every row that names a parent has none. */
  readonly hasParent: boolean;
  /** Whether SQLite writes to the child when a parent row is deleted, or its key changed. */
  readonly actsOnDelete: boolean;
  readonly actsOnUpdate: boolean;
}

const ACTIONS: ReadonlySet<unknown> = new Set(['CASCADE', 'SET NULL', 'SET DEFAULT']);

export function allForeignKeys(sql: Sql): ForeignKey[] {
  return userTables(sql).flatMap((table) => foreignKeysOf(sql, table));
}

export function foreignKeysOf(sql: Sql, child: string): ForeignKey[] {
  const rows = all(
    sql,
    'SELECT id, "table", "from", "to", on_delete, on_update FROM pragma_foreign_key_list(?) ORDER BY id, seq',
    child,
  );
  return [...Map.groupBy(rows, ([id]) => id).values()].map((columns) => {
    const [, table, , , onDelete, onUpdate] = columns[0] ?? [];
    const parent = tableNamed(sql, String(table));
    const named = columns.map((row) => row[3] as string | null);
    const to = named.includes(null) ? primaryKey(sql, parent) : (named as string[]);
    return {
      child,
      parent,
      from: columns.map((row) => row[2] as string),
      to,
      hasParent: to.length === columns.length && hasColumns(sql, parent, to),
      actsOnDelete: ACTIONS.has(onDelete),
      actsOnUpdate: ACTIONS.has(onUpdate),
    };
  });
}

/** A key may name its parent in another case than the table was made with. */
function tableNamed(sql: Sql, name: string): string {
  const found = first(
    sql,
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE",
    name,
  );
  return (found?.[0] ?? name) as string;
}

function primaryKey(sql: Sql, table: string): string[] {
  return all(sql, 'SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk', table).map(
    ([name]) => name as string,
  );
}

function hasColumns(sql: Sql, table: string, columns: readonly string[]): boolean {
  const found = all(sql, 'SELECT name FROM pragma_table_xinfo(?)', table).map(([name]) =>
    String(name).toLowerCase(),
  );
  return columns.every((column) => found.includes(column.toLowerCase()));
}

/** SQL that is true for a row `c` of the child that names a parent and has none, compared as SQLite's own check does. */
export function hasNoParent(key: ForeignKey): string {
  const isSet = key.from.map((column) => `c.${quoteName(column)} IS NOT NULL`).join(' AND ');
  if (!key.hasParent) return isSet;
  // The plus leaves the parent's affinity alone to decide; the left side's collation does so already.
  const isParent = key.from
    .map((column, i) => `p.${quoteName(String(key.to[i]))} = +c.${quoteName(column)}`)
    .join(' AND ');
  return `${isSet} AND NOT EXISTS (SELECT 1 FROM ${quoteName(key.parent)} AS p WHERE ${isParent})`;
}
