import { type Failure, refuse, Refusal } from '../failure.ts';
import { first, run, type Sql, SqlError } from '../ports.ts';
import { Applier, DivergenceError } from './apply.ts';
import { installCapture } from './capture.ts';
import { parseChange, type RowChange, rowLine, SEQUENCE_TABLE } from './change.ts';
import { DeferredKeys } from './foreign-keys.ts';
import { withFreshRowids } from './fresh-rowids.ts';
import { type NetRows, netRows, RowsNow } from './net-rows.ts';
import { holdTriggers, releaseTriggers } from './roles.ts';
import { readLayout, tableExists } from './schema.ts';

/**
 * Does again what an entry, given by its lines, did to rows, on a leader: every row must be now what it was then. Called inside a transaction
 * whose changes are captured; they are those of the entry again, and some perhaps that change nothing. Users' triggers do not fire, since what they did is among
 * the changes, and no CHECK is looked at. The counters of AUTOINCREMENT go up with the rows, and are not set. The schema is touched
 * beneath whoever has read it.
 *
 * @throws Refusal; then nothing may stay
 */
export function applyAgain(sql: Sql, lines: readonly string[]): void {
  const changes = withFreshRowids(sql, rowChanges(lines));
  const nets = checkedNets(sql, changes);
  const rows = new RowsNow(sql);
  for (const net of nets) checkBefore(rows, net);
  holdTriggers(sql);
  try {
    new Applier(sql, 'part of the rows').applyChanges([changes]);
    for (const net of nets) checkAfter(rows, net);
    new DeferredKeys(sql).check(() => changes.map(lineOf), 'all');
  } catch (error) {
    throw asConflict(error);
  } finally {
    run(sql, 'PRAGMA ignore_check_constraints = OFF');
  }
  releaseTriggers(sql);
  installCapture(sql);
}

function lineOf(change: RowChange): string {
  const { table, kind } = change;
  return rowLine(table, kind === 'insert' ? '' : change.before, kind === 'delete' ? '' : change.after);
}

function rowChanges(lines: readonly string[]): RowChange[] {
  const changes = lines.map(parseChange);
  const rows = changes.flatMap((change) =>
    change.kind === 'schema' || change.table === SEQUENCE_TABLE ? [] : [change],
  );
  if (changes.some(({ kind }) => kind === 'schema'))
    conflict('the entry changed the schema; make that change again by a statement of your own');
  if (rows.length === 0) conflict('the entry changed no rows, so there is nothing to apply');
  return rows;
}

function checkedNets(sql: Sql, changes: readonly RowChange[]): NetRows[] {
  const nets = netRows(changes);
  if (nets === null)
    return conflict('in the entry a BEFORE trigger changed the row that set it off; write its rows yourself');
  for (const net of nets) checkTable(sql, net);
  return nets;
}

/** Images say no names of columns, so one that was added or dropped since would take another's value. */
function checkTable(sql: Sql, { table, touched }: NetRows): void {
  if (!tableExists(sql, table))
    conflict(`the table ${table} is not there any more; make it again, or write the entry's rows elsewhere`);
  const { columns } = readLayout(sql, table);
  if (first(sql, 'SELECT json_array_length(?)', touched[0] ?? '')?.[0] !== columns.length)
    conflict(`the table ${table} has other columns than when the entry was made; write its rows yourself`);
}

function checkBefore(rows: RowsNow, { table, touched, before, after }: NetRows): void {
  for (const [image, found] of rows.find(table, touched)) {
    if (before.has(image) && found !== image)
      changed(table, found === null ? 'is gone' : 'has changed since');
    if (after.has(image) && found !== null && !before.has(found))
      changed(table, 'is there that it would make');
  }
}

function checkAfter(rows: RowsNow, { table, touched, before, after }: NetRows): void {
  for (const [image, found] of rows.find(table, touched)) {
    const isRight = after.has(image)
      ? found === image
      : !before.has(image) || found === null || after.has(found);
    if (!isRight) changed(table, 'would not become what it was');
  }
}

function changed(table: string, what: string): never {
  conflict(`a row of ${table} ${what}; read what is there now, and write what is still wanted yourself`);
}

function conflict(detail: string): never {
  return refuse(conflictOf(detail));
}

function conflictOf(detail: string): Failure {
  return { code: 'lost-entry-conflict', detail };
}

/** What the rows of today do not let it do. */
function asConflict(error: unknown): unknown {
  const isOurs = error instanceof DivergenceError || error instanceof SqlError;
  if (!isOurs && !(error instanceof Refusal && error.failure.code === 'constraint')) return error;
  const why = error instanceof Refusal ? error.failure.detail : error.message;
  return new Refusal(
    conflictOf(
      `the entry does not fit the rows of today (${why}); read what is there now, and write what is still wanted yourself`,
    ),
  );
}
