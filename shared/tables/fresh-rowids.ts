import { first, type Sql } from '../ports.ts';
import type { RowChange } from './change.ts';
import { quoteName, readLayout, tableExists } from './schema.ts';

/** An image's first value, where that is a whole number. */
const FIRST_INTEGER = /^\[(-?\d+)(?=[,\]])/;

/**
 * The changes of an entry that is applied again, where a row that it made has a rowid that another row has by now. Only in tables whose rowid is no
 * column of the user's, who can neither see nor name it: there the row takes the next that is free, with all that follows of it.
 */
export function withFreshRowids(sql: Sql, changes: readonly RowChange[]): RowChange[] {
  const tables = new Map<string, Renaming | null>();
  return changes.map((change) => {
    const known = tables.get(change.table);
    const renaming = known === undefined ? renamingOf(sql, change.table, changes) : known;
    tables.set(change.table, renaming);
    if (renaming === null) return change;
    const rowid = change.kind === 'insert' ? rowidOf(change.after) : null;
    if (rowid !== null && isTaken(sql, renaming.of, rowid)) {
      renaming.rowids.set(rowid, String(renaming.next));
      renaming.next += 1n;
    }
    return renamed(change, renaming.rowids);
  });
}

/** The name by which a table's rowid can be asked for. */
interface HiddenRowid {
  readonly table: string;
  readonly rowid: string;
}

/** What rowids of one table become. */
interface Renaming {
  readonly of: HiddenRowid;
  readonly rowids: Map<string, string>;
  /** Behind all that are there, and all that the entry has; it may be beyond what a number holds. */
  next: bigint;
}

function renamingOf(sql: Sql, table: string, changes: readonly RowChange[]): Renaming | null {
  const of = hiddenRowid(sql, table);
  if (of === null) return null;
  const last = first(sql, `SELECT CAST(ifnull(max(${of.rowid}), 0) AS TEXT) FROM ${of.table}`)?.[0];
  let greatest = BigInt(String(last));
  for (const change of changes) {
    const rowid = change.table === table && change.kind === 'insert' ? rowidOf(change.after) : null;
    if (rowid !== null && BigInt(rowid) > greatest) greatest = BigInt(rowid);
  }
  return { of, rowids: new Map(), next: greatest + 1n };
}

/** Null where the rowid is a column of the user's, or there is none. */
function hiddenRowid(sql: Sql, table: string): HiddenRowid | null {
  if (!tableExists(sql, table)) return null;
  const { key, hasRowid } = readLayout(sql, table);
  const [rowid] = key;
  if (!hasRowid || rowid === undefined) return null;
  const isColumn = first(
    sql,
    'SELECT 1 FROM pragma_table_xinfo(?) WHERE name = ? COLLATE NOCASE',
    table,
    rowid,
  );
  return isColumn === null ? { table: quoteName(table), rowid } : null;
}

function rowidOf(image: string): string | null {
  return FIRST_INTEGER.exec(image)?.[1] ?? null;
}

function isTaken(sql: Sql, { table, rowid }: HiddenRowid, value: string): boolean {
  return first(sql, `SELECT 1 FROM ${table} WHERE ${rowid} = CAST(? AS INTEGER)`, value) !== null;
}

function renamed(change: RowChange, rowids: ReadonlyMap<string, string>): RowChange {
  if (rowids.size === 0) return change;
  const image = (text: string) =>
    text.replace(FIRST_INTEGER, (whole, rowid: string) => `[${rowids.get(rowid) ?? whole.slice(1)}`);
  switch (change.kind) {
    case 'insert':
      return { ...change, after: image(change.after) };
    case 'update':
      return { ...change, before: image(change.before), after: image(change.after) };
    case 'delete':
      return { ...change, before: image(change.before) };
  }
}
