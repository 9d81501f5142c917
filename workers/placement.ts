import { present } from '../shared/assert.ts';
import { refuse } from '../shared/failure.ts';
import { type Leadership, membersOf, type ReplicaRef } from '../shared/protocol/assignment.ts';
import { isRegion, REGIONS, type Region } from '../shared/regions.ts';
import type { Env } from './env.ts';
import { rankedFor } from './rendezvous.ts';

/** A place on the globe as a unit vector: the nearer two places are, the greater their product. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

function placeAt(latitude: number, longitude: number): Place {
  const phi = (latitude * Math.PI) / 180;
  const lambda = (longitude * Math.PI) / 180;
  return { x: Math.cos(phi) * Math.cos(lambda), y: Math.cos(phi) * Math.sin(lambda), z: Math.sin(phi) };
}

/** A large data centre in each region. Which one matters little: regions are thousands of kilometres apart. */
const PLACES: Readonly<Record<Region, Place>> = {
  wnam: placeAt(37.4, -122.1), // San José
  enam: placeAt(39.0, -77.5), // Ashburn
  sam: placeAt(-23.5, -46.6), // São Paulo
  weur: placeAt(50.1, 4.0), // between London, Paris, Amsterdam and Frankfurt
  eeur: placeAt(52.2, 21.0), // Warsaw
  apac: placeAt(22.3, 114.2), // Hong Kong
  'apac-ne': placeAt(35.7, 139.7), // Tokyo
  'apac-se': placeAt(1.4, 103.8), // Singapore
  oc: placeAt(-33.9, 151.2), // Sydney
  afr: placeAt(-26.2, 28.0), // Johannesburg
  me: placeAt(25.2, 55.3), // Dubai
};

/** For a caller of whom only the continent is known. */
const REGION_OF_CONTINENT: Readonly<Record<ContinentCode, Region>> = {
  AF: 'afr',
  AN: 'oc',
  AS: 'apac',
  EU: 'weur',
  NA: 'enam',
  OC: 'oc',
  SA: 'sam',
};

/** For a caller of whom nothing is known. */
const REGION_OF_STRANGERS: Region = 'enam';

/** What the platform says of where a request comes from; all of it may be missing. */
interface CallerGeography {
  readonly latitude?: string | undefined;
  readonly longitude?: string | undefined;
  readonly continent?: string | undefined;
}

/**
 * Where a request comes from.
 * @throws Refusal `invalid-request` where a simulated region does not exist
 */
export function placeOf(env: Env, request: Request): Place {
  const simulated = env.TIDEMARK_SIMULATE_REGIONS === 'true' ? request.headers.get('tidemark-region') : null;
  if (simulated === null) return placeOnGlobe(request.cf as CallerGeography | undefined);
  if (isRegion(simulated)) return PLACES[simulated];
  return refuse({ code: 'invalid-request', detail: `Tidemark-Region must be one of ${REGIONS.join(', ')}.` });
}

function placeOnGlobe({ latitude, longitude, continent }: CallerGeography = {}): Place {
  const place = placeAt(Number(latitude ?? Number.NaN), Number(longitude ?? Number.NaN));
  if (Number.isFinite(place.x + place.z)) return place;
  return PLACES[REGION_OF_CONTINENT[continent as ContinentCode] ?? REGION_OF_STRANGERS];
}

/** The first of the choices, of which there is one at least, that no other of them is nearer than. */
function nearestOf<T extends { readonly region: Region }>(place: Place, choices: readonly T[]): T {
  let best = present(choices[0], 'a choice');
  let bestNearness = nearness(place, best.region);
  for (const choice of choices) {
    const itsNearness = nearness(place, choice.region);
    if (itsNearness <= bestNearness) continue;
    best = choice;
    bestNearness = itsNearness;
  }
  return best;
}

function nearness(place: Place, region: Region): number {
  const { x, y, z } = PLACES[region];
  return place.x * x + place.y * y + place.z * z;
}

/** Whose reads they are, and whom to leave out. */
interface Chooser {
  /** What all reads of one session have in common. Asked for only where there is a choice. */
  readonly affinity: () => string;
  readonly isAvoided: (replica: ReplicaRef) => boolean;
}

/**
 * Where a read is best served, the first choice first: all of one region, the nearest, in an order of the session's own, because
 * a session that goes to and fro between replicas waits at each for what it has seen at the other. Empty where all of them are
 * avoided, and the leader is somewhere else. Where the leader is as near as a follower, the follower: leaders have writes to do.
 */
export function candidatesOf(place: Place, leadership: Leadership, chooser: Chooser): readonly ReplicaRef[] {
  const { isAvoided } = chooser;
  const { leader } = leadership;
  const members = membersOf(leadership);
  const nearest = nearestOf<ReplicaRef>(place, [...members, leader]);
  if (nearest === leader) {
    // One that did not answer a moment ago is asked again only where nobody else can serve.
    const spares = isAvoided(leader) ? sparesOf(place, leadership, chooser) : [];
    return spares.length > 0 ? spares : [leader];
  }
  return ranked(members, nearest.region, chooser).filter((replica) => !isAvoided(replica));
}

/**
 * Who can serve a read beside the leader: the followers, the nearest first and those of one region in the order of the session's own, without
 * those that are avoided.
 */
export function sparesOf(place: Place, leadership: Leadership, chooser: Chooser): readonly ReplicaRef[] {
  const members = membersOf(leadership).filter((replica) => !chooser.isAvoided(replica));
  const regions = [...new Set(members.map(({ region }) => region))];
  const nearestFirst = regions.toSorted((a, b) => nearness(place, b) - nearness(place, a));
  return nearestFirst.flatMap((region) => ranked(members, region, chooser));
}

function ranked(
  members: readonly ReplicaRef[],
  region: Region,
  { affinity }: Chooser,
): readonly ReplicaRef[] {
  const siblings = members.filter((member) => member.region === region);
  return siblings.length > 1 ? rankedFor(affinity(), siblings) : siblings;
}

/** A leader for a database whose creator named none: near the caller, and not where a follower is to be. */
export function nearestRegion(place: Place, taken: readonly Region[]): Region {
  const free = REGIONS.filter((region) => !taken.includes(region)).map((region) => ({ region }));
  if (free.length === 0)
    return refuse({ code: 'invalid-request', detail: 'followers leave no region for the leader.' });
  return nearestOf(place, free).region;
}
