import { assert } from '../assert.ts';
import type { Log } from '../log/log.ts';
import type { ChainEnd } from '../log/entry.ts';
import type { Sql } from '../ports.ts';
import { hasSnapshot, needSnapshot, snapshotNeed, type SnapshotNeed } from '../protocol/assigned.ts';
import type { CopyReply, CopyRequest } from '../protocol/messages.ts';
import { DivergenceError } from '../tables/apply.ts';
import { Installation } from '../tables/installation.ts';
import { receive } from './receive.ts';

/** The first of ever longer waits after a copy that could not be taken. */
const BROKEN_WAIT_MS = 60_000;
const BROKEN_WAIT_MS_MAX = 6 * 60 * 60 * 1000;

type Taken = Extract<CopyReply, { kind: 'start' | 'piece' }>;

/**
 * Takes a snapshot over, piece by piece. Each piece is durable with the place that it reaches, so after any crash it goes on from
 * there; until the last one this replica serves nothing, so no half of an install is ever taken for the whole.
 */
export class Installer {
  readonly #sql: Sql;
  readonly #log: Log;
  #need: SnapshotNeed | null;
  #installation: Installation | null;
  #startsOver: boolean;

  constructor(sql: Sql, log: Log) {
    this.#sql = sql;
    this.#log = log;
    this.#need = snapshotNeed(sql);
    this.#startsOver = this.#need?.startsOver ?? false;
    this.#installation = Installation.load(sql);
  }

  /** Whether this replica can go on only from a snapshot. */
  get isNeeded(): boolean {
    return this.#need !== null;
  }

  /** No copy is to be asked for before this. */
  get notBefore(): number {
    return this.#need?.notBefore ?? 0;
  }

  /** Where this replica's own log ends; null where what it had is gone. */
  get has(): ChainEnd | null {
    return this.isRunning ? null : this.#log.end;
  }

  /** Whether its tables are those of no position. */
  get isRunning(): boolean {
    return this.#installation !== null;
  }

  /** Where the rows that are here already are; null where the log says it. */
  get end(): ChainEnd | null {
    return this.#installation?.end ?? null;
  }

  get detail(): string | null {
    const reason = this.#need?.reason ?? null;
    if (this.#installation === null) return reason;
    const { tables, tablesCopied, rowsCopied } = this.#installation.progress;
    const progress = `${rowsCopied} rows copied, ${tablesCopied} of ${tables} tables complete`;
    return reason === null ? progress : `${progress}; ${reason}`;
  }

  need(reason: string): void {
    this.#save({ reason, failures: 0, notBefore: 0, startsOver: false });
  }

  /** What came could not be taken, and would not be the next time: to be tried again when something may have changed. */
  broke(reason: string, now: number): void {
    const failures = (this.#need?.failures ?? 0) + 1;
    const notBefore = now + Math.min(BROKEN_WAIT_MS_MAX, BROKEN_WAIT_MS * 2 ** (failures - 1));
    this.#save({ reason: `the last copy failed: ${reason}`, failures, notBefore, startsOver: true });
    this.startOver();
  }

  #save(need: SnapshotNeed): void {
    needSnapshot(this.#sql, need);
    this.#need = need;
  }

  /** What to ask for next. */
  get from(): CopyRequest['from'] {
    const running = this.#installation;
    return running === null || this.#startsOver ? null : { end: running.end, place: running.place };
  }

  /** The next piece is asked for from the beginning; what is here stays, as the disk has it, until that has come. */
  startOver(): void {
    this.#installation = Installation.load(this.#sql);
    this.#startsOver = true;
  }

  /**
   * Whether this answers a question of before: one that was asked before a failed step made this replica load itself again.
   * Taken, it would lead what is here back to a position that it has left, or drop it.
   */
  isLate(reply: CopyReply): boolean {
    if (reply.kind === 'start') return this.from !== null;
    return reply.kind === 'piece' && JSON.stringify(reply.from) !== JSON.stringify(this.from);
  }

  /**
   * Inside a transaction. True where the snapshot is complete, and this replica's tables are those of a position again.
   * @throws DivergenceError, EntryFormatError, SqlError: nothing of the piece may stay
   */
  take(reply: Taken, knownAt: number): boolean {
    if (reply.kind === 'start') {
      this.#startsOver = false;
      this.#installation = Installation.begin(this.#sql, reply.start, reply.end);
      if (this.#need?.startsOver === true) this.#save({ ...this.#need, startsOver: false });
      return false;
    }
    const running = this.#installation;
    assert(running !== null, 'a piece follows the start');
    running.advance(this.#entries(reply.text, running.end), reply.end, reply.piece);
    if (!running.isComplete) return false;
    running.finish();
    this.#log.beginAfter(running.end, knownAt);
    hasSnapshot(this.#sql);
    this.#need = null;
    this.#installation = null;
    return true;
  }

  #entries(text: string | null, end: ChainEnd) {
    if (text === null) return [];
    const received = receive(text, end);
    if (received.kind === 'next') return received.entries.map(({ entry }) => entry);
    throw new DivergenceError(
      received.kind === 'gap' ? 'the entries do not follow the copied rows' : received.detail,
    );
  }
}
