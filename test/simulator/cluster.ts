import { EPOCH_FIRST } from '../../shared/lsn.ts';
import type { FollowerRef, Leadership, ReplicaRef } from '../../shared/protocol/assignment.ts';
import type { Region } from '../../shared/regions.ts';
import type { Random } from './random.ts';
import { Storage } from './storage.ts';
import type { Surroundings } from './surroundings.ts';

/** Replicas that are named after their regions, all of them members. */
export function leadershipOf([leader, ...followers]: readonly Region[], epoch = EPOCH_FIRST): Leadership {
  const ref = (region: Region): ReplicaRef => ({ name: region, region });
  if (leader === undefined) throw new Error('a partition has a leader');
  const member = (region: Region): FollowerRef => ({ ...ref(region), membership: 'member' });
  return {
    partition: 0,
    epoch,
    revision: 1,
    leader: ref(leader),
    followers: followers.map(member),
    successor: null,
    history: [],
  };
}

export const DATABASE = 'simulated';
export const INCARNATION = 'first';

export function storageOf({ clock }: Surroundings, luck: Random): Storage {
  return new Storage({ now: () => clock.now, random: () => luck.int64() });
}
