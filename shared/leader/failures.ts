import type { Failure } from '../failure.ts';
import { type Position, showPosition } from '../position.ts';
import type { ReplicaAnswer } from '../protocol/messages.ts';
import type { Durability } from '../protocol/settings.ts';

// What a leader says when it does not do what it was asked.

export const TOO_MANY_HELD: Failure = {
  code: 'overloaded',
  detail:
    'Too many answers wait for followers to confirm them. This request was not applied; try it again shortly, and less often.',
};

export const NOT_SETTLED: Failure = {
  code: 'unavailable',
  detail:
    'The followers did not confirm in time what the request met. It was not applied; try it again shortly.',
};

export const TOO_MANY_QUEUED: Failure = {
  code: 'overloaded',
  detail:
    'Too many requests wait for the leader to be confirmed as such. This one was not applied; try it again shortly, and less often.',
};

export const NO_LEASE: Failure = {
  code: 'unavailable',
  detail:
    'The leader could not be confirmed as such in time. The request was not applied; try it again shortly.',
};

/** `isAsked`: by the request, and not by the database, which had enough followers when it was made. */
export function tooFewFollowers(durability: Durability, isAsked: boolean): Failure {
  const what = `the durability ${durability} needs a follower, and the database has none that is in use`;
  return isAsked
    ? { code: 'invalid-request', detail: `${what}; add one, or ask for async` }
    : {
        code: 'unavailable',
        detail: `${what}: after a failover the old leader must be back first, or another follower be added. The request was not applied.`,
      };
}

export function lateWrite(position: Position, until: Durability | 'settled'): ReplicaAnswer {
  return {
    kind: 'failed',
    failure: {
      code: 'outcome-unknown',
      detail:
        `The write stands in the leader's log at position ${showPosition(position)}, but was not confirmed as ${until} in time: a failover may still lose it. ` +
        'A retry with the same Idempotency-Key waits for it again and is applied once at most; without such a key, read what is there before trying again.',
      position,
    },
    position,
  };
}

export function aheadOfLog(need: Position, position: Position): Failure {
  return {
    code: 'behind',
    detail: `the session has seen position ${showPosition(need)}, and the leader is at ${showPosition(position)}; no replica can answer it`,
  };
}
