import type { Random } from '../random.ts';
import { bank } from './bank.ts';
import { bulk } from './bulk.ts';
import { cascades } from './cascades.ts';
import { chain } from './chain.ts';
import { columns } from './columns.ts';
import { family } from './family.ts';
import { ids } from './ids.ts';
import { instead } from './instead.ts';
import { lists } from './lists.ts';
import { questions } from './questions.ts';
import { registers } from './registers.ts';
import { rowids } from './rowids.ts';
import { schema } from './schema.ts';
import { swaps } from './swaps.ts';
import type { Workload } from './task.ts';
import { triggers } from './triggers.ts';
import { values } from './values.ts';

interface Kind {
  readonly make: () => Workload;
  /** How many lots it has when a seed draws its workloads. */
  readonly lots: number;
  /** How often its operations are drawn, next to the others of its seed. */
  readonly weight: { readonly least: number; readonly most: number };
}

/** Reads see what these write: the model knows it. Most operations are theirs, as their statements are small. */
const SEEN = {
  registers: { make: registers, lots: 6, weight: { least: 10, most: 60 } },
  lists: { make: lists, lots: 4, weight: { least: 5, most: 40 } },
  bank: { make: bank, lots: 4, weight: { least: 10, most: 60 } },
  ids: { make: ids, lots: 3, weight: { least: 10, most: 40 } },
  questions: { make: questions, lots: 3, weight: { least: 10, most: 40 } },
} satisfies Record<string, Kind>;

/** What these write is compared between replicas, by digest. */
const OTHERS = {
  bulk: { make: bulk, lots: 1, weight: { least: 1, most: 3 } },
  rowids: { make: rowids, lots: 2, weight: { least: 3, most: 20 } },
  swaps: { make: swaps, lots: 2, weight: { least: 3, most: 20 } },
  values: { make: values, lots: 2, weight: { least: 3, most: 20 } },
  family: { make: family, lots: 2, weight: { least: 3, most: 15 } },
  cascades: { make: cascades, lots: 2, weight: { least: 3, most: 15 } },
  chain: { make: chain, lots: 2, weight: { least: 3, most: 15 } },
  triggers: { make: triggers, lots: 2, weight: { least: 3, most: 15 } },
  instead: { make: instead, lots: 2, weight: { least: 3, most: 15 } },
  columns: { make: columns, lots: 1, weight: { least: 2, most: 6 } },
  schema: { make: schema, lots: 2, weight: { least: 2, most: 8 } },
} satisfies Record<string, Kind>;

const KINDS: Readonly<Record<WorkloadName, Kind>> = { ...SEEN, ...OTHERS };

export type WorkloadName = keyof typeof SEEN | keyof typeof OTHERS;

export const WORKLOAD_NAMES = Object.keys(KINDS) as WorkloadName[];

const LOTS = WORKLOAD_NAMES.flatMap((name) => Array.from({ length: KINDS[name].lots }, () => name));
const LOTS_SEEN = LOTS.filter((name) => name in SEEN);

export interface Share {
  readonly name: WorkloadName;
  readonly weight: number;
}

/**
 * Which workloads one seed has, and how often each is drawn. They are few, because every table makes each replica
 * slower to set up and to compare, and one of them is seen by reads.
 */
export function drawShares(random: Random): Share[] {
  const others = Array.from({ length: random.between(1, 3) }, () => random.pick(LOTS));
  const names = new Set([random.pick(LOTS_SEEN), ...others]);
  return [...names].map((name) => {
    const { least, most } = KINDS[name].weight;
    return { name, weight: random.between(least, most) };
  });
}

export function makeWorkload(name: WorkloadName): Workload {
  return KINDS[name].make();
}
