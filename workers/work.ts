import type { Position } from '../shared/position.ts';
import type { Leadership } from '../shared/protocol/assignment.ts';
import {
  MESSAGE_VERSION,
  type DatabaseRecord,
  type ExecuteRequest,
  type ReplicaAnswer,
  type RequestId,
  type Route,
} from '../shared/protocol/messages.ts';
import { within } from './deadline.ts';
import type { EdgeContext } from './env.ts';
import type { QueryOptions } from './options.ts';
import type { Place } from './placement.ts';

/** What a caller asked for. */
export interface Work {
  readonly c: EdgeContext;
  readonly options: QueryOptions;
  readonly place: Place;
  readonly statements: ExecuteRequest['statements'];
  readonly isRead: boolean;
  /** From the Idempotency-Key; of use to writes only. */
  readonly request: RequestId | null;
}

/** And of whom, as the directory's record has it. */
export interface Job extends Work {
  readonly record: DatabaseRecord;
  readonly leadership: Leadership;
  /** What the caller's session has seen; null where it has seen nothing. */
  readonly need: Position | null;
}

/** How the request came to the leader. */
export interface Via {
  readonly route: Route;
  readonly waited_ms: number;
}

/** Longer than any transaction may take, so that only a leader that is gone is given up. */
const LEADER_WAIT_MS = 30_000;

/** A session object keeps a few numbers; one that takes longer is lost, or far from all that is well. */
export const SESSION_WAIT_MS = 5_000;

/** Asks the leader, whatever the statements do. */
export function execute(
  job: Job,
  { route, waited_ms }: Via,
  request: RequestId | null,
): Promise<ReplicaAnswer> {
  const { c, leadership, statements, need } = job;
  const { name, region } = leadership.leader;
  const message: ExecuteRequest = {
    version: MESSAGE_VERSION,
    statements,
    need,
    request,
    route,
    waited_ms,
  };
  return within(LEADER_WAIT_MS, c.env.REPLICA.getByName(name, { locationHint: region }).execute(message));
}

/** The object that holds a user's session with this database, and with no later one of its name. */
export function userSession({ c, record }: Job, user: string) {
  return c.env.SESSION.getByName(`${record.incarnation}/${user}`);
}
