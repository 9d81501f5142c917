import { isAtLeast, type Position } from '../position.ts';

/** What a follower knows of itself when a read asks. Times in milliseconds. */
export interface Standing {
  readonly applied: Position;
  /** An upper bound on how long ago the leader was no further than `applied`. */
  readonly staleness_ms: number;
  /** False for a replica that will not come further by waiting. */
  readonly isFollowing: boolean;
}

/** What a read must have. Null asks for nothing. */
export interface Demand {
  readonly need: Position | null;
  readonly staleness_ms_max: number | null;
  /** How much longer it may wait. */
  readonly wait_ms: number;
}

export type Freshness = 'serve' | 'wait' | 'ask the leader';

/** Whether a follower answers a read now, after it has caught up, or not at all. */
export function freshness(standing: Standing, demand: Demand): Freshness {
  const hasReached = demand.need === null || isAtLeast(standing.applied, demand.need);
  const isRecent = demand.staleness_ms_max === null || standing.staleness_ms <= demand.staleness_ms_max;
  if (hasReached && isRecent) return 'serve';
  if (!standing.isFollowing) return 'ask the leader';
  if (demand.wait_ms <= 0) return 'ask the leader';
  return 'wait';
}
