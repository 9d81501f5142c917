import { describe, expect, it } from 'vitest';
import type { Leadership, ReplicaRef } from '../../shared/protocol/assignment.ts';
import { shortName } from '../../shared/protocol/names.ts';
import { REGIONS, type Region } from '../../shared/regions.ts';
import type { Env } from '../../workers/env.ts';
import { candidatesOf, nearestRegion, placeOf, sparesOf } from '../../workers/placement.ts';
import { recordFor } from './router-fakes.ts';

const SIMULATING = { TIDEMARK_SIMULATE_REGIONS: 'true' } as Env;
const DEPLOYED = {} as Env;

function requestFrom(region: string | null, cf?: object): Request {
  const request = new Request(
    'https://x/',
    region === null ? {} : { headers: { 'Tidemark-Region': region } },
  );
  return Object.assign(request, { cf });
}

const TOKYO = placeOf(SIMULATING, requestFrom('apac-ne'));

function leadershipOf(leader: Region, followers: readonly Region[]): Leadership {
  const settings = {
    leader,
    followers,
    partitions: 1,
    durability: 'async',
    automatic_failover_ms: null,
  } as const;
  const [leadership] = recordFor('d', 'i', settings).partitions;
  if (leadership === undefined) throw new Error('no partition');
  return leadership;
}

/** The short names of the candidates, for a caller in Tokyo. */
function candidates(leadership: Leadership, key = 'a session', avoided: readonly string[] = []): string[] {
  const isAvoided = (replica: ReplicaRef) => avoided.includes(shortName(replica));
  return candidatesOf(TOKYO, leadership, { affinity: () => key, isAvoided }).map(shortName);
}

const KEYS = Array.from({ length: 3000 }, (_, i) => `key ${i}`);

describe('placement', () => {
  it('[PL1] finds every region nearest to itself', () => {
    for (const region of REGIONS)
      expect(nearestRegion(placeOf(SIMULATING, requestFrom(region)), [])).toBe(region);
  });

  it('[PL1] picks the nearest of the replicas, leader or follower', () => {
    expect(candidates(leadershipOf('weur', ['enam', 'apac']))).toEqual(['apac']);
    expect(candidates(leadershipOf('wnam', ['enam', 'weur']))).toEqual(['wnam']);
    expect(candidates(leadershipOf('weur', []))).toEqual(['weur']);
  });

  it('[PL5] takes no replica that has not joined yet', () => {
    const { followers, ...leadership } = leadershipOf('weur', ['apac', 'apac', 'enam']);
    const joining = followers.map((one) => ({ ...one, membership: 'joining' as const }));
    const [, second, third] = followers;
    if (second === undefined || third === undefined) throw new Error('three followers');
    expect(candidates({ ...leadership, followers: [...joining.slice(0, 1), second, third] })).toEqual([
      'apac/2',
    ]);
    expect(candidates({ ...leadership, followers: joining })).toEqual(['weur']);
  });

  it('[PL6] spreads sessions evenly over the replicas of a region, and no session over several', () => {
    const leadership = leadershipOf('weur', ['apac', 'apac', 'apac', 'enam']);
    const counts = Map.groupBy(KEYS, (key) => candidates(leadership, key)[0] ?? '');
    expect([...counts.keys()].toSorted()).toEqual(['apac', 'apac/2', 'apac/3']);
    for (const { length } of counts.values()) expect(Math.abs(length - 1000)).toBeLessThan(100);
    expect(candidates(leadership, 'ada')).toEqual(candidates(leadership, 'ada'));
    expect(candidates(leadership, 'ada').toSorted()).toEqual(['apac', 'apac/2', 'apac/3']);
  });

  it('[PL6] moves only the sessions of a replica that went, and to those that are left', () => {
    const before = leadershipOf('weur', ['apac', 'apac', 'apac']);
    const after = { ...before, followers: before.followers.slice(0, 2) };
    for (const key of KEYS.slice(0, 300)) {
      const [first, second] = candidates(before, key).filter((name) => name !== 'apac/3');
      expect(candidates(after, key)).toEqual([first, second]);
    }
  });

  it('[PL7] leaves out what is to be avoided, and where that is all, has only the leader left', () => {
    const leadership = leadershipOf('weur', ['apac', 'apac', 'enam']);
    expect(candidates(leadership, 'ada', ['apac'])).toEqual(['apac/2']);
    expect(candidates(leadership, 'ada', ['apac', 'apac/2'])).toEqual([]);
    // There is nobody to ask instead of a leader.
    expect(candidates(leadershipOf('apac', []), 'ada', ['apac'])).toEqual(['apac']);
    expect(candidates(leadershipOf('apac', ['enam']), 'ada', ['apac', 'enam'])).toEqual(['apac']);
    expect(candidates(leadershipOf('apac', ['weur', 'enam']), 'ada', ['apac'])).toEqual(['weur', 'enam']);
  });

  it('[RT16] has the followers as spares, the nearest region first, without those that are avoided', () => {
    const leadership = leadershipOf('apac', ['weur', 'enam', 'oc', 'oc']);
    const spares = (avoided: readonly string[]) =>
      sparesOf(TOKYO, leadership, {
        affinity: () => 'ada',
        isAvoided: (replica) => avoided.includes(shortName(replica)),
      }).map(shortName);
    expect(spares([]).map((short) => short.slice(0, 2))).toEqual(['oc', 'oc', 'we', 'en']);
    expect(spares(['oc', 'oc/2'])).toEqual(['weur', 'enam']);
  });

  it('[PL6] asks who reads only where there is a choice', () => {
    const affinity = () => {
      throw new Error('nobody needs to know');
    };
    const one = leadershipOf('weur', ['apac', 'enam']);
    expect(candidatesOf(TOKYO, one, { affinity, isAvoided: () => false })).toHaveLength(1);
  });

  it.each([
    [{ latitude: '48.86', longitude: '2.35' }, 'weur'],
    [{ latitude: '-1.29', longitude: '36.82' }, 'afr'],
    [{ latitude: '35.68', longitude: '139.69', continent: 'AS' }, 'apac-ne'],
    [{ latitude: '-41.3', longitude: '174.8' }, 'oc'],
    [{ latitude: '52.5', longitude: '179.9' }, 'apac-ne'],
    [{ latitude: 'x', longitude: '', continent: 'SA' }, 'sam'],
    [{ continent: 'EU' }, 'weur'],
    [{ country: 'T1', continent: 'T1' }, 'enam'],
    [{}, 'enam'],
    [undefined, 'enam'],
  ])('[PL2] takes the place of a deployed request from the platform: %o is near %s', (cf, region) => {
    expect(nearestRegion(placeOf(DEPLOYED, requestFrom(null, cf)), [])).toBe(region);
  });

  it('[PL3] believes the header Tidemark-Region only where regions are simulated', () => {
    expect(nearestRegion(placeOf(DEPLOYED, requestFrom('oc')), [])).toBe('enam');
    expect(nearestRegion(placeOf(DEPLOYED, requestFrom('mars')), [])).toBe('enam');
    expect(nearestRegion(placeOf(SIMULATING, requestFrom('oc')), [])).toBe('oc');
    expect(() => placeOf(SIMULATING, requestFrom('mars'))).toThrow('Tidemark-Region must be one of');
  });

  it('[PL4] gives a database without a named leader one near its creator, where no follower is to be', () => {
    expect(nearestRegion(placeOf(SIMULATING, requestFrom('weur')), ['weur'])).toBe('eeur');
    expect(() => nearestRegion(placeOf(SIMULATING, requestFrom('weur')), REGIONS)).toThrow('no region');
  });
});
