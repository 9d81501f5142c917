/** What SQLite stores, as JavaScript sees it. A `number` binds as REAL; integers are bound as digits. */
export type SqlValue = string | number | null | Uint8Array;

export type SqlRow = readonly SqlValue[];

/** The rows of one statement. Read them to the end, or stop, before the next statement runs. */
export interface SqlCursor extends Iterable<SqlRow> {
  readonly columns: readonly string[];
  /** Rows read and written so far, triggers and indexes included; complete once the rows are read. */
  readonly rowsRead: number;
  readonly rowsWritten: number;
  /** All rows at once: cheaper than one by one, where they are known to be few. */
  toArray(): SqlRow[];
}

/**
 * The only door of the core to the world: one SQLite database, synchronous.
 * Statements are cached by text, so texts are few and values are bound.
 */
export interface Sql {
  /** Runs one statement. @throws SqlError */
  exec(text: string, ...bindings: readonly SqlValue[]): SqlCursor;
  /** Runs `work` all or nothing. Nests: an inner one that throws undoes only itself. */
  transaction<T>(work: () => T): T;
}

export type SqlErrorKind = 'constraint' | 'too-big' | 'other';

/** What SQLite said, the same words from every adapter. */
export class SqlError extends Error {
  override readonly name = 'SqlError';
  readonly kind: SqlErrorKind;
  /** Where in the statement, in UTF-8 bytes, if SQLite knows. */
  readonly offset: number | null;

  constructor(message: string, kind: SqlErrorKind, offset: number | null) {
    super(message);
    this.kind = kind;
    this.offset = offset;
  }
}

/** Runs one statement that gives nothing back. */
export function run(sql: Sql, text: string, ...bindings: readonly SqlValue[]): void {
  sql.exec(text, ...bindings).toArray();
}

/** All rows of one statement. */
export function all(sql: Sql, text: string, ...bindings: readonly SqlValue[]): SqlRow[] {
  return sql.exec(text, ...bindings).toArray();
}

/** The first row of one statement, or null. */
export function first(sql: Sql, text: string, ...bindings: readonly SqlValue[]): SqlRow | null {
  return all(sql, text, ...bindings)[0] ?? null;
}
