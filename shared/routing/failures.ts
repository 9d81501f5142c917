import type { Failure } from '../failure.ts';

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
