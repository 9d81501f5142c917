import type { Sql, SqlCursor, SqlRow, SqlValue } from '../shared/ports.ts';
import { sqlErrorFrom } from '../shared/sql-errors.ts';

type Cell = ArrayBuffer | string | number | null;

/** The `Sql` port over one object's storage, and the few other things that objects do with it. */
export class StorageSql implements Sql {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  #open: StorageCursor | null = null;

  constructor(ctx: DurableObjectState) {
    this.#storage = ctx.storage;
    this.#sql = ctx.storage.sql;
    this.#prepareConnection();
  }

  exec(text: string, ...bindings: readonly SqlValue[]): SqlCursor {
    this.#finishCursor();
    try {
      this.#open = new StorageCursor(this.#sql.exec(text, ...bindings));
      return this.#open;
    } catch (error) {
      throw translated(error);
    }
  }

  transaction<T>(work: () => T): T {
    this.#finishCursor();
    let worked = false;
    try {
      return this.#storage.transactionSync(() => {
        try {
          const result = work();
          worked = true;
          return result;
        } finally {
          this.#finishCursor();
        }
      });
    } catch (error) {
      // What `work` threw is the caller's own; only what the commit threw is SQLite's.
      throw worked ? translated(error) : error;
    }
  }

  /** What is stored, free pages included. */
  get bytes(): number {
    return this.#sql.databaseSize;
  }

  /** The object's one alarm, in milliseconds since 1970; null takes it away. Each call is a row written. */
  async setAlarm(at: number | null): Promise<void> {
    await (at === null ? this.#storage.deleteAlarm() : this.#storage.setAlarm(at));
  }

  /**
   * Removes every row, every table and the alarm. Nothing may come between the caller's last look at its
   * state and the removal, or it would take away what another event has just written; so no await before it.
   */
  async erase(): Promise<void> {
    const erased = this.#storage.deleteAll();
    this.#prepareConnection();
    await erased;
  }

  /**
   * A statement that writes counts as running until its last RETURNING row was read. A savepoint or a commit
   * meanwhile fails with SQLITE_BUSY, and the object is reset under everybody who uses it.
   */
  #finishCursor(): void {
    const cursor = this.#open;
    this.#open = null;
    if (cursor?.isFinished === false) cursor.finish(() => this.#abortReads());
  }

  /** A change of the schema that is undone makes SQLite abort every statement that is still reading. */
  #abortReads(): void {
    try {
      this.#storage.transactionSync(() => {
        this.#sql.exec('CREATE TABLE _tidemark_abort (nothing)');
        throw new Error('only to be undone');
      });
    } catch {
      // As meant.
    }
  }

  /**
   * The setting is the connection's and off by default. Without it REPLACE deletes rows and no DELETE
   * trigger fires, so the log would miss those deletes and followers would keep the rows.
   */
  #prepareConnection(): void {
    this.#sql.exec('PRAGMA recursive_triggers=ON');
  }
}

class StorageCursor implements SqlCursor {
  readonly #cursor: SqlStorageCursor<Record<string, Cell>>;
  #finished = false;

  constructor(cursor: SqlStorageCursor<Record<string, Cell>>) {
    this.#cursor = cursor;
  }

  get columns(): readonly string[] {
    return this.#cursor.columnNames;
  }

  get rowsRead(): number {
    return this.#cursor.rowsRead;
  }

  get rowsWritten(): number {
    return this.#cursor.rowsWritten;
  }

  // A row can fail after the ones before it were given out, so reading is guarded as well as `exec`.
  *[Symbol.iterator](): Iterator<SqlRow> {
    try {
      for (const row of this.#cursor.raw()) yield row.some(isBuffer) ? row.map(fromCell) : (row as SqlRow);
      this.#finished = true;
    } catch (error) {
      this.#finished = true;
      throw translated(error);
    }
  }

  toArray(): SqlRow[] {
    this.#finished = true;
    try {
      const rows = [...this.#cursor.raw()];
      return rows.some((row) => row.some(isBuffer))
        ? rows.map((row) => row.map(fromCell))
        : (rows as SqlRow[]);
    } catch (error) {
      throw translated(error);
    }
  }

  get isFinished(): boolean {
    return this.#finished;
  }

  /**
   * Ends a statement whose rows were not all read. One that wrote is read to its end. A query could have no end, and
   * left as it is it would lock its tables against every later change of the schema: it is aborted.
   */
  finish(abortReads: () => void): void {
    this.#finished = true;
    const isQuery = this.#cursor.rowsWritten === 0;
    if (isQuery) abortReads();
    try {
      for (const _row of this.#cursor.raw()) if (isQuery) return;
    } catch (error) {
      if (!isQuery) throw error;
    }
  }
}

function isBuffer(cell: Cell): cell is ArrayBuffer {
  return cell instanceof ArrayBuffer;
}

function fromCell(cell: Cell): SqlValue {
  return isBuffer(cell) ? new Uint8Array(cell) : cell;
}

/** What the statement is at fault for becomes an `SqlError`; a reset of the object goes on as it is. */
function translated(error: unknown): unknown {
  if (!(error instanceof Error) || !/: SQLITE_|^Wrong number of parameter bindings/.test(error.message))
    return error;
  return sqlErrorFrom(error.message);
}
