import { type FollowerRef, type Leadership, membersOf } from '../shared/protocol/assignment.ts';
import type { DatabaseRecord, RunningFailover } from '../shared/protocol/directory.ts';
import { shortName } from '../shared/protocol/names.ts';
import type { Settings } from '../shared/protocol/settings.ts';

/** What a caller is told of a database: the settings as they are wished, and in each partition who leads and follows. */
export function describeDatabase(record: DatabaseRecord) {
  const { database, settings, partitions } = record;
  return {
    database,
    settings: describeSettings(settings),
    partitions: partitions.map((leadership) => describePartition(record, leadership)),
  };
}

export function describeSettings({ automatic_failover_ms, ...settings }: Settings) {
  const automatic_failover_seconds = automatic_failover_ms === null ? null : automatic_failover_ms / 1000;
  return { ...settings, automatic_failover_seconds };
}

function describePartition(record: DatabaseRecord, leadership: Leadership) {
  const { partition, epoch, revision, leader, followers } = leadership;
  const members = membersOf(leadership);
  return {
    partition,
    epoch,
    revision,
    leader: leader.region,
    followers: followers.map(({ region }) => region),
    members: members.map(shortName),
    joining: followers.filter((one: FollowerRef) => !members.includes(one)).map(shortName),
    failover: describeFailover(failoverOf(record, partition)),
  };
}

/** The failover of the partition that runs; null where none does. */
export function failoverOf({ failovers }: DatabaseRecord, partition: number): RunningFailover | null {
  return failovers.find((failover) => failover.partition === partition) ?? null;
}

export function describeFailover(failover: RunningFailover | null) {
  if (failover === null) return null;
  const { mode, to, since, detail } = failover;
  return { mode, to, since, detail };
}

/** The epochs that began with a failover, the oldest first. */
export function describeHistory({ history }: Leadership) {
  return history.map(({ epoch, after, mode, at, heard }) => ({
    epoch,
    after: { epoch: after.epoch, lsn: after.lsn },
    mode,
    at,
    heard,
  }));
}
