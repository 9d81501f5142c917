import { Refusal } from '../../shared/failure.ts';
import type { ChainEnd, Origin } from '../../shared/log/entry.ts';
import { createLog, Log } from '../../shared/log/log.ts';
import type { StoredEntry } from '../../shared/log/tail.ts';
import { type Epoch, EPOCH_FIRST } from '../../shared/lsn.ts';
import { all, run, type Sql, SqlError } from '../../shared/ports.ts';
import { Applier } from '../../shared/tables/apply.ts';
import { digest } from '../../shared/tables/digest.ts';
import { createRequests, keepRequest } from '../../shared/tables/requests.ts';
import { beginLeading, endLeading } from '../../shared/tables/roles.ts';
import { createSchemaView } from '../../shared/tables/schema.ts';
import { UserTransactions } from '../../shared/tables/transaction.ts';
import type { Statement } from '../../shared/tables/values.ts';
import { decodeEntry } from '../../shared/log/entry.ts';

/** Tables and log of one replica, without a core around them. */
export class TableReplica<S extends Sql = Sql> {
  readonly sql: S;
  #log: Log;
  #transactions: UserTransactions | null = null;

  constructor(sql: S) {
    this.sql = sql;
    createLog(this.sql);
    createSchemaView(this.sql);
    createRequests(this.sql);
    this.#log = new Log(this.sql);
  }

  get log(): Log {
    return this.#log;
  }

  get end(): ChainEnd {
    return this.#log.end;
  }

  get digest(): string {
    return digest(this.sql);
  }

  /** The names of all that is stored. */
  get content(): unknown {
    return all(this.sql, 'SELECT name, sql FROM sqlite_schema ORDER BY rowid');
  }

  get lostTexts(): unknown[] {
    const text =
      "SELECT group_concat(text, '') FROM (SELECT * FROM _tidemark_lost_entry_parts ORDER BY epoch, lsn, part) GROUP BY epoch, lsn";
    return all(this.sql, text).map(([joined]) => joined);
  }

  lead(): this {
    this.sql.transaction(() => beginLeading(this.sql));
    run(this.sql, 'PRAGMA ignore_check_constraints = OFF');
    return this.reload();
  }

  follow(): this {
    this.sql.transaction(() => endLeading(this.sql));
    return this.reload();
  }

  reload(): this {
    this.#log = new Log(this.sql);
    this.#transactions = null;
    return this;
  }

  /** One transaction of a leader; null where it is refused or changes nothing. */
  tryWrite(
    statements: readonly Statement[],
    origin: Partial<Origin> = {},
    epoch: Epoch = EPOCH_FIRST,
  ): StoredEntry | null {
    this.#transactions ??= new UserTransactions(this.sql);
    try {
      return this.sql.transaction(() => {
        const captured = this.#log.capture();
        this.#transactions?.run(statements, captured);
        const changes = captured.read();
        if (changes.length === 0) return null;
        const entry = this.#log.close(epoch, changes, { request: null, user: null, ...origin });
        const { lsn } = entry.end;
        if (origin.request) keepRequest(this.sql, origin.request, { lsn, time: entry.time, in: 'log' });
        return entry;
      });
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof SqlError)) throw error;
      this.reload();
      return null;
    }
  }

  /** One transaction of a leader, which must change something. */
  write(...texts: readonly string[]): StoredEntry {
    return this.writeAs({}, ...texts);
  }

  writeAs(origin: Partial<Origin> & { readonly epoch?: Epoch }, ...texts: readonly string[]): StoredEntry {
    const { epoch, ...named } = origin;
    const entry = this.tryWrite(
      texts.map((sql) => ({ sql, params: [] })),
      named,
      epoch,
    );
    if (entry === null) throw new Error(`refused: ${texts.join('; ')}`);
    return entry;
  }

  /** Takes an entry as a follower does. */
  append(stored: StoredEntry): void {
    this.sql.transaction(() => {
      const { changes, request, position, time } = decodeEntry(stored.text);
      new Applier(this.sql).apply([changes]);
      if (request !== null) keepRequest(this.sql, request, { lsn: position.lsn, time, in: 'log' });
      this.#log.append([stored], 0);
    });
  }
}
