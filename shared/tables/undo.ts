import type { Sql } from '../ports.ts';
import { Applier, DivergenceError } from './apply.ts';
import { type Change, parseChange, type RowChange, SEQUENCE_TABLE } from './change.ts';
import { type NetRows, netRows, RowsNow } from './net-rows.ts';
import { readLayout, tableExists } from './schema.ts';
import { readCounters, writeCounters } from './sequences.ts';

/** Why entries with such changes cannot be undone by their before-images; null where they can, as far as that can be told before. */
export function whyNotUndone(sql: Sql, changes: readonly Change[]): string | null {
  for (const { kind } of changes)
    if (kind === 'schema') return 'an entry that changed the schema cannot be undone';
  const rows = rowsOf(changes);
  if (rows.some(({ table }) => table === SEQUENCE_TABLE))
    return 'an entry that set a counter of AUTOINCREMENT cannot be undone';
  // An insert moves the counter, and the log does not say from where.
  const grown = new Set(rows.flatMap(({ kind, table }) => (kind === 'insert' ? [table] : [])));
  const moved = [...grown].find((table) => tableExists(sql, table) && readLayout(sql, table).autoincrement);
  return moved === undefined ? null : `an insert into ${moved} cannot be undone: the table has AUTOINCREMENT`;
}

function rowsOf(changes: readonly Change[]): RowChange[] {
  return changes.filter((change) => change.kind !== 'schema');
}

/**
 * Undoes the last entries of a log, the first of which is `entries[0]`, on a replica that does not lead: afterwards every row is what it was
 * before them. Called inside a transaction.
 *
 * The changes are gone through backwards. That is not always the way they were made, because the log has what a foreign key
 * did before the change that made it do so. So it is looked up before and afterwards whether every row is what all changes
 * together say: an undoing that went wrong is found out, and nothing of it may stay.
 *
 * @throws DivergenceError or SqlError where it cannot be done
 */
export function undoEntries(sql: Sql, entries: readonly (readonly string[])[]): void {
  const parsed = entries.map((lines) => lines.map(parseChange));
  const every = parsed.flat();
  const why = whyNotUndone(sql, every);
  if (why !== null) throw new DivergenceError(why);
  const nets = netRows(rowsOf(every));
  if (nets === null)
    throw new DivergenceError('an entry in which a trigger changed its own row cannot be undone');
  const rows = new RowsNow(sql);
  const checks = nets.map((net) => beforeUndoing(rows, net));
  const backwards = parsed.toReversed().map((changes) => rowsOf(changes).toReversed().map(reversed));
  const counters = readCounters(sql);
  new Applier(sql, 'part of the rows').applyChanges(backwards);
  // None of the entries moved one, but to bring a deleted row back may.
  if (readCounters(sql).join('\n') !== counters.join('\n')) writeCounters(sql, counters);
  for (const check of checks) afterUndoing(rows, check);
}

function reversed(change: RowChange): RowChange {
  switch (change.kind) {
    case 'insert':
      return { kind: 'delete', table: change.table, before: change.after };
    case 'delete':
      return { kind: 'insert', table: change.table, after: change.before };
    case 'update':
      return { kind: 'update', table: change.table, before: change.after, after: change.before };
  }
}

/** What there must be of a table once the entries are undone. */
interface Check {
  readonly net: NetRows;
  readonly present: ReadonlySet<string>;
}

function beforeUndoing(rows: RowsNow, net: NetRows): Check {
  const found = rows.find(net.table, net.touched);
  const isThere = (image: string) => found.get(image) === image;
  for (const image of net.touched)
    if ((net.after.has(image) && !isThere(image)) || (net.before.has(image) && isThere(image)))
      throw new DivergenceError(`a row of ${net.table} is not what the log says`);
  const stayed = net.touched.filter((image) => isThere(image) && !net.after.has(image));
  return { net, present: new Set([...stayed, ...net.before]) };
}

/** A key may be told by two images, as 'a' and 'A' are where the key ignores case; so of a row that must be gone, another may be there. */
function afterUndoing(rows: RowsNow, { net, present }: Check): void {
  for (const [image, found] of rows.find(net.table, net.touched)) {
    const isRight = present.has(image) ? found === image : found === null || present.has(found);
    if (!isRight) throw new DivergenceError(`a row of ${net.table} is not what it was before`);
  }
}
