import { first, type Sql } from '../ports.ts';
import type { ForeignKey } from './foreign-key-list.ts';
import { quoteName } from './schema.ts';

/**
 * Whether SQLite compares both sides of a key alike wherever it does so: one affinity, one collation. A row that names
 * itself is compared byte by byte, so within one table there must be no other collation.
 */
export function comparesAlike(sql: Sql, { child, parent, from, to }: ForeignKey): boolean {
  return from.every((column, i) => {
    const other = String(to[i]);
    if (affinityOf(sql, child, column) !== affinityOf(sql, parent, other)) return false;
    const collation = collationOf(sql, child, column);
    return collation === collationOf(sql, parent, other) && (child !== parent || collation === 'binary');
  });
}

/** SQLite's own rules, in their order. */
const AFFINITIES: readonly (readonly [RegExp, string])[] = [
  [/int/i, 'integer'],
  [/char|clob|text/i, 'text'],
  [/blob|^$/i, 'none'],
  [/real|floa|doub/i, 'real'],
];

function affinityOf(sql: Sql, table: string, column: string): string {
  const [type] = first(
    sql,
    'SELECT type FROM pragma_table_xinfo(?) WHERE lower(name) = lower(?)',
    table,
    column,
  ) ?? [''];
  if (/^any$/i.test(String(type)) && isStrict(sql, table)) return 'none';
  return AFFINITIES.find(([pattern]) => pattern.test(String(type)))?.[1] ?? 'numeric';
}

function isStrict(sql: Sql, table: string): boolean {
  return (
    first(sql, "SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name = ?", table)?.[0] === 1
  );
}

/** No PRAGMA tells a column's collation. A UNION compares by that of its first column: 3 BINARY, 1 and 2 apart the others. */
function collationOf(sql: Sql, table: string, column: string): string {
  const none = `SELECT ${quoteName(column)} FROM ${quoteName(table)} WHERE false`;
  const [cases] = first(sql, `SELECT count(*) FROM (${none} UNION SELECT 'a' UNION SELECT 'A')`) ?? [];
  const [spaces] = first(sql, `SELECT count(*) FROM (${none} UNION SELECT 'a' UNION SELECT 'a ')`) ?? [];
  if (cases === 1) return 'nocase';
  return spaces === 1 ? 'rtrim' : 'binary';
}
