import { type ChainEnd, decodeEntry, type RecordedRequest } from '../../shared/log/entry.ts';
import { createLog, Log } from '../../shared/log/log.ts';
import { EPOCH_FIRST } from '../../shared/lsn.ts';
import { first, type Sql } from '../../shared/ports.ts';
import { installCapture } from '../../shared/tables/capture.ts';
import { digest } from '../../shared/tables/digest.ts';
import { type InstallProgress, Installation } from '../../shared/tables/installation.ts';
import { createRequests, keepRequest } from '../../shared/tables/requests.ts';
import { createSchemaView } from '../../shared/tables/schema.ts';
import {
  type CopyPlace,
  type PieceBound,
  type PieceRows,
  readPiece,
  readStart,
  type SnapshotStart,
} from '../../shared/tables/snapshot.ts';
import { UserTransactions } from '../../shared/tables/transaction.ts';
import type { Statement } from '../../shared/tables/values.ts';

/** One database, wherever it is: each `work` is one turn. */
export interface Side {
  run<T>(work: (sql: Sql) => T): Promise<T>;
}

export interface Reply {
  readonly texts: readonly string[];
  readonly end: ChainEnd;
  readonly piece: PieceRows | null;
}

/** Storage as every replica has it. */
export function makeReplica(sql: Sql): void {
  createLog(sql);
  createSchemaView(sql);
  createRequests(sql);
}

/** A leader without anything about leadership: statements in, entries out. */
export class Writer {
  readonly #sql: Sql;
  readonly #log: Log;
  readonly #transactions: UserTransactions;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#log = new Log(sql);
    this.#transactions = new UserTransactions(sql);
  }

  static begin(sql: Sql): void {
    makeReplica(sql);
    new Log(sql).beginLeading();
    installCapture(sql);
  }

  /** Null, or why nothing was done. */
  write(statements: readonly Statement[], request: RecordedRequest | null = null): string | null {
    try {
      this.#sql.transaction(() => {
        const captured = this.#log.capture();
        this.#transactions.run(statements, captured);
        const changes = captured.read();
        const last = changes.at(-1);
        if (last === undefined) return;
        const lsn = (this.#log.end.lsn + 1) as ChainEnd['lsn'];
        if (request !== null) keepRequest(this.#sql, request, { lsn, time: last.time, in: 'log' });
        this.#log.close(EPOCH_FIRST, changes, { request, user: null });
      });
      return null;
    } catch (error) {
      this.#transactions.rolledBack();
      return String(error);
    }
  }

  get end(): ChainEnd {
    return this.#log.end;
  }

  start(): { readonly start: SnapshotStart; readonly end: ChainEnd } {
    return { start: readStart(this.#sql), end: this.end };
  }

  /** At most `entries` entries, and rows only behind the last of them. */
  reply(from: ChainEnd, place: CopyPlace, bound: PieceBound & { readonly entries: number }): Reply {
    const entries = this.#log.readAfter(from.lsn, { entries: bound.entries, chars: Infinity }) ?? [];
    const end = entries.at(-1)?.end ?? from;
    const piece = end.lsn === this.end.lsn ? readPiece(this.#sql, place, bound) : null;
    return { texts: entries.map(({ text }) => text), end, piece };
  }
}

export function take(installation: Installation, { texts, end, piece }: Reply): void {
  installation.advance(
    texts.map((text) => decodeEntry(text)),
    end,
    piece,
  );
}

/** SQL for rows with the keys `from` to `to`. */
export function insertRows(table: string, from: number, to: number): string {
  return `INSERT INTO ${table} WITH RECURSIVE n (i) AS (VALUES (${from}) UNION ALL SELECT i + 1 FROM n WHERE i < ${to}) SELECT i, 'v' || i FROM n`;
}

export const ONE_ROW = { rows: 1, chars: 1_000_000 };
export const ALL_ROWS = { rows: 1_000_000, chars: 1_000_000_000 };

/** A leader and a follower that installs, by turns. The follower is loaded anew for each of them. */
export class Copying {
  readonly leader: Side;
  readonly follower: Side;

  constructor(leader: Side, follower: Side) {
    this.leader = leader;
    this.follower = follower;
  }

  async make(): Promise<void> {
    await this.leader.run((sql) => sql.transaction(() => Writer.begin(sql)));
    await this.follower.run((sql) => sql.transaction(() => makeReplica(sql)));
  }

  /** One transaction, which must be taken. */
  async write(...texts: readonly string[]): Promise<void> {
    await this.request(null, ...texts);
  }

  async request(request: RecordedRequest | null, ...texts: readonly string[]): Promise<void> {
    const statements = texts.map((sql) => ({ sql, params: [] }));
    const failed = await this.leader.run((sql) => new Writer(sql).write(statements, request));
    if (failed !== null) throw new Error(`${texts.join('; ')}: ${failed}`);
  }

  async begin(): Promise<void> {
    const { start, end } = await this.leader.run((sql) => new Writer(sql).start());
    await this.follower.run((sql) => sql.transaction(() => Installation.begin(sql, start, end)));
  }

  /** One piece; true where all is here then. */
  async step(bound: PieceBound = ONE_ROW): Promise<boolean> {
    const { end, place } = await this.#load();
    const reply = await this.leader.run((sql) =>
      new Writer(sql).reply(end, place, { entries: Infinity, ...bound }),
    );
    return this.follower.run((sql) =>
      sql.transaction(() => {
        const installation = Installation.load(sql);
        if (installation === null) throw new Error('no installation');
        take(installation, reply);
        return installation.isComplete;
      }),
    );
  }

  async steps(count: number, bound: PieceBound = ONE_ROW): Promise<void> {
    for (let i = 0; i < count; i += 1) await this.step(bound);
  }

  /** To the end, and gives how many pieces it took. */
  async finish(bound: PieceBound = ONE_ROW): Promise<number> {
    for (let count = 1; ; count += 1) {
      if (!(await this.step(bound))) continue;
      await this.follower.run((sql) => sql.transaction(() => Installation.load(sql)?.finish()));
      return count;
    }
  }

  async #load(): Promise<{ end: ChainEnd; place: CopyPlace }> {
    return this.follower.run((sql) => {
      const installation = Installation.load(sql);
      if (installation === null) throw new Error('no installation');
      const { end, place } = installation;
      return { end, place };
    });
  }

  async progress(): Promise<InstallProgress | null> {
    return this.follower.run((sql) => Installation.load(sql)?.progress ?? null);
  }

  async place(): Promise<CopyPlace> {
    return (await this.#load()).place;
  }

  async digests(): Promise<readonly [leader: string, follower: string]> {
    return [await this.leader.run(digest), await this.follower.run(digest)];
  }

  async value(side: 'leader' | 'follower', text: string): Promise<unknown> {
    return this[side].run((sql) => first(sql, text)?.[0] ?? null);
  }
}

/** Each on an empty leader and an empty follower; afterwards both must be alike. */
export type CopyCase = (copying: Copying) => Promise<void>;
