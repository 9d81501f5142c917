import { Lru } from '../lru.ts';
import type { Captured, ChangeRow } from '../log/captured.ts';
import { run, type Sql } from '../ports.ts';
import { captureAllSql, installCapture, removeCapture } from './capture.ts';
import { type KeptTrigger, parseChange, type SchemaChange, schemaLine } from './change.ts';
import { DeferredKeys, type Deferral } from './foreign-keys.ts';
import { type Prepared, Preparer } from './prepare.ts';
import { type ResultMeta, readReturned, readRows, ResultRoom, type StatementResult } from './result.ts';
import { type ExactReturning, exactReturning } from './returning.ts';
import { readLayout, type SchemaObject, type TableLayout, userSchema } from './schema.ts';
import { columnName } from './bind.ts';
import { Sequences } from './sequences.ts';
import type { Statement } from './values.ts';

export interface TransactionResult {
  readonly results: readonly StatementResult[];
  /** No statement was one that writes, whether it found a row or not. */
  readonly isRead: boolean;
}

interface RunState {
  readonly captured: Captured;
  readonly room: ResultRoom;
  deferral: Deferral;
  hasWritten: boolean;
  hasDropped: boolean;
  /** How many captured lines the counters of AUTOINCREMENT have been compared with. */
  linesCounted: number;
}

const RETURNING_MAX = 200;

/**
 * Runs a user's statements on the leader, so that all they do to rows and schema is captured. Each call of
 * `run` stands in a transaction of the caller's, which rolls back when it throws; then call `rolledBack`.
 */
