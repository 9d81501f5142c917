import { showPosition } from '../../../shared/position.ts';
import type { Facts } from './facts.ts';

/** In one epoch one replica appends. */
export function* I5(facts: Facts): Generator<string> {
  const leaders = new Map<number, string>();
  for (const { replica, position } of facts.of('append')) {
    const leader = leaders.get(position.epoch) ?? replica;
    leaders.set(position.epoch, leader);
    if (leader !== replica)
      yield `${replica} appended ${showPosition(position)}, and ${leader} leads that epoch`;
  }
}

/** No replica accepts anything from an epoch below the one that it was told of. */
export function* I6(facts: Facts): Generator<string> {
  const [leadership] = facts.of('leadership');
  if (leadership === undefined) return;
  for (const { replica, position } of facts.of('apply')) {
    if (position.epoch >= leadership.epoch) continue;
    yield `${replica} applied ${showPosition(position)}, and is in epoch ${leadership.epoch}`;
  }
}
