import { Lru } from '../lru.ts';
import { first, run, type Sql } from '../ports.ts';
import { CAPTURE_LINE_SQL, captureAllSql, installCapture, removeCapture } from './capture.ts';
import { type KeptTrigger, type SchemaChange, schemaLine } from './change.ts';
import { DeferredKeys, type Deferral } from './foreign-keys.ts';
import { type Prepared, Preparer } from './prepare.ts';
import { type ResultMeta, readReturned, readRows, type StatementResult } from './result.ts';
import { type ExactReturning, exactReturning } from './returning.ts';
import { readLayout, type SchemaObject, userSchema } from './schema.ts';
import { columnName } from './bind.ts';
import { Sequences } from './sequences.ts';
import type { Statement } from './values.ts';

export interface TransactionResult {
  readonly results: readonly StatementResult[];
  /** No statement was one that writes, whether it found a row or not. */
  readonly isRead: boolean;
}

interface RunState {
  deferral: Deferral;
  hasWritten: boolean;
}

const RETURNING_MAX = 200;

/** The lines captured in the open transaction so far. */
type Captured = () => readonly string[];

/**
 * Runs a user's statements on the leader, so that all they do to rows and schema is captured. Each call of
 * `run` stands in a transaction of the caller's, which rolls back when it throws; then call `rolledBack`.
 */
export class UserTransactions {
  readonly #sql: Sql;
  readonly #preparer: Preparer;
  readonly #sequences: Sequences;
  readonly #deferredKeys: DeferredKeys;
  readonly #returning = new Lru<string, ExactReturning | null>(RETURNING_MAX);

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#preparer = new Preparer(sql);
    this.#sequences = new Sequences(sql);
    this.#deferredKeys = new DeferredKeys(sql);
  }

  /** @throws Refusal or SqlError; then nothing may stay. */
  run(statements: readonly Statement[], captured: Captured): TransactionResult {
    const state: RunState = { deferral: 'as declared', hasWritten: false };
    try {
      const results = statements.map((statement) => this.#run(statement, captured, state));
      if (state.hasWritten) this.#deferredKeys.check(captured, state.deferral);
      return { results, isRead: !state.hasWritten };
    } finally {
      // It would last until the platform commits, and loosen the keys for other callers' transactions.
      if (state.deferral === 'all') run(this.#sql, 'PRAGMA defer_foreign_keys = OFF');
    }
  }

  #run(statement: Statement, captured: Captured, state: RunState): StatementResult {
    const prepared = this.#preparer.prepare(statement);
    if (prepared.parsed.kind === 'setting') {
      run(this.#sql, prepared.text);
      state.deferral = 'all';
      return NOTHING;
    }
    const isSchema = prepared.parsed.kind === 'schema';
    if (!isSchema && !prepared.writes) return this.#preparer.read(prepared);
    state.hasWritten = true;
    return isSchema ? this.#changeSchema(prepared) : this.#write(prepared, captured);
  }

  /** What was remembered of schema and counters may be of the transaction that was undone. */
  rolledBack(): void {
    this.#forget();
  }

  #forget(): void {
    this.#preparer.forgetPlans();
    this.#deferredKeys.forget();
    this.#returning.clear();
    this.#sequences.reload();
  }

  #write({ parsed, text, bindings }: Prepared, captured: Captured): StatementResult {
    const exact = parsed.returns ? this.#exact(text) : null;
    const cursor = this.#sql.exec(exact?.text ?? text, ...bindings);
    const columns = cursor.columns.slice(0, exact?.digits.length).map(columnName);
    const rows = exact === null ? readRows(cursor).json : readReturned(cursor, exact.digits);
    // Before anything else runs: these two are of the last statement.
    const [changes, lastRowId] = first(this.#sql, 'SELECT changes(), last_insert_rowid()') ?? [];
    for (const line of this.#sequences.linesAfter(captured)) run(this.#sql, CAPTURE_LINE_SQL, line);
    const inserts = parsed.verb === 'INSERT' || parsed.verb === 'REPLACE';
    const meta: ResultMeta = {
      changes: changes as number,
      last_row_id: inserts && changes !== 0 ? (lastRowId as number) : 0,
      rows_read: cursor.rowsRead,
      rows_written: cursor.rowsWritten,
      duration_ms: 0,
    };
    return { columns, rows, meta };
  }

  #exact(text: string): ExactReturning | null {
    const known = this.#returning.get(text);
    if (known !== undefined) return known;
    const exact = exactReturning(this.#sql, text);
    this.#returning.set(text, exact);
    return exact;
  }

  #changeSchema({ parsed, text, bindings }: Prepared): StatementResult {
    const before = userSchema(this.#sql);
    if (parsed.verb === 'ALTER') removeCapture(this.#sql);
    run(this.#sql, text, ...bindings);
    const after = userSchema(this.#sql);
    const made = madeBySelect(parsed.createsTableAs, before, after);
    const change = schemaChange(made?.sql ?? text, before, after);
    if (change !== null || parsed.verb === 'ANALYZE' || parsed.verb === 'REINDEX') {
      run(this.#sql, CAPTURE_LINE_SQL, schemaLine(change ?? { sql: text, triggers: {} }));
    }
    if (made !== undefined) run(this.#sql, captureAllSql(readLayout(this.#sql, made.name)));
    installCapture(this.#sql);
    this.#forget();
    return NOTHING;
  }
}

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
  const known = new Set(before.filter((object) => object.type === 'table').map((object) => object.name));
  return after.find((object) => object.type === 'table' && !known.has(object.name));
}

/** What followers must do to their schema, or null where nothing changed. */
function schemaChange(text: string, before: readonly SchemaObject[], after: readonly SchemaObject[]): SchemaChange | null {
  const others = (objects: readonly SchemaObject[]) => JSON.stringify(objects.filter((object) => object.type !== 'trigger'));
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
