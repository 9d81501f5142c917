import { toEpoch, toLsn } from '../../shared/lsn.ts';
import type { Position } from '../../shared/position.ts';
import type { Region } from '../../shared/regions.ts';
import { type Api, sleep } from '../http/server.ts';
import type { DigestTaken } from '../simulator/history.ts';

/** When faults have stopped, a leader may be waiting out its longest pause before it tries a follower again, and so may a directory. */
const REST_MS_MAX = 150_000;
const POLL_MS = 100;

/** How the database came to rest. */
export interface Rest {
  /** How many followers are not at the leader's position when the time to come to rest is over, and failovers that still run. */
  readonly left: number;
  readonly ms: number;
  /** What each replica says of itself. */
  readonly states: ReadonlyMap<string, string>;
}

export async function waitForRest(api: Api, database: string): Promise<Rest> {
  const begun = performance.now();
  for (;;) {
    const { left, states } = await standing(api, database);
    const ms = Math.round(performance.now() - begun);
    if (left === 0 || ms > REST_MS_MAX) return { left, ms, states };
    await sleep(POLL_MS);
  }
}

interface Partition {
  readonly failover: unknown;
  readonly leader: { readonly region: string; readonly state: string; readonly lsn: number };
  readonly followers: readonly {
    readonly region: string;
    readonly state: string;
    readonly membership: string;
    readonly applied: { readonly lsn: number } | null;
  }[];
}

/** Infinity where nobody says. */
async function standing(api: Api, database: string): Promise<Pick<Rest, 'left' | 'states'>> {
  const { json } = await api.send('GET', `/v1/databases/${database}/replication`);
  const [partition] = (json['partitions'] ?? []) as Partition[];
  if (partition === undefined) return { left: Infinity, states: new Map() };
  const { leader, followers, failover } = partition;
  const late = followers.filter(
    ({ state, membership, applied }) =>
      state !== 'streaming' || membership !== 'member' || applied?.lsn !== leader.lsn,
  );
  const leads = leader.state === 'leading' ? 'leader' : leader.state;
  return {
    left: late.length + (failover === null ? 0 : 1) + (leads === 'leader' ? 0 : 1),
    states: new Map([
      [leader.region, leads],
      ...followers.map(({ region, state }) => [region, state] as const),
    ]),
  };
}

/** What the API lists as lost, page by page. */
export async function listLost(api: Api, database: string): Promise<Position[]> {
  const listed: Position[] = [];
  for (let after = ''; ;) {
    const path = `/v1/databases/${database}/lost-entries?limit=200${after}`;
    const { status, text, json } = await api.send('GET', path);
    if (status !== 200) throw new Error(`the lost entries could not be listed: ${text}`);
    const entries = json['entries'] as readonly { readonly position: Position }[];
    listed.push(
      ...entries.map(({ position: { epoch, lsn } }) => ({ epoch: toEpoch(epoch), lsn: toLsn(lsn) })),
    );
    const next = json['next'] as string | null;
    if (next === null) return listed;
    after = `&after=${next}`;
  }
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
