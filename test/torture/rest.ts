import type { Region } from '../../shared/regions.ts';
import { type Api, sleep } from '../http/server.ts';
import type { DigestTaken } from '../simulator/history.ts';

/** When faults have stopped, a leader may be waiting out its longest pause before it tries a follower again. */
const REST_MS_MAX = 90_000;
const POLL_MS = 100;

/** How many followers are not at the leader's position when the time to come to rest is over. */
export async function waitForRest(api: Api, database: string): Promise<number> {
  const end = performance.now() + REST_MS_MAX;
  for (;;) {
    const left = await behind(api, database);
    if (left === 0 || performance.now() > end) return left;
    await sleep(POLL_MS);
  }
}

interface Partition {
  readonly leader: { readonly lsn: number };
  readonly followers: readonly {
    readonly state: string;
    readonly applied: { readonly lsn: number } | null;
  }[];
}

/** Infinity where nobody says. */
async function behind(api: Api, database: string): Promise<number> {
  const { json } = await api.send('GET', `/v1/databases/${database}/replication`);
  const [partition] = (json['partitions'] ?? []) as Partition[];
  if (partition === undefined) return Infinity;
  const { leader, followers } = partition;
  const late = followers.filter(({ state, applied }) => state !== 'streaming' || applied?.lsn !== leader.lsn);
  return late.length;
}

/** What each replica holds now; without those that do not answer. */
export async function digests(
  api: Api,
  database: string,
  regions: readonly Region[],
): Promise<DigestTaken[]> {
  const taken: DigestTaken[] = [];
  for (const replica of regions) {
    const digest = await api.digest(database, replica).catch(() => null);
    if (digest === null) continue;
    const { position, sha256 } = digest as Pick<DigestTaken, 'position' | 'sha256'>;
    taken.push({ event: 'digest', replica, position, sha256 });
  }
  return taken;
}
