import type { LogLimits } from '../limits.ts';
import type { Log } from '../log/log.ts';
import { Retention } from '../log/retention.ts';
import { type Lsn, LSN_ZERO } from '../lsn.ts';
import type { Position } from '../position.ts';
import { type Sql, SqlError } from '../ports.ts';
import type { Assigned } from '../protocol/assigned.ts';
import type { AppendReply, Batch } from '../protocol/messages.ts';
import type { Durability } from '../protocol/settings.ts';
import { Applier, DivergenceError } from '../tables/apply.ts';
import { keepRequest } from '../tables/requests.ts';
import { LeaderClock } from './clock.ts';
import { type ReceivedEntry, receive } from './receive.ts';

/** What became of a batch: nothing was wrong with it, or it is answered with why not. */
export type Taken =
  | { readonly kind: 'taken'; readonly entries: readonly ReceivedEntry[] }
  | { readonly kind: 'not taken'; readonly reply: AppendReply };

/** What came from the leader and is here: rows, log, and what was said of the leader's time and of what is settled. */
export class Intake {
  readonly #sql: Sql;
  readonly #log: Log;
  readonly #retention: Retention;
  readonly #durability: Durability;
  readonly clock: LeaderClock;
  #applier: Applier;
  #head: Position;
  #settled: Lsn;
  #last: Batch | null = null;
  #failure: string | null = null;

  constructor(
    sql: Sql,
    log: Log,
    { assigned, limits }: { readonly assigned: Assigned; readonly limits: LogLimits },
  ) {
    this.#sql = sql;
    this.#log = log;
    this.#retention = new Retention(log, limits);
    this.#durability = assigned.assignment.durability;
    this.#applier = new Applier(sql);
    this.clock = new LeaderClock(log.knownAt ?? assigned.at);
    this.#head = log.position;
    this.#settled = this.#surelySettled();
  }

  /** How far the leader was, as far as this follower has heard. */
  get head(): Position {
    return this.#head;
  }

  /** What this replica has up to here is as durable as the database asks, as far as it was told since it woke. */
  get settled(): Lsn {
    return this.#settled;
  }

  /** The newest of what came from the leader since this replica woke, or has its tables; for the siblings. */
  get last(): Batch | null {
    return this.#last;
  }

  /** Why the last entries could not be applied; null where they were. */
  get failure(): string | null {
    return this.#failure;
  }

  /** What comes is in a form that this code does not know. */
  failed(detail: string): void {
    this.#failure = detail;
  }

  /** Of the leader that this follower has, and which goes on from where it is. */
  take(batch: Batch, now: number): Taken {
    const received =
      batch.text === null ? ({ kind: 'next', entries: [] } as const) : receive(batch.text, this.#log.end);
    if (received.kind === 'gap') return { kind: 'not taken', reply: { kind: 'gap', applied: this.#log.end } };
    const failure = received.kind === 'refused' ? received.detail : this.#apply(received.entries, batch, now);
    this.#failure = failure;
    if (failure !== null) return { kind: 'not taken', reply: { kind: 'failed', detail: failure } };
    this.#head = batch.head;
    this.#last = batch;
    if (batch.settled > this.#settled) this.#settled = batch.settled;
    this.clock.caughtUp(this.#knownThen(batch, this.#log.end.lsn, now));
    return { kind: 'taken', entries: received.kind === 'next' ? received.entries : [] };
  }

  /** The tables are others than this object has seen. `knownAt`: a time at which the leader was no further; null for as before. */
  begun(knownAt: number | null): void {
    this.#failure = null;
    this.#applier = new Applier(this.#sql);
    if (knownAt !== null) this.clock.caughtUp(knownAt);
    this.#last = null;
    this.#head = this.#log.position;
    this.#settled = this.#surelySettled();
  }

  /** What will be known of the leader once this replica is at `lsn`. */
  #knownThen({ head, leader_now, is_leased }: Batch, lsn: Lsn, now: number): number {
    return is_leased && lsn >= head.lsn ? this.clock.knownThen(leader_now, now) : this.clock.knownAt;
  }

  /** Rows, request ids and log in one transaction. Null, or why nothing was applied. */
  #apply(entries: readonly ReceivedEntry[], batch: Batch, now: number): string | null {
    const last = entries.at(-1);
    if (last === undefined) return null;
    try {
      this.#sql.transaction(() => {
        this.#applier.apply(entries.map(({ entry }) => entry.changes));
        for (const { entry } of entries) {
          if (entry.request === null) continue;
          keepRequest(this.#sql, entry.request, { lsn: entry.position.lsn, time: entry.time, in: 'log' });
        }
        this.#log.append(entries, this.#knownThen(batch, last.end.lsn, now));
      });
    } catch (error) {
      if (!(error instanceof DivergenceError || error instanceof SqlError)) throw error;
      this.#applier = new Applier(this.#sql);
      return error.message;
    }
    this.#retention.grown(() => [batch.kept_after], now);
    return null;
  }

  /** Of what is here, without asking: how many copies a majority or all are, only the leader knows for sure. */
  #surelySettled(): Lsn {
    const isEnough = this.#durability === 'async' || this.#durability === 'semi-sync';
    return isEnough ? this.#log.end.lsn : LSN_ZERO;
  }
}
