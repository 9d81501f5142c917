import type { Sql, SqlCursor, SqlValue } from '../../shared/ports.ts';

/** What an instance gets at its storage once another has taken its place. */
export class Replaced extends Error {
  override readonly name = 'Replaced';
}

/** Storage of which an instance may lose hold. */
export class RevocableSql implements Sql {
  readonly #sql: Sql;
  #isRevoked = false;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  revoke(): void {
    this.#isRevoked = true;
  }

  exec(text: string, ...bindings: readonly SqlValue[]): SqlCursor {
    if (this.#isRevoked) throw new Replaced('another instance has taken over');
    return this.#sql.exec(text, ...bindings);
  }

  transaction<T>(work: () => T): T {
    if (this.#isRevoked) throw new Replaced('another instance has taken over');
    return this.#sql.transaction(work);
  }
}
