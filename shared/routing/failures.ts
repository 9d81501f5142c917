import type { Failure } from '../failure.ts';
import type { Position } from '../position.ts';
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

export function outcomeUnknown(): Extract<Failure, { code: 'outcome-unknown' }> {
  return {
    code: 'outcome-unknown',
    detail:
      'The answer was lost, so the request may have been applied or not. A retry with the same Idempotency-Key is ' +
      'applied once at most; without such a key, read what is there before trying again.',
  };
}

function behind(why: string): Failure {
  return { code: 'behind', detail: `${why} Try again, or allow more time with \`Prefer: wait=SECONDS\`.` };
}

type Failed = Extract<ReplicaAnswer, { kind: 'failed' }>;

// The same as answers in place of a replica's, whose position nobody knows.
export const NOT_SERVED: Failed = { kind: 'failed', failure: unavailable(), position: null };
export const TURNED_AWAY: Failed = { kind: 'failed', failure: overloaded(), position: null };
export const UNKNOWN: Failed = { kind: 'failed', failure: outcomeUnknown(), position: null };

// No rows were shown, so the session has seen nothing: with a position, its token would move to what may yet be lost.
export const BEHIND: Failed = {
  kind: 'failed',
  failure: behind(
    'No replica reached in time what the session token or the bound on staleness asks for, and the leader did not answer.',
  ),
  position: null,
};
export const NOT_SETTLED: Failed = {
  kind: 'failed',
  failure: behind(
    'What was read is not yet at as many replicas as the durability of the database asks, so it might still be lost, and is shown to ' +
      'nobody until it is. `Tidemark-Consistency: eventual` shows it all the same.',
  ),
  position: null,
};

/** The write stands at `position`, and yet nobody can be told that it was done. */
export function unknownAt(position: Position): Failed {
  return { kind: 'failed', failure: { ...outcomeUnknown(), position }, position };
}
