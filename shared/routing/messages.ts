import type { Position } from '../position.ts';
import { MESSAGE_VERSION, type RequestId, type Route } from '../protocol/messages.ts';
import type { Ask } from './asks.ts';
import type { Job } from './job.ts';

/** Longer than any transaction may take, so that only a leader that is gone is given up. */
const LEADER_WAIT_MS = 30_000;
/** A session object keeps a few numbers; one that takes longer is lost, or far from all that is well. */
const SESSION_WAIT_MS = 5_000;

/** How the request came to the leader. */
export interface Via {
  readonly route: Route;
  readonly waited_ms: number;
}

/** Has the leader run the statements, whatever they do. `request` only where they are meant to write. */
export function executing(
  { leadership, statements, need, isRead }: Job,
  { route, waited_ms }: Via,
  request: RequestId | null,
): Ask {
  return {
    kind: 'execute',
    to: leadership.leader,
    request: { version: MESSAGE_VERSION, statements, need, request, route, waited_ms },
    timeout_ms: LEADER_WAIT_MS,
    mayWrite: !isRead,
  };
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
