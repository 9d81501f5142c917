import { EPOCH_FIRST } from '../../shared/lsn.ts';
import type { Leadership, ReplicaRef } from '../../shared/protocol/assignment.ts';
import type { Region } from '../../shared/regions.ts';
import { Host } from './host.ts';
import type { Random } from './random.ts';
import { Storage } from './storage.ts';
import type { Faults, Surroundings } from './surroundings.ts';

/** The replicas of one partition, by name. In the simulator a replica is named after its region. */
export type Hosts = ReadonlyMap<string, Host>;

export function leadershipOf([leader, ...followers]: readonly Region[]): Leadership {
  const ref = (region: Region): ReplicaRef => ({ name: region, region });
  if (leader === undefined) throw new Error('a partition has a leader');
  return { partition: 0, epoch: EPOCH_FIRST, leader: ref(leader), followers: followers.map(ref) };
}

export interface ClusterParts {
  readonly leadership: Leadership;
  readonly surroundings: Surroundings;
  readonly random: Random;
  readonly faultsOf: (replica: string) => Faults;
}

/** Makes every replica of `leadership` and tells it what it is. */
export function startCluster({ leadership, surroundings, random, faultsOf }: ClusterParts): Hosts {
  const refs = [leadership.leader, ...leadership.followers];
  const hosts = refs.map((self) => {
    const luck = random.fork();
    const storage = new Storage({ now: () => surroundings.clock.now, random: () => luck.int64() });
    const host = new Host({ self, surroundings, storage, faults: faultsOf(self.name) });
    host.assign({ ...leadership, database: 'simulated', incarnation: 'first', self });
    return [self.name, host] as const;
  });
  return new Map(hosts);
}
