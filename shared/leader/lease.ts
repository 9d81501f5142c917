import { LEASE_MARGIN_MS, LEASE_MS, RETRY_MS_MIN } from '../limits.ts';
import type { Assignment } from '../protocol/assignment.ts';

import { LEASE_VERSION, type LeaseReply, type LeaseRequest } from '../protocol/directory.ts';

export interface LeaseAsk {
  readonly kind: 'lease';
  readonly request: LeaseRequest;
  /** By this replica's clock in milliseconds, for the event that brings the reply. */
  readonly askedAt: number;
}

/** An ask that has not been answered within this is taken as lost. */
export const LEASE_ASK_MS = 2_000;

/**
 * Until when this leader may answer. Counted from when it asked, which was before the directory granted, so that only the rate at
 * which clocks go matters, and not what they say. In memory only: a leader that was loaded again has none, and asks.
 */
export class Lease {
  readonly #request: LeaseRequest;
  #until = -Infinity;
  /** The last that was granted in full, for half of it may pass before the next is asked for. */
  #halfAt = -Infinity;
  /** When the ask was made that is not answered; null where none is. */
  #askedAt: number | null = null;
  #notBefore = -Infinity;
  /** The latest time that was ever read: a clock that shows an earlier one has been set back, by nobody knows how much. */
  #latest = -Infinity;

  constructor({ self, epoch }: Assignment) {
    const replica = { name: self.name, region: self.region };
    this.#request = { version: LEASE_VERSION, replica, epoch };
  }

  isHeld(now: number): boolean {
    if (now < this.#latest) this.void();
    this.#latest = now;
    return now < this.#until;
  }

  /** Asks for one, or the next, where that is due. Call only where somebody needs it: an idle leader has none. */
  ask(now: number): LeaseAsk[] {
    if (this.isHeld(now) && now < this.#halfAt) return [];
    const isAsking = this.#askedAt !== null && now - this.#askedAt < LEASE_ASK_MS;
    if (isAsking || now < this.#notBefore) return [];
    this.#askedAt = now;
    return [{ kind: 'lease', request: this.#request, askedAt: now }];
  }

  /** When to ask again, where somebody waits for one; null while an ask is open, of which the shell tells what became, within LEASE_ASK_MS. */
  nextAsk(now: number): number | null {
    return this.#askedAt === null ? Math.max(this.#notBefore, now + 1) : null;
  }

  /** An answer to what was asked before the clock was set, or before this ask, says nothing: then false. */
  answered(askedAt: number, reply: LeaseReply, now: number): boolean {
    this.isHeld(now);
    if (this.#askedAt !== askedAt) return false;
    this.#askedAt = null;
    if (reply.kind === 'granted' && askedAt <= now) this.#granted(askedAt, reply.ms);
    else this.failed(askedAt, now);
    return true;
  }

  #granted(askedAt: number, ms: number): void {
    this.#notBefore = -Infinity;
    this.#until = Math.max(this.#until, askedAt + ms - LEASE_MARGIN_MS);
    this.#halfAt = Math.max(this.#halfAt, askedAt + ms - LEASE_MS / 2);
  }

  failed(askedAt: number, now: number): void {
    if (this.#askedAt === askedAt) this.#askedAt = null;
    if (this.#askedAt !== null) return;
    this.#notBefore = now + RETRY_MS_MIN;
  }

  /** It may not be one: somebody has heard of a newer epoch, or the clock says nothing any more. */
  void(): void {
    this.#until = -Infinity;
    this.#halfAt = -Infinity;
    this.#askedAt = null;
    this.#notBefore = -Infinity;
  }
}
