import { assert } from '../assert.ts';
import { EPOCH_FIRST } from '../lsn.ts';
import type { Assignment, Leadership, ReplicaRef } from '../protocol/assignment.ts';
import type { DatabaseRecord } from '../protocol/messages.ts';
import type { Settings } from '../protocol/settings.ts';
import type { Region } from '../regions.ts';

export interface NewDatabase {
  readonly database: string;
  readonly incarnation: string;
  readonly settings: Settings;
}

/** The record of a database that is about to be made: each partition in its first epoch. */
export function recordOf({ database, incarnation, settings }: NewDatabase): DatabaseRecord {
  const regions = [settings.leader, ...settings.followers];
  // An object's name ends in its region, so two replicas in one region would be one object in two roles.
  assert(new Set(regions).size === regions.length, 'a partition has at most one replica per region');

  const partitions = Array.from({ length: settings.partitions }, (_, partition): Leadership => {
    const replica = (region: Region): ReplicaRef => ({
      name: `${database}/${incarnation}/${partition}/${region}`,
      region,
    });
    return {
      partition,
      epoch: EPOCH_FIRST,
      leader: replica(settings.leader),
      followers: settings.followers.map(replica),
    };
  });
  return { database, incarnation, settings, partitions };
}

/** What each replica of a database is to be told, leaders before their followers. */
export function assignmentsOf(record: DatabaseRecord): Assignment[] {
  const { database, incarnation } = record;
  return record.partitions.flatMap((leadership) =>
    [leadership.leader, ...leadership.followers].map((self) => ({
      ...leadership,
      database,
      incarnation,
      self,
    })),
  );
}

/** The order in which followers were listed is no difference. */
export function sameSettings(a: Settings, b: Settings): boolean {
  return (
    a.leader === b.leader &&
    a.partitions === b.partitions &&
    a.durability === b.durability &&
    a.followers.toSorted().join() === b.followers.toSorted().join()
  );
}
