import type { Plan } from './plan.ts';

/** How many smaller worlds are tried at most. */
const TRIES_MAX = 200;

/**
 * A smaller plan of which the same can still be said: without kinds of faults, workloads, followers and clients that the
 * failure does not need, and with as few operations as keep it. Greedy, so not the smallest that there is.
 */
export function shrink(plan: Plan, stillFails: (smaller: Plan) => boolean): Plan {
  let best = plan;
  let tries = 0;
  for (let hasShrunk = true; hasShrunk;) {
    hasShrunk = false;
    for (const smaller of smallerThan(best)) {
      if ((tries += 1) > TRIES_MAX) return best;
      if (!stillFails(smaller)) continue;
      best = smaller;
      hasShrunk = true;
      break;
    }
  }
  return best;
}

/** The boldest first. */
function* smallerThan(plan: Plan): Generator<Plan> {
  const { operations, workloads, regions, clients } = plan;
  for (const part of [0.25, 0.5, 0.75, 0.9, 0.97]) {
    const fewer = Math.floor(operations * part);
    if (fewer >= 1 && fewer < operations) yield { ...plan, operations: fewer };
  }
  if (plan.durability !== 'async') yield { ...plan, durability: 'async' };
  if (plan.offsetMs !== 0) yield { ...plan, offsetMs: 0 };
  if (plan.skew !== null) yield { ...plan, skew: null };
  if (plan.automaticMs !== null) yield { ...plan, automaticMs: null };
  if (plan.isLeaderGone) yield { ...plan, isLeaderGone: false };
  if (plan.older !== null) yield { ...plan, older: null };
  for (const [occasion, every] of Object.entries(plan.every))
    if (every !== null) yield { ...plan, every: { ...plan.every, [occasion]: null } };
  for (const rate of FAULT_RATES)
    if (plan.rates[rate] !== 0) yield { ...plan, rates: { ...plan.rates, [rate]: 0 } };
  if (workloads.length > 1)
    for (const left of workloads) yield { ...plan, workloads: workloads.filter((one) => one !== left) };
  const needsFollower = plan.durability !== 'async' && regions.length === 2;
  if (regions.length > 1 && !needsFollower) yield { ...plan, regions: regions.slice(0, -1) };
  if (clients > 1) yield { ...plan, clients: clients - 1, sessions: Math.min(plan.sessions, clients - 1) };
}

const FAULT_RATES = [
  'drop',
  'late',
  'duplicate',
  'lostAnswer',
  'newRouter',
  'overload',
  'reusedKey',
  'slowDisk',
  'failedStep',
  'crashBetweenEffects',
  'alarmTwice',
  'keyed',
  'bounded',
  'users',
  'ownDurability',
] as const satisfies readonly (keyof Plan['rates'])[];

/**
 * The plan that a seed drew, with the parts that `json` gives in place of its own; of an object those that it names.
 * @throws Error for what is no part of a plan: a world that is not the one that was meant would pass unnoticed
 */
export function changed(drawn: Plan, json: string): Plan {
  return changedPart('--plan', drawn, parsed(json)) as Plan;
}

const MAY_BE_NULL: ReadonlySet<string> = new Set(['skew', 'older', 'automaticMs'] satisfies (keyof Plan)[]);

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new Error(`--plan must be JSON: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function changedPart(name: string, drawn: unknown, given: unknown): unknown {
  if (!isParts(drawn)) {
    const isNever = given === null && name.startsWith('every.');
    if (typeof drawn === 'number' && typeof given !== 'number' && !isNever)
      throw new Error(`${name} must be a number, not ${JSON.stringify(given)}`);
    return given;
  }
  if (given === null && MAY_BE_NULL.has(name)) return given;
  if (!isParts(given)) throw new Error(`${name} must be an object, not ${JSON.stringify(given)}`);
  const parts = Object.entries(given).map(([part, value]) => {
    if (!(part in drawn)) throw new Error(`${name} has no ${part}; it has ${Object.keys(drawn).join(', ')}`);
    return [part, changedPart(name === '--plan' ? part : `${name}.${part}`, drawn[part], value)] as const;
  });
  return { ...drawn, ...Object.fromEntries(parts) };
}

function isParts(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What of `plan` is not as its seed drew it, as JSON for `--plan`. */
export function differences(drawn: Plan, plan: Plan): string {
  const different = Object.entries(plan).filter(
    ([field, value]) => JSON.stringify(value) !== JSON.stringify(drawn[field as keyof Plan]),
  );
  return JSON.stringify(Object.fromEntries(different));
}
