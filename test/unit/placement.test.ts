import { describe, expect, it } from 'vitest';
import { REGIONS, type Region } from '../../shared/regions.ts';
import type { Env } from '../../workers/env.ts';
import { nearestRegion, nearestReplica, placeOf } from '../../workers/placement.ts';
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

function nearestTo(place: ReturnType<typeof placeOf>, leader: Region, followers: readonly Region[]): string {
  const [leadership] = recordFor('d', 'i', {
    leader,
    followers,
    partitions: 1,
    durability: 'async',
  }).partitions;
  if (leadership === undefined) throw new Error('no partition');
  return nearestReplica(place, leadership).region;
}

describe('placement', () => {
  it('[PL1] finds every region nearest to itself', () => {
    for (const region of REGIONS)
      expect(nearestRegion(placeOf(SIMULATING, requestFrom(region)), [])).toBe(region);
  });

  it('[PL1] picks the nearest of the replicas, leader or follower', () => {
    const tokyo = placeOf(SIMULATING, requestFrom('apac-ne'));
    expect(nearestTo(tokyo, 'weur', ['enam', 'apac'])).toBe('apac');
    expect(nearestTo(tokyo, 'wnam', ['enam', 'weur'])).toBe('wnam');
    expect(nearestTo(tokyo, 'weur', [])).toBe('weur');
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
