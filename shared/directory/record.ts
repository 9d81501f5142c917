import { assert } from '../assert.ts';
import { EPOCH_FIRST } from '../lsn.ts';
import type { Assignment, Leadership, ReplicaRef } from '../protocol/assignment.ts';
import type { DatabaseRecord } from '../protocol/directory.ts';
import { replicaRef } from '../protocol/names.ts';
import type { Settings } from '../protocol/settings.ts';
import type { KeptRecord } from './store.ts';

export interface NewDatabase {
  readonly database: string;
  readonly incarnation: string;
  readonly settings: Settings;
}

/** The greatest number where no replica has one: the first of a region goes without, so that the next is the second. */
const NUMBER_NONE = 1;

/**
 * The record of a database that is about to be made: each partition in its first epoch, and all its followers members at once,
 * because an empty replica has all there is. `lastNumber` is the greatest number that one of the objects is named with.
 */
export function recordOf({ database, incarnation, settings }: NewDatabase): {
  readonly record: DatabaseRecord;
  readonly lastNumber: number;
} {
  const { leader, followers } = settings;
  assert(!followers.includes(leader), "a follower in the leader's region would be of no use");
  let lastNumber = NUMBER_NONE;
  const numbers = followers.map((region, i) => (followers.indexOf(region) === i ? null : (lastNumber += 1)));
  const partitions = Array.from({ length: settings.partitions }, (_, partition): Leadership => {
    const name = { database, incarnation, partition };
    return {
      partition,
      epoch: EPOCH_FIRST,
      revision: 1,
      leader: replicaRef(name, leader, null),
      successor: null,
      history: [],
      followers: followers.map((region, i) => ({
        ...replicaRef(name, region, numbers[i] ?? null),
        membership: 'member',
      })),
    };
  });
  return { record: { database, incarnation, settings, partitions, failovers: [] }, lastNumber };
}

/** The order in which they are told: the leader first, because until it knows a follower it answers none of its questions. */
export function replicasOf({ leader, followers }: Leadership): readonly ReplicaRef[] {
  const joining = followers.filter(({ membership }) => membership === 'joining');
  const members = followers.filter(({ membership }) => membership === 'member');
  return [leader, ...joining, ...members].map(({ name, region }) => ({ name, region }));
}

/** What each replica of a database is to be told. */
export function assignmentsOf({ database, incarnation, settings, partitions }: KeptRecord): Assignment[] {
  const { durability } = settings;
  return partitions.flatMap((leadership) =>
    replicasOf(leadership).map((self) => ({ ...leadership, database, incarnation, durability, self })),
  );
}

/** The order in which followers were listed is no difference. */
export function sameSettings(a: Settings, b: Settings): boolean {
  return (
    a.leader === b.leader &&
    a.partitions === b.partitions &&
    a.durability === b.durability &&
    a.automatic_failover_ms === b.automatic_failover_ms &&
    a.followers.toSorted().join() === b.followers.toSorted().join()
  );
}
