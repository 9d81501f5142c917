import { CLOCK_SQL } from '../log/captured.ts';
import { all, run, type Sql } from '../ports.ts';
import { imageSql } from './images.ts';
import { quoteName, quoteText, readLayout, type TableLayout, userTables } from './schema.ts';

const PREFIX = '_tidemark_capture_';

/** SQL that captures every row a table has now as inserts: rows that no trigger saw coming. */
export function captureAllSql(layout: TableLayout): string {
  const line = `${quoteText(`${JSON.stringify(layout.name)}\t\t`)} || ${imageSql(layout, 't')}`;
  const order = layout.key.map((column) => `t.${quoteName(column)}`).join(', ');
  return `INSERT INTO _tidemark_changes (time, line) SELECT ${CLOCK_SQL}, ${line} FROM ${quoteName(layout.name)} AS t ORDER BY ${order}`;
}

interface CaptureTrigger {
  readonly name: string;
  readonly sql: string;
}

function captureTriggers(layout: TableLayout): CaptureTrigger[] {
  const table = JSON.stringify(layout.name);
  const before = imageSql(layout, 'OLD');
  const after = imageSql(layout, 'NEW');
  const lines = {
    insert: `${quoteText(`${table}\t\t`)} || ${after}`,
    update: `${quoteText(`${table}\t`)} || ${before} || ${quoteText('\t')} || ${after}`,
    delete: `${quoteText(`${table}\t`)} || ${before} || ${quoteText('\t')}`,
  };
  return Object.entries(lines).map(([event, line]) => {
    const name = `${PREFIX}${event}_${layout.name}`;
    return {
      name,
      sql: `CREATE TRIGGER ${quoteName(name)} AFTER ${event.toUpperCase()} ON ${quoteName(layout.name)} BEGIN INSERT INTO _tidemark_changes (time, line) VALUES (${CLOCK_SQL}, ${line}); END`,
    };
  });
}

/**
 * Makes every user table's capture triggers what they must be, and the newest of their table.
 *
 * SQLite fires the newest AFTER trigger first. A capture trigger that is older than a user's would log a row after
 * the rows that the user's trigger made of it, and a follower would apply them in the wrong order.
 */
export function installCapture(sql: Sql): void {
  for (const table of userTables(sql)) {
    const wanted = captureTriggers(readLayout(sql, table));
    const found = all(
      sql,
      "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? ORDER BY rowid",
      table,
    );
    const newest = found.slice(-wanted.length).map(([name, text]) => `${name as string} ${text as string}`);
    const isInPlace =
      newest.length === wanted.length &&
      wanted.every(({ name, sql: text }, i) => newest[i] === `${name} ${text}`);
    if (isInPlace) continue;
    for (const { name, sql: text } of wanted) {
      run(sql, `DROP TRIGGER IF EXISTS ${quoteName(name)}`);
      run(sql, text);
    }
  }
}

/** Takes all capture triggers away: ALTER TABLE fails on a column that a trigger names. */
export function removeCapture(sql: Sql): void {
  const names = all(
    sql,
    String.raw`SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE '\_tidemark\_capture\_%' ESCAPE '\'`,
  );
  for (const [name] of names) run(sql, `DROP TRIGGER ${quoteName(name as string)}`);
}
