import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { Lru } from '../../shared/lru.ts';
import {
  SqlError,
  type Sql,
  type SqlCursor,
  type SqlErrorKind,
  type SqlRow,
  type SqlValue,
} from '../../shared/ports.ts';
import { findParameters } from '../../shared/tables/parameters.ts';
import { tokenize } from '../../shared/tables/tokens.ts';

export interface NodeSqlOptions {
  /** A file; without one the database lives in memory. */
  readonly path?: string;
  /** Milliseconds since 1970 for `unixepoch()` and `unixepoch('subsec')`; without it, the machine's clock. */
  readonly now?: () => number;
  /** Whether a statement's rows are all read when it runs: several times as fast, and no query without end ends. */
  readonly reads?: 'as asked for' | 'at once';
}

/** What a Durable Object's SQLite is limited to. */
const LIMITS = {
  length: 2_200_000,
  sqlLength: 100_000,
  column: 100,
  exprDepth: 100,
  compoundSelect: 5,
  vdbeOp: 25_000,
  functionArg: 32,
  attach: 0,
  likePatternLength: 50,
  variableNumber: 100,
  triggerDepth: 10,
};

const STATEMENTS_MAX = 2_000;

interface Prepared {
  readonly statement: StatementSync;
  /** The names of the placeholders in the order of their values; null for a plain `?`. */
  readonly names: readonly (string | null)[];
  readonly isPlain: boolean;
  readonly mayWrite: boolean;
}

const READING = /^\s*(?:SELECT|VALUES|EXPLAIN)\b/i;

/**
 * The `Sql` port over node:sqlite, with a Durable Object's limits and conversions. One statement runs at a
 * time: an unread cursor is closed when the next statement runs, and reading on throws.
 */
export class NodeSql implements Sql {
  /** For tests that must look, or do harm, past the port. */
  readonly database: DatabaseSync;
  readonly #prepared = new Lru<string, Prepared>(STATEMENTS_MAX);
  readonly #totalChanges: StatementSync;
  readonly #readsAtOnce: boolean;
  /** As it was after the last statement that could write. */
  #changes = 0;
  #open: NodeCursor | null = null;
  #depth = 0;

  constructor(options: NodeSqlOptions = {}) {
    this.database = new DatabaseSync(options.path ?? ':memory:', {
      limits: LIMITS,
      enableDoubleQuotedStringLiterals: true,
    });
    this.database.exec('PRAGMA foreign_keys=ON');
    this.database.exec('PRAGMA recursive_triggers=ON');
    if (options.now !== undefined) replaceClock(this.database, options.now);
    this.#totalChanges = this.database.prepare('SELECT total_changes()');
    this.#totalChanges.setReturnArrays(true);
    this.#readsAtOnce = options.reads === 'at once';
  }

  exec(text: string, ...bindings: readonly SqlValue[]): SqlCursor {
    this.#closeCursor();
    const prepared = this.#prepared.get(text) ?? translating(() => this.#prepare(text));
    if (prepared.names.length !== bindings.length) {
      throw new SqlError(
        `the statement has ${prepared.names.length} placeholders, not ${bindings.length}`,
        'other',
        null,
      );
    }
    const cursor = new NodeCursor({
      statement: prepared.statement,
      values: prepared.isPlain ? bindings : inNodesForm(prepared.names, bindings),
      readsAtOnce: this.#readsAtOnce,
      written: prepared.mayWrite ? () => this.#written() : nothingWritten,
    });
    this.#open = cursor;
    return cursor;
  }

  /** The rows that were written since this was asked last. */
  #written(): number {
    const before = this.#changes;
    this.#changes = Number(oneValue(this.#totalChanges));
    return this.#changes - before;
  }

  transaction<T>(work: () => T): T {
    this.#closeCursor();
    const depth = this.#depth;
    this.#control(depth === 0 ? 'BEGIN' : `SAVEPOINT tidemark_${depth}`);
    this.#depth += 1;
    try {
      const result = work();
      this.#closeCursor();
      this.#control(depth === 0 ? 'COMMIT' : `RELEASE tidemark_${depth}`);
      return result;
    } catch (error) {
      this.#closeCursor();
      this.#undo(depth);
      throw error;
    } finally {
      this.#depth = depth;
    }
  }

  close(): void {
    this.#closeCursor();
    this.database.close();
  }

  #undo(depth: number): void {
    if (depth === 0) return this.#control('ROLLBACK');
    this.#control(`ROLLBACK TO tidemark_${depth}`);
    this.#control(`RELEASE tidemark_${depth}`);
  }

  #control(text: string): void {
    translating(() => this.database.exec(text));
  }

  #closeCursor(): void {
    this.#open?.close();
    this.#open = null;
  }

  #prepare(text: string): Prepared {
    const statement = this.database.prepare(text);
    // node:sqlite leaves out what follows the first statement; a Durable Object would run it.
    const rest = text.slice(statement.sourceSQL.length);
    if (tokenize(rest).length > 0) throw new SqlError('one statement at a time', 'other', null);
    statement.setReturnArrays(true);
    statement.setReadBigInts(true);
    const names = placeholderNames(text);
    const isPlain = names.every((name) => name === null);
    const prepared = { statement, names, isPlain, mayWrite: !READING.test(text) };
    this.#prepared.set(text, prepared);
    return prepared;
  }
}