export class UserTransactions {
  readonly #sql: Sql;
  readonly #preparer: Preparer;
  readonly #sequences: Sequences;
  readonly #deferredKeys: DeferredKeys;
  /** Whether the transaction that runs, or ran last, had a schema statement. */
  #hasChangedSchema = false;
  readonly #layouts = new Map<string, TableLayout>();
  readonly #returning = new Lru<string, ExactReturning | null>(RETURNING_MAX);

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#preparer = new Preparer(sql);
    this.#sequences = new Sequences(sql);
    this.#deferredKeys = new DeferredKeys(sql);
  }

  /** @throws Refusal or SqlError; then nothing may stay. */
  run(statements: readonly Statement[], captured: Captured): TransactionResult {
    const room = new ResultRoom();
    const state: RunState = {
      captured,
      room,
      deferral: 'as declared',
      hasWritten: false,
      hasDropped: false,
      linesCounted: 0,
    };
    this.#hasChangedSchema = false;
    try {
      const results = statements.map((statement) => this.#run(statement, state));
      if (state.hasWritten) this.#finish(state);
      return { results, isRead: !state.hasWritten };
    } finally {
      // It would last until the platform commits, and loosen the keys for other callers' transactions.
      if (state.deferral === 'all') run(this.#sql, 'PRAGMA defer_foreign_keys = OFF');
    }
  }

  #run(statement: Statement, state: RunState): StatementResult {
    const prepared = this.#preparer.prepare(statement);
    if (prepared.parsed.kind === 'setting') return this.#defer(prepared.text, state);
    const isSchema = prepared.parsed.kind === 'schema';
    if (!isSchema && !prepared.writes) return this.#preparer.read(prepared, state.room);
    state.hasWritten = true;
    return isSchema ? this.#changeSchema(prepared, state) : this.#write(prepared, state);
  }

  /** All keys, from here to the end of the transaction: SQLite forgets what it counted when this is turned off. */
  #defer(text: string, state: RunState): StatementResult {
    if (SETS_OFF.test(text) || state.deferral === 'all') return NOTHING;
    // Violations are counted apart before and after, so that one from before would stay counted for ever.
    this.#deferredKeys.check(() => state.captured.lines(), state.deferral);
    run(this.#sql, text);
    state.deferral = 'all';
    return NOTHING;
  }

  #finish(state: RunState): void {
    this.#countSequences(state);
    this.#deferredKeys.check(() => state.captured.lines(), state.deferral);
    if (state.hasDropped && state.deferral === 'all') this.#deferredKeys.checkAll(state.deferral);
  }

  /** Only now, not after each statement, because each line changes last_insert_rowid() for the user's next one. */
  #countSequences(state: RunState): void {
    const lines = this.#sequences.linesAfter(() => {
      const captured = state.captured.lines();
      const since = captured.slice(state.linesCounted);
      state.linesCounted = captured.length;
      return since;
    });
    for (const line of lines) state.captured.add(line);
  }

  /** What was remembered of schema and counters may be of the transaction that was undone. */
  rolledBack(): void {
    if (this.#hasChangedSchema) this.#forget();
    else this.#sequences.reload();
  }

  #forget(): void {
    this.#preparer.forgetPlans();
    this.#deferredKeys.forget();
    this.#layouts.clear();
    this.#returning.clear();
    this.#sequences.reload();
  }

  #write({ parsed, text, bindings }: Prepared, { captured, room }: RunState): StatementResult {
    const exact = parsed.returns ? this.#exact(text) : null;
    const cursor = this.#sql.exec(exact?.text ?? text, ...bindings);
    const columns = cursor.columns.slice(0, exact?.digits.length).map(columnName);
    const rows = exact === null ? readRows(cursor, room).json : readReturned(cursor, exact.digits, room);
    const { changes, lastRowId, added } = captured.readWritten();
    const inserts = parsed.verb === 'INSERT' || parsed.verb === 'REPLACE';
    const meta: ResultMeta = {
      changes,
      last_row_id: inserts && changes !== 0 && this.#hasInserted(lastRowId, added, text) ? lastRowId : 0,
      rows_read: cursor.rowsRead,
      rows_written: cursor.rowsWritten,
      duration_ms: 0,
    };
    return { columns, rows, meta };
  }

  /** SQLite goes on telling the rowid of an earlier insert, perhaps of Tidemark's own, after an upsert that updated. */
  #hasInserted(rowId: number, added: readonly ChangeRow[], text: string): boolean {
    const words = unquoted(text);
    return added.some(({ line }) => {
      const change = parseChange(line);
      // A row that a trigger put into another table may have the same rowid.
      if (change.kind !== 'insert' || !words.includes(unquoted(change.table))) return false;
      const layout = this.#layout(change.table);
      return (
        layout.hasRowid &&
        (JSON.parse(change.after) as unknown[])[layout.columns.indexOf(String(layout.key[0]))] === rowId
      );
    });
  }

  #layout(table: string): TableLayout {
    const known = this.#layouts.get(table);
    if (known !== undefined) return known;
    const layout = readLayout(this.#sql, table);
    this.#layouts.set(table, layout);
    return layout;
  }

  #exact(text: string): ExactReturning | null {
    const known = this.#returning.get(text);
    if (known !== undefined) return known;
    const exact = exactReturning(this.#sql, text);
    this.#returning.set(text, exact);
    return exact;
  }

  #changeSchema({ parsed, text, bindings }: Prepared, state: RunState): StatementResult {
    this.#hasChangedSchema = true;
    this.#countSequences(state);
    const before = userSchema(this.#sql);
    if (parsed.verb === 'ALTER') removeCapture(this.#sql);
    run(this.#sql, text, ...bindings);
    state.captured.expectMore();
    const after = userSchema(this.#sql);
    const made = madeBySelect(parsed.createsTableAs, before, after);
    const change = schemaChange(made?.sql ?? text, before, after);
    if (change !== null || parsed.verb === 'ANALYZE' || parsed.verb === 'REINDEX') {
      state.captured.add(schemaLine(change ?? { sql: text, triggers: {} }));
    }
    if (made !== undefined) run(this.#sql, captureAllSql(readLayout(this.#sql, made.name)));
    installCapture(this.#sql);
    this.#forget();
    this.#deferredKeys.checkDeclarations();
    if (parsed.verb === 'DROP' && tablesOf(after).length < tablesOf(before).length) this.#checkDrop(state);
    return NOTHING;
  }

  /**
   * SQLite counts a row whose parent's table was dropped, and a new table of that name does not undo the count. Keys
   * deferred by PRAGMA can be uncounted, so they are looked at in the end; those declared so cannot.
   */
  #checkDrop(state: RunState): void {
    state.hasDropped = true;
    this.#deferredKeys.checkParentless('as declared');
  }
}

function unquoted(text: string): string {
  return text.toLowerCase().replaceAll(/["'`[\]]/g, '');
}

const SETS_OFF = /\b(?:off|false|0)\W*$/i;

const NOTHING: StatementResult = {
  columns: [],
  rows: '[]',
  meta: { changes: 0, last_row_id: 0, rows_read: 0, rows_written: 0, duration_ms: 0 },
};

/** The table that CREATE TABLE … AS made: a follower makes it of its columns and gets its rows from the log. */
function madeBySelect(
  createsTableAs: boolean,
  before: readonly SchemaObject[],
  after: readonly SchemaObject[],
): SchemaObject | undefined {
  if (!createsTableAs) return undefined;
  const known = new Set(tablesOf(before).map((object) => object.name));
  return tablesOf(after).find((object) => !known.has(object.name));
}

function tablesOf(objects: readonly SchemaObject[]): SchemaObject[] {
  return objects.filter((object) => object.type === 'table');
}

/** What followers must do to their schema, or null where nothing changed. */
function schemaChange(
  text: string,
  before: readonly SchemaObject[],
  after: readonly SchemaObject[],
): SchemaChange | null {
  const others = (objects: readonly SchemaObject[]) =>
    JSON.stringify(objects.filter((object) => object.type !== 'trigger'));
  const hasOther = others(before) !== others(after);
  const triggers = triggerChanges(triggersOf(before), triggersOf(after));
  if (!hasOther && Object.keys(triggers).length === 0) return null;
  return { sql: hasOther ? text : null, triggers };
}

function triggersOf(objects: readonly SchemaObject[]): Map<string, KeptTrigger> {
  const triggers = objects.filter((object) => object.type === 'trigger');
  return new Map(triggers.map((object) => [object.name, { table: object.table, sql: object.sql ?? '' }]));
}

function triggerChanges(
  before: ReadonlyMap<string, KeptTrigger>,
  after: ReadonlyMap<string, KeptTrigger>,
): Record<string, KeptTrigger | null> {
  const gone = [...before.keys()].filter((name) => !after.has(name)).map((name) => [name, null] as const);
  const isNew = ([name, trigger]: readonly [string, KeptTrigger]) =>
    before.get(name)?.sql !== trigger.sql || before.get(name)?.table !== trigger.table;
  return Object.fromEntries([...gone, ...[...after].filter(isNew)]);
}
