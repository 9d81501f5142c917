import { assert } from '../assert.ts';
import { DURABILITY_WAIT_MS, READ_HOLD_MS_MIN, WAIT_MS_MAX } from '../limits.ts';
import type { Position } from '../position.ts';
import type { ReplicaRef } from '../protocol/assignment.ts';
import { MESSAGE_VERSION, type RequestId, type Route, type Shows } from '../protocol/messages.ts';
import type { Suspicion } from '../protocol/directory.ts';
import type { Ask } from './asks.ts';
import type { Loss } from '../session/rewind.ts';
import type { Job } from './job.ts';

/** Longer than any transaction may take and its answer be held, so that only a leader that is gone is given up. */
export const LEADER_WAIT_MS = 30_000;
assert(
  2 * Math.max(DURABILITY_WAIT_MS, WAIT_MS_MAX, READ_HOLD_MS_MIN) <= LEADER_WAIT_MS,
  'a leader says itself that it held an answer for too long, and where the write stands, before it is given up',
);
/** A session object keeps a few numbers; one that takes longer is lost, or far from all that is well. */
const SESSION_WAIT_MS = 5_000;

/** How the request came to the leader. */
export interface Via {
  readonly route: Route;
  readonly waited_ms: number;
}

/** Has the leader run the statements, whatever they do. `request` only where they are meant to write. */
export function executing(job: Job, { route, waited_ms }: Via, request: RequestId | null): Ask {
  const { leadership, statements, seen, need, isRead } = job;
  return {
    kind: 'execute',
    database: job.record.database,
    to: leadership.leader,
    request: {
      version: MESSAGE_VERSION,
      statements,
      seen,
      need,
      request,
      user: isRead ? null : job.user,
      route,
      waited_ms,
      durability: isRead ? null : job.durability,
      shows: showsOf(job),
      hold_ms: isRead ? Math.max(job.wait_ms, READ_HOLD_MS_MIN) : job.hold_ms,
    },
    timeout_ms: LEADER_WAIT_MS,
    mayWrite: !isRead,
    suspicion: suspicionOf(job),
  };
}

/** Null where the directory leaves failovers to people. */
export function suspicionOf({ record, leadership: { partition, epoch } }: Job): Suspicion | null {
  return record.settings.automatic_failover_ms === null ? null : { partition, epoch };
}

/** Has a follower read; it is given `grace_ms` to answer beside what the read may wait. */
export function reading(job: Job, to: ReplicaRef, grace_ms: number): Ask {
  const { statements, seen, need, staleness_ms_max, wait_ms } = job;
  return {
    kind: 'read',
    to,
    request: {
      version: MESSAGE_VERSION,
      statements,
      seen,
      need,
      staleness_ms_max,
      wait_ms,
      shows: showsOf(job),
    },
    timeout_ms: wait_ms + grace_ms,
  };
}

/** Who asks for what is near must bear that it may be lost; everybody else is shown only what stays. */
function showsOf({ consistency }: Job): Shows {
  return consistency === 'eventual' ? 'anything' : 'settled';
}

/** Asks how far the user's devices have seen. */
export function asksSeen({ record, leadership }: Job): Ask {
  return { kind: 'seen', record, partition: leadership.partition, timeout_ms: SESSION_WAIT_MS };
}

/** Has the user's other devices see what is at `position`. */
export function advancing({ record, leadership }: Job, position: Position): Ask {
  const { partition } = leadership;
  return { kind: 'advance', record, partition, position, timeout_ms: SESSION_WAIT_MS };
}

/** Has the user's other devices go on without what was lost. */
export function rewinding({ record, leadership }: Job, loss: Loss): Ask {
  const { partition } = leadership;
  return { kind: 'rewind', record, partition, loss, timeout_ms: SESSION_WAIT_MS };
}
