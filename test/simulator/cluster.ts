import type { LogLimits } from '../../shared/limits.ts';
import { EPOCH_FIRST } from '../../shared/lsn.ts';
import type { Leadership, ReplicaRef } from '../../shared/protocol/assignment.ts';
import type { Region } from '../../shared/regions.ts';
import { Host } from './host.ts';
import type { Random } from './random.ts';
import { Storage } from './storage.ts';
import type { Faults, Surroundings } from './surroundings.ts';

/** The replicas of one partition, by name. In the simulator a replica is named after its region. */
export type Hosts = ReadonlyMap<string, Host>;

export function leadershipOf([leader, ...followers]: readonly Region[], epoch = EPOCH_FIRST): Leadership {
  const ref = (region: Region): ReplicaRef => ({ name: region, region });
  if (leader === undefined) throw new Error('a partition has a leader');
  return { partition: 0, epoch, leader: ref(leader), followers: followers.map(ref) };
}

export const DATABASE = 'simulated';
export const INCARNATION = 'first';

export interface ClusterParts {
  readonly leadership: Leadership;
  readonly surroundingsOf: (replica: string) => Surroundings;
  readonly random: Random;
  readonly faultsOf: (replica: string) => Faults;
  readonly limits: LogLimits;
}

/** Makes every replica of `leadership` and tells it what it is. */
export function startCluster({ leadership, surroundingsOf, random, faultsOf, limits }: ClusterParts): Hosts {
  const refs = [leadership.leader, ...leadership.followers];
  const hosts = refs.map((self) => {
    const surroundings = surroundingsOf(self.name);
    const storage = storageOf(surroundings, random.fork());
    const host = new Host({ self, surroundings, storage, faults: faultsOf(self.name), limits });
    host.assign({ ...leadership, database: DATABASE, incarnation: INCARNATION, self });
    return [self.name, host] as const;
  });
  return new Map(hosts);
}

export function storageOf({ clock }: Surroundings, luck: Random): Storage {
  return new Storage({ now: () => clock.now, random: () => luck.int64() });
}
