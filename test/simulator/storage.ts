import type { StatementSync } from 'node:sqlite';
import type { Sql, SqlCursor, SqlValue } from '../../shared/ports.ts';
import { NodeSql } from './node-sql.ts';

/** What a step fails with when the world wants it to. Not SQLite's, so no core may take it for a user's mistake. */
export class InjectedFault extends Error {
  override readonly name = 'InjectedFault';
}

export interface StorageOptions {
  readonly now: () => number;
  /** What RANDOM() gives, and randomblob() is made of. */
  readonly random: () => bigint;
}

/**
 * One replica's SQLite, with what makes it a Durable Object's: writes gather in a transaction that is durable
 * only when `commit` ends it, and all that stands in it is lost by `lose`, as in a crash. Transactions of the
 * core are savepoints in it.
 */
export class Storage implements Sql {
  readonly #options: StorageOptions;
  #node: NodeSql;
  readonly #controls = new Map<string, StatementSync>();
  #isOpen = false;
  #depth = 0;
  /** Uses of SQL until the armed fault; null where none is armed. */
  #usesLeft: number | null = null;

  constructor(options: StorageOptions) {
    this.#options = options;
    this.#node = newNode(options);
  }

  exec(text: string, ...bindings: readonly SqlValue[]): SqlCursor {
    if (this.#usesLeft !== null && (this.#usesLeft -= 1) < 0) this.fireArmed();
    return this.#node.exec(text, ...bindings);
  }

  transaction<T>(work: () => T): T {
    const savepoint = `tidemark_${this.#depth}`;
    this.#control(`SAVEPOINT ${savepoint}`);
    this.#depth += 1;
    try {
      const result = work();
      this.#control(`RELEASE ${savepoint}`);
      return result;
    } catch (error) {
      this.#control(`ROLLBACK TO ${savepoint}`);
      this.#control(`RELEASE ${savepoint}`);
      throw error;
    } finally {
      this.#depth -= 1;
    }
  }

  #control(text: string): void {
    let statement = this.#controls.get(text);
    if (statement === undefined) this.#controls.set(text, (statement = this.#node.database.prepare(text)));
    statement.run();
  }

  /** Everything written from here on is durable only after `commit`. */
  open(): void {
    if (this.#isOpen) return;
    this.#control('BEGIN');
    this.#isOpen = true;
  }

  commit(): void {
    if (!this.#isOpen) return;
    this.#control('COMMIT');
    this.#isOpen = false;
  }

  lose(): void {
    if (!this.#isOpen) return;
    this.#control('ROLLBACK');
    this.#isOpen = false;
  }

  /** Deletes everything, at once and for good. */
  erase(): void {
    this.close();
    this.#node = newNode(this.#options);
    this.#isOpen = false;
  }

  /** Makes the step that follows fail after so many uses of SQL, or at its end; null: not at all. */
  arm(uses: number | null): void {
    this.#usesLeft = uses;
  }

  /** The end of a step: an armed fault that has not come yet comes now. */
  fireArmed(): void {
    if (this.#usesLeft === null) return;
    this.#usesLeft = null;
    throw new InjectedFault('the world made this step fail');
  }

  close(): void {
    this.#controls.clear();
    this.#node.close();
  }
}

function newNode({ now, random }: StorageOptions): NodeSql {
  const node = new NodeSql({ now, reads: 'at once' });
  node.database.function('random', random);
  node.database.function('randomblob', (bytes) =>
    Uint8Array.from({ length: Math.max(1, Number(bytes)) }, () => Number(random() & 0xffn)),
  );
  return node;
}
