import { type FollowerRef, type Leadership, membersOf } from '../shared/protocol/assignment.ts';
import type { DatabaseRecord } from '../shared/protocol/messages.ts';
import { shortName } from '../shared/protocol/names.ts';

/** What a caller is told of a database: the settings as they are wished, and in each partition who leads and follows. */
export function describeDatabase({ database, settings, partitions }: DatabaseRecord) {
  return { database, settings, partitions: partitions.map(describePartition) };
}

function describePartition(leadership: Leadership) {
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
  };
}
