import { refuse } from '../shared/failure.ts';
import type { Position } from '../shared/position.ts';
import type { Leadership, ReplicaRef } from '../shared/protocol/assignment.ts';
import type { FollowerState } from '../shared/protocol/messages.ts';
import { unavailable } from '../shared/routing/failures.ts';
import { within } from './deadline.ts';
import type { EdgeContext } from './env.ts';
import { logUnexpected, orUnavailable } from './failure.ts';
import { databaseName, lookUp } from './records.ts';

/** A status is asked for most when something hangs, so nothing that hangs may hold it up for long. */
const STATUS_WAIT_MS = 3_000;

/** How far each follower is behind its leader. */
export async function getReplication(c: EdgeContext): Promise<Response> {
  const record = await lookUp(c, databaseName(c));
  c.get('session').open(record);
  const partitions = await Promise.all(record.partitions.map((leadership) => statusOf(c, leadership)));
  return c.json({ partitions });
}

/** The followers first and the leader after them, so that no follower seems to be ahead of its leader. */
async function statusOf(c: EdgeContext, { partition, leader, followers }: Leadership) {
  const states = await Promise.all(followers.map((follower) => stateOf(c, follower)));
  const positions = states.flatMap(({ applied }) => (applied === null ? [] : [applied]));
  const asked = c.env.REPLICA.getByName(leader.name, { locationHint: leader.region }).status(positions);
  const status = await orUnavailable(c, within(STATUS_WAIT_MS, asked));
  if (status.kind !== 'leader') return refuse(unavailable());
  const { head, epoch, lag_seconds } = status;
  let reached = 0;
  return {
    partition,
    epoch,
    leader: { region: leader.region, lsn: head.lsn },
    followers: states.map(({ region, state, applied }) => ({
      region,
      state,
      applied,
      lag_entries: applied === null ? null : head.lsn - applied.lsn,
      lag_seconds: applied === null ? null : (lag_seconds[reached++] ?? null),
    })),
  };
}

interface StateOfFollower {
  readonly region: string;
  readonly state: FollowerState | 'unreachable';
  /** Null where the follower did not say. */
  readonly applied: Position | null;
}

async function stateOf(c: EdgeContext, { name, region }: ReplicaRef): Promise<StateOfFollower> {
  try {
    const asked = c.env.REPLICA.getByName(name, { locationHint: region }).status([]);
    const status = await within(STATUS_WAIT_MS, asked);
    if (status.kind === 'follower') return { region, state: status.state, applied: status.applied };
  } catch (error) {
    logUnexpected(c, error);
  }
  return { region, state: 'unreachable', applied: null };
}