interface NodeCursorParts {
  readonly statement: StatementSync;
  readonly values: readonly SQLInputValue[];
  readonly readsAtOnce: boolean;
  /** Rows written since this was called last. */
  readonly written: () => number;
}

function nothingWritten(): number {
  return 0;
}

type NodeRows = Iterator<SQLOutputValue[]>;

class NodeCursor implements SqlCursor {
  readonly #statement: StatementSync;
  readonly #rows: NodeRows;
  readonly #written: () => number;
  #ahead: IteratorResult<SQLOutputValue[]>;
  #rowsRead = 0;
  #rowsWritten: number;
  #closed = false;

  constructor({ statement, values, readsAtOnce, written }: NodeCursorParts) {
    this.#statement = statement;
    this.#written = written;
    try {
      this.#rows = readsAtOnce
        ? (statement.all(...values) as unknown as SQLOutputValue[][]).values()
        : started(statement, values);
      // A statement runs when it is sent, not when its rows are read, as on the platform.
      this.#ahead = this.#rows.next();
    } catch (error) {
      throw toSqlError(error);
    }
    this.#rowsWritten = written();
  }

  get columns(): readonly string[] {
    return this.#statement.columns().map((column) => column.name);
  }

  get rowsRead(): number {
    return this.#rowsRead;
  }

  get rowsWritten(): number {
    return this.#rowsWritten;
  }

  *[Symbol.iterator](): Iterator<SqlRow> {
    while (this.#ahead.done !== true) {
      if (this.#closed)
        throw new Error('this cursor was closed: another statement ran before its rows were read');
      const row = this.#ahead.value.map(fromNodesForm);
      this.#readAhead();
      this.#rowsRead += 1;
      yield row;
    }
    if (!this.#closed) this.#rowsWritten += this.#written();
  }

  #readAhead(): void {
    try {
      this.#ahead = this.#rows.next();
    } catch (error) {
      throw toSqlError(error);
    }
  }

  toArray(): SqlRow[] {
    return [...this];
  }

  close(): void {
    this.#closed = true;
    this.#rows.return?.();
  }
}

/** A statement that failed reports its failure once more when it is next reset. The second reset is the new run's. */
function started(statement: StatementSync, values: readonly SQLInputValue[]): NodeRows {
  const start = () => statement.iterate(...values) as unknown as NodeRows;
  try {
    return start();
  } catch {
    return start();
  }
}

/** node:sqlite binds named and numbered placeholders from an object and plain ones by place. */
function inNodesForm(names: readonly (string | null)[], bindings: readonly SqlValue[]): SQLInputValue[] {
  const named = Object.fromEntries(
    names.flatMap((name, i) => (name === null ? [] : [[name, bindings[i] as SqlValue]])),
  );
  const plain = bindings.filter((_, i) => names[i] === null);
  return [named as unknown as SQLInputValue, ...plain];
}

function placeholderNames(text: string): (string | null)[] {
  const { places, count } = findParameters(tokenize(text));
  const names: (string | null)[] = Array.from({ length: count }, () => null);
  // A value written in several ways answers to the first of its names.
  for (const { index, text: name } of places) if (name !== '?') names[index] ??= name;
  return names;
}

/** Integers arrive as doubles on the platform, rounded beyond 2^53. */
function fromNodesForm(value: SQLOutputValue): SqlValue {
  return typeof value === 'bigint' ? Number(value) : value;
}

function oneValue(statement: StatementSync, ...values: SQLInputValue[]): unknown {
  return Object.values(statement.get(...values) ?? {})[0];
}

function translating<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toSqlError(error);
  }
}

const CONSTRAINT = 19;
const TOO_BIG = 18;

function toSqlError(error: unknown): unknown {
  const isSqlites = error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
  if (!isSqlites) return error;
  return new SqlError(error.message, kindOf((error.errcode as number) & 0xff), null);
}

function kindOf(code: number): SqlErrorKind {
  if (code === CONSTRAINT) return 'constraint';
  return code === TOO_BIG ? 'too-big' : 'other';
}

/** Puts a virtual clock in place of SQLite's, for triggers that ask it the time. Dates given are computed as ever. */
function replaceClock(database: DatabaseSync, now: () => number): void {
  const plain = new DatabaseSync(':memory:');
  database.function('unixepoch', { varargs: true }, (...args) => {
    if (args.length === 1 && args[0] === 'subsec') return now() / 1000;
    if (args.length === 0) return BigInt(Math.floor(now() / 1000));
    const marks = args.map(() => '?').join(', ');
    return oneValue(plain.prepare(`SELECT unixepoch(${marks})`), ...args) as SQLInputValue;
  });
}
