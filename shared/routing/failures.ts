import type { Failure } from '../failure.ts';
import type { ReplicaAnswer } from '../protocol/messages.ts';

// What a caller is told when the world did not answer as it should.

export function unavailable(): Failure {
  return {
    code: 'unavailable',
    detail: 'The database cannot be reached just now. The request was not applied; try it again shortly.',
  };
}

export function overloaded(): Failure {
  return {
    code: 'overloaded',
    detail:
      'The database has more requests than it can serve. This one was not applied; try it again shortly, and less often.',
  };
}

export function outcomeUnknown(): Failure {
  return {
    code: 'outcome-unknown',
    detail:
      'The answer was lost, so the request may have been applied or not. A retry with the same Idempotency-Key is ' +
      'applied once at most; without such a key, read what is there before trying again.',
  };
}

type Failed = Extract<ReplicaAnswer, { kind: 'failed' }>;

// The same as answers in place of a replica's, whose position nobody knows.
export const NOT_SERVED: Failed = { kind: 'failed', failure: unavailable(), position: null };
export const TURNED_AWAY: Failed = { kind: 'failed', failure: overloaded(), position: null };
export const UNKNOWN: Failed = { kind: 'failed', failure: outcomeUnknown(), position: null };
