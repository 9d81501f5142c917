import { all, first, run, type Sql, SqlError } from '../ports.ts';
import { allForeignKeys, type ForeignKey } from './foreign-key-list.ts';
import { quoteName, tableExists } from './schema.ts';

const PREFIX = '_tidemark_stand_in_';

/** Whether SQLite refused the statement because a foreign key names no table, or columns that are not unique. */
export function isUncheckable(error: unknown): boolean {
  return error instanceof SqlError && /foreign key mismatch|no such table: main\./.test(error.message);
}

/**
 * Runs `work`, which writes rows of `table`, although SQLite cannot check a foreign key of that table or to it. The leader
 * has such rows from before the key was declared, or its parent or that one's unique index dropped. Meanwhile something
 * stands in for what is missing, and a child without rows is taken away. Foreign keys are deferred by the caller, so
 * nothing is looked for in a parent that is empty.
 *
 * @throws SqlError where a parent holds a value twice and its child has rows, so that nothing can stand in
 */
export function withStandIns(sql: Sql, table: string, work: () => void): void {
  const keys = allForeignKeys(sql).filter(({ child, parent }) => child === table || parent === table);
  const broken = keys.filter((key) => !isCheckable(sql, key));
  const [away, named] = partition(broken, ({ child }) => child !== table && isEmpty(sql, child));
  const parents = Map.groupBy(named, ({ parent }) => parent.toLowerCase());
  const undo = [
    ...[...new Set(away.map(({ child }) => child))].flatMap((child) => takeAway(sql, child)),
    ...[...parents.values()].flatMap((ofOne, i) => standIn(sql, ofOne, `${PREFIX}${i}`)),
  ];
  try {
    work();
  } finally {
    for (const text of undo) run(sql, text);
  }
}

function partition<T>(values: readonly T[], isFirst: (value: T) => boolean): readonly [T[], T[]] {
  return [values.filter(isFirst), values.filter((value) => !isFirst(value))];
}

function isEmpty(sql: Sql, table: string): boolean {
  return first(sql, `SELECT 1 FROM ${quoteName(table)} LIMIT 1`) === null;
}

/** Drops a table without rows, whose key would be checked when its parent's rows are written, and gives the statements that make it. */
function takeAway(sql: Sql, table: string): string[] {
  const texts = all(
    sql,
    "SELECT sql FROM sqlite_schema WHERE tbl_name = ? AND type IN ('table', 'index') AND sql IS NOT NULL ORDER BY rowid",
    table,
  );
  run(sql, `DROP TABLE ${quoteName(table)}`);
  return texts.map(([text]) => text as string);
}

/** Makes what is missing, and gives the statements that take it away. */
function standIn(sql: Sql, keys: readonly ForeignKey[], name: string): string[] {
  const [key] = keys;
  if (key === undefined) return [];
  const parent = quoteName(key.parent);
  try {
    if (!tableExists(sql, key.parent)) {
      run(sql, `CREATE TABLE ${parent} (${missingColumns(keys)})`);
      return [`DROP TABLE ${parent}`];
    }
    return keys.map(({ to }, i) => {
      run(sql, `CREATE UNIQUE INDEX ${name}_${i} ON ${parent} (${to.map(quoteName).join(', ')})`);
      return `DROP INDEX ${name}_${i}`;
    });
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const detail = `the foreign key of ${key.child} to ${key.parent} cannot be checked, so its rows cannot be copied; make what it names unique, or drop one of the tables (${error.message})`;
    throw new SqlError(detail, 'other', null);
  }
}

function missingColumns(keys: readonly ForeignKey[]): string {
  const columns = new Map(keys.flatMap(({ to }) => to.map((name) => [name.toLowerCase(), quoteName(name)])));
  const unique = keys.flatMap(({ to }) =>
    to.length === 0 ? [] : [`UNIQUE (${to.map(quoteName).join(', ')})`],
  );
  // A key that names no columns means the parent's own key.
  const own = keys.find(({ to }) => to.length === 0)?.from.map((_, i) => `"${PREFIX}${i}"`) ?? [];
  const ownKey = own.length === 0 ? [] : [`PRIMARY KEY (${own.join(', ')})`];
  return [...columns.values(), ...own, ...unique, ...ownKey].join(', ');
}

/** Whether the columns that a key names are the parent's key, or have a unique index over every row. */
function isCheckable(sql: Sql, { parent, to, hasParent }: ForeignKey): boolean {
  if (!hasParent) return false;
  const wanted = setOf(to);
  if (wanted === setOf(namesIn(sql, 'SELECT name FROM pragma_table_info(?) WHERE pk > 0', parent)))
    return true;
  const indexes = namesIn(
    sql,
    'SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial',
    parent,
  );
  return indexes.some(
    (index) => setOf(namesIn(sql, 'SELECT name FROM pragma_index_info(?)', index)) === wanted,
  );
}

function namesIn(sql: Sql, text: string, of: string): string[] {
  return all(sql, text, of).map(([name]) => String(name));
}

function setOf(names: readonly string[]): string {
  return JSON.stringify(names.map((name) => name.toLowerCase()).toSorted());
}
