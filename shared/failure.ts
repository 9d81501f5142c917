import type { Epoch, Lsn } from './lsn.ts';
import type { Position } from './position.ts';

/**
 * Everything that can go wrong for a caller, as a closed union. `detail` says what happened and what to
 * do about it, and names nothing internal. Each edge has one total table over the codes.
 */
export type Failure =
  | { readonly code: 'invalid-request'; readonly detail: string }
  | { readonly code: 'sql-error'; readonly detail: string; readonly offset?: number }
  | { readonly code: 'sql-not-allowed'; readonly detail: string }
  | { readonly code: 'constraint'; readonly detail: string }
  | { readonly code: 'token-invalid'; readonly detail: string }
  | { readonly code: 'unauthorized'; readonly detail: string }
  | { readonly code: 'forbidden'; readonly detail: string }
  | { readonly code: 'database-not-found'; readonly detail: string }
  | { readonly code: 'not-found'; readonly detail: string }
  | { readonly code: 'database-exists'; readonly detail: string }
  | { readonly code: 'follower-exists'; readonly detail: string }
  | { readonly code: 'failover-refused'; readonly detail: string }
  | { readonly code: 'lost-entry-conflict'; readonly detail: string }
  | { readonly code: 'idempotency-conflict'; readonly detail: string }
  | {
      readonly code: 'session-lost';
      readonly detail: string;
      readonly lost: { readonly epoch: Epoch; readonly from_lsn: Lsn; readonly to_lsn: Lsn };
    }
  | { readonly code: 'too-large'; readonly detail: string; readonly limit: number }
  | { readonly code: 'overloaded'; readonly detail: string }
  | { readonly code: 'not-configured'; readonly detail: string }
  | { readonly code: 'unavailable'; readonly detail: string }
  /** `position`: where the write stands if it was applied, and stays unless a failover loses it; missing where nobody knows. */
  | { readonly code: 'outcome-unknown'; readonly detail: string; readonly position?: Position }
  | { readonly code: 'behind'; readonly detail: string };

export type FailureCode = Failure['code'];

/** Carries a failure out of nested calls; caught where an answer is made. Not a bug: see assert.ts. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(`${failure.code}: ${failure.detail}`);
    this.failure = failure;
  }
}

export function refuse(failure: Failure): never {
  throw new Refusal(failure);
}
