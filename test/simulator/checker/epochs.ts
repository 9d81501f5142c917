import { showPosition } from '../../../shared/position.ts';
import type { Facts } from './facts.ts';

/** No replica accepts anything from an epoch below the one that it was told of. */
export function* I6(facts: Facts): Generator<string> {
  const [leadership] = facts.of('leadership');
  if (leadership === undefined) return;
  for (const { replica, position } of facts.of('apply')) {
    if (position.epoch >= leadership.epoch) continue;
    yield `${replica} applied ${showPosition(position)}, and is in epoch ${leadership.epoch}`;
  }
}
