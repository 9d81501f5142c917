import { all, run, type Sql, SqlError } from '../ports.ts';
import { allForeignKeys } from './foreign-key-list.ts';
import { quoteName, tableExists, userSchema, userTables } from './schema.ts';

const PREFIX = '_tidemark_wipe_';

/** Drops all that users made, their kept triggers, counters and request ids. Called inside a transaction. */
export function wipe(sql: Sql): void {
  dropEach(
    sql,
    'VIEW',
    userSchema(sql)
      .filter(({ type }) => type === 'view')
      .map(({ name }) => name),
  );
  dropEach(sql, 'TRIGGER', triggersOfTables(sql));
  const circle = dropChildrenFirst(sql, userTables(sql));
  openCircle(sql, circle);
  dropCircle(sql, dropChildrenFirst(sql, circle));
  if (tableExists(sql, 'sqlite_sequence')) run(sql, 'DELETE FROM sqlite_sequence');
  for (const name of ['sqlite_stat1', 'sqlite_stat4'])
    if (tableExists(sql, name)) run(sql, `DROP TABLE ${name}`);
  run(sql, 'DELETE FROM _tidemark_triggers');
  run(sql, 'DELETE FROM _tidemark_requests');
}

/** Of a replica that led: they would capture what a foreign key does to rows while tables are dropped. */
function triggersOfTables(sql: Sql): string[] {
  const text = String.raw`SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name NOT LIKE '\_cf\_%' ESCAPE '\'`;
  return all(sql, text).map(([name]) => name as string);
}

function dropEach(sql: Sql, what: 'VIEW' | 'TRIGGER' | 'INDEX' | 'TABLE', names: readonly string[]): void {
  for (const name of names) run(sql, `DROP ${what} ${quoteName(name)}`);
}

/** No table is dropped before one that names it. Gives those that name each other or themselves, and what these name. */
function dropChildrenFirst(sql: Sql, tables: readonly string[]): readonly string[] {
  const keys = allForeignKeys(sql);
  for (let left = tables; ;) {
    const named = new Set(keys.filter(({ child }) => left.includes(child)).map(({ parent }) => parent));
    const free = left.filter((table) => !named.has(table));
    if (free.length === 0) return left;
    dropEach(sql, 'TABLE', free);
    left = left.filter((table) => named.has(table));
  }
}

/** Takes the columns away by which tables name each other, where SQLite lets it: then the tables can be dropped in an order. */
function openCircle(sql: Sql, tables: readonly string[]): void {
  if (tables.length === 0) return;
  const indexes = userSchema(sql).filter((object) => object.type === 'index' && object.sql !== null);
  dropEach(
    sql,
    'INDEX',
    indexes.map(({ name }) => name),
  );
  for (const { child, from } of allForeignKeys(sql)) {
    try {
      for (const column of from)
        sql.transaction(() => run(sql, `ALTER TABLE ${quoteName(child)} DROP COLUMN ${quoteName(column)}`));
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
    }
  }
}

/**
 * Drops what could not be opened. To drop a parent, SQLite first deletes its rows one by one and looks for the children of
 * each: without an index that takes the square of the rows, and a cascade would call itself too often. Triggers of the
 * children stop what it would do; those of the dropped table itself do not fire.
 */
function dropCircle(sql: Sql, tables: readonly string[]): void {
  if (tables.length === 0) return;
  const keys = allForeignKeys(sql);
  for (const [i, { child, from }] of keys.entries())
    run(sql, `CREATE INDEX ${PREFIX}${i} ON ${quoteName(child)} (${from.map(quoteName).join(', ')})`);
  for (const [i, table] of tables.entries()) {
    for (const event of ['DELETE', 'UPDATE'])
      run(
        sql,
        `CREATE TRIGGER ${PREFIX}${event}_${i} BEFORE ${event} ON ${quoteName(table)} BEGIN SELECT RAISE(IGNORE); END`,
      );
  }
  run(sql, 'PRAGMA defer_foreign_keys = ON');
  dropEach(sql, 'TABLE', tables);
  run(sql, 'PRAGMA defer_foreign_keys = OFF');
}
