import { showPosition } from '../../../shared/position.ts';
import { copiesAlong } from './copies.ts';
import type { Facts } from './facts.ts';

/**
 * Nobody is shown what the database's durability would still allow to be lost, unless they bear it: neither by rows nor by the
 * position of an error. A write is told of by its own acknowledgement (I7), and where it stands when its outcome is unknown; a session that has lost
 * something, where it was before.
 */
export function* SD(facts: Facts): Generator<string> {
  for (const [event, copies] of copiesAlong(facts)) {
    if (event.event !== 'ack' && event.event !== 'refuse') continue;
    if (event.shows === 'anything' || copies.mode === null) continue;
    const isOwn =
      event.event === 'ack'
        ? event.durability !== null
        : event.code === 'outcome-unknown' || event.code === 'session-lost';
    if (isOwn || event.position.lsn <= copies.metBy(event.replica, copies.mode)) continue;
    yield `${event.replica} showed ${showPosition(event.position)} to operation ${event.op}, and only ${copies.metBy(event.replica, copies.mode)} was as durable as ${copies.mode} asks`;
  }
}
