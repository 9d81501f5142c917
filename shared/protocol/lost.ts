import { cutOff } from '../log/history.ts';
import type { Position } from '../position.ts';
import type { Leadership } from './assignment.ts';

/** Whether a failover has lost `position`, as far as a record of the leadership tells. */
export function isLost({ history }: Leadership, position: Position): boolean {
  return cutOff(history, position) !== null;
}

/**
 * Whether a failover may have lost `position`, as far as a record of the leadership tells, where something at `reached` is known by now: it has,
 * or the record is from before that epoch and cannot tell. Only a replica says so for sure.
 */
export function mayBeLost(leadership: Leadership, position: Position, reached: Position): boolean {
  if (isLost(leadership, position)) return true;
  return position.epoch < reached.epoch && leadership.epoch < reached.epoch;
}
