import { cutOff, type EpochBegin } from '../log/history.ts';
import type { Log } from '../log/log.ts';
import type { Lsn } from '../lsn.ts';
import type { Sql } from '../ports.ts';
import type { Assignment } from '../protocol/assignment.ts';
import { keepLost, rollBack } from '../tables/rollback.ts';

/** What one turn undoes or keeps: few enough that others have theirs in between. */
const CHUNK = { entries: 500, chars: 1024 * 1024 };

/**
 * Leads a replica back that holds what a failover cut off: an old leader, or a follower that was out of reach. A piece at a time,
 * each durable with the place that it reaches, so after any crash it goes on from there; until it is there it serves nothing.
 */
export class RollingBack {
  readonly #sql: Sql;
  readonly #log: Log;
  readonly #assignment: Assignment;
  /** Why the rest cannot be undone, and up to where it is kept. In memory only: whoever forgets it finds it out again. */
  #givenUp: { readonly reason: string; readonly keptUpTo: Lsn } | null = null;

  constructor(sql: Sql, log: Log, assignment: Assignment) {
    this.#sql = sql;
    this.#log = log;
    this.#assignment = assignment;
  }

  /** Whether the end of the log is a place that a failover cut off. */
  get isCutOff(): boolean {
    return this.#cut !== null;
  }

  /** And there is something to undo, or to keep. */
  get isNeeded(): boolean {
    if (this.#givenUp !== null && this.#givenUp.keptUpTo >= this.#log.end.lsn) return false;
    return this.isCutOff;
  }

  /** Undoes some, or keeps some of what cannot be undone. Where that is all, and nothing can be undone, why. */
  goOn(): string | null {
    const cut = this.#cut;
    if (cut === null) return null;
    const { after, epoch: lostBy } = cut;
    if (this.#givenUp === null) {
      const done = rollBack(this.#sql, this.#log, { to: after, lostBy }, CHUNK);
      if (done.kind === 'impossible') this.#givenUp = { reason: done.reason, keptUpTo: after.lsn };
      return null;
    }
    const { reason, keptUpTo } = this.#givenUp;
    const next = keepLost(this.#sql, this.#log, { from: keptUpTo, lostBy }, CHUNK);
    this.#givenUp = { reason, keptUpTo: next };
    return next >= this.#log.end.lsn ? reason : null;
  }

  get #cut(): EpochBegin | null {
    return cutOff(this.#assignment.history, this.#log.position)?.by ?? null;
  }
}
