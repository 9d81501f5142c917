import { spawnSync } from 'node:child_process';
import type { HistoryEvent } from '../history.ts';
import { BANK, findBug } from './bank.ts';
import type { Bug, Patched } from './bug.ts';
import { patchWhatLoads } from './patch.ts';

/** The first seed in which what was expected went wrong. */
export interface Caught {
  readonly seed: number;
  readonly predicate: string;
  readonly what: string;
}

export interface Hunted {
  /** Null where no seed showed the bug. */
  readonly caught: Caught | null;
  /** How many seeds ran. */
  readonly seeds: number;
  /** The first error by which a seed ended, which is not what was looked for; null where none did. */
  readonly threw: string | null;
}

/**
 * Runs seeds with the bug in the code until one shows it. Once in a process, and only where the simulation has not been
 * loaded yet: a module is loaded once.
 */
async function hunt(bug: Patched, fromSeed: number, seedsMax: number): Promise<Hunted> {
  const patching = patchWhatLoads(bug.patches);
  const { simulate } = await import('../simulation.ts');
  const { check } = await import('../checker/check.ts');
  patching.assertComplete();
  let threw: string | null = null;
  for (let seed = fromSeed; seed < fromSeed + seedsMax; seed += 1) {
    const history: HistoryEvent[] = [];
    const thrown = thrownBy(() => simulate(seed, history));
    const seeds = seed - fromSeed + 1;
    if (thrown !== null) {
      threw ??= `seed ${seed}: ${thrown.message}`;
      continue;
    }
    const found = check(history).find(({ id }) => bug.predicates.includes(id));
    if (found !== undefined) return { caught: { seed, predicate: found.id, what: found.what }, seeds, threw };
  }
  return { caught: null, seeds: seedsMax, threw };
}

function thrownBy(run: () => void): Error | null {
  try {
    run();
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

export interface BugRun {
  readonly from: number;
  /** Null: as many as the bank says. */
  readonly seeds: number | null;
}

/** `npm run simulate -- --bug ID`. Gives the exit status: 1 caught, 0 not caught, 2 where there is nothing to run. */
export async function runBug(id: string, { from, seeds }: BugRun): Promise<number> {
  const bug = findBug(id);
  if (bug === undefined) {
    console.log(`there is no bug ${id}; there are ${BANK.map((known) => known.id).join(', ')}`);
    return 2;
  }
  if (bug.kind !== 'patched') {
    console.log(`${id}, ${bug.title}: ${whyNot(bug)}`);
    return 2;
  }
  const seedsMax = seeds ?? bug.seedsMax;
  const { caught, threw } = await hunt(bug, from, seedsMax);
  if (caught === null) {
    console.log(`${id}, ${bug.title}: not noticed in seeds ${from} to ${from + seedsMax - 1}`);
    if (threw !== null) console.log(`not all of them came to their end; ${threw}`);
    return 0;
  }
  console.log(`${id}, ${bug.title}\n${caught.predicate}: ${caught.what}\nseed ${caught.seed}`);
  console.log(`  npm run simulate -- --bug ${id} --from ${caught.seed} --seeds 1`);
  return 1;
}

function whyNot(bug: Exclude<Bug, Patched>): string {
  return bug.kind === 'later' ? `waits for ${bug.needs}` : `is caught by ${bug.by}`;
}

/**
 * `npm run simulate -- --bugs`: all of them, each in a process of its own, as the table of docs/reliability.md. Gives the exit
 * status: 1 where one that can be made is not caught within its seeds, or where a seed that caught one fails without it too.
 */
export function runAllBugs(run: BugRun): number {
  console.log('| bug | | where it happened | caught by | seeds needed |\n|---|---|---|---|---|');
  const hunts = BANK.map((bug) => {
    const { seed, by, needed } =
      bug.kind === 'patched' ? huntedCells(bug, run) : { ...NOT_RUN, by: whyNot(bug) };
    console.log(`| ${bug.id} | ${bug.title} | ${bug.seen} | ${by} | ${needed} |`);
    return { seed, isMissed: bug.kind === 'patched' && seed === null };
  });
  const seeds = [...new Set(hunts.flatMap(({ seed }) => (seed === null ? [] : [seed])))];
  const wrong = inProcess(['without', ...seeds.map(String)]) as string[];
  for (const what of wrong) console.log(`fails without a bug, too: ${what}`);
  const missed = hunts.filter(({ isMissed }) => isMissed).length;
  console.log(`\n${missed} not caught`);
  return missed + wrong.length === 0 ? 0 : 1;
}

interface Cells {
  /** The one that caught it. */
  readonly seed: number | null;
  readonly by: string;
  readonly needed: string;
}

const NOT_RUN = { seed: null, needed: '' } as const;

function huntedCells(bug: Patched, run: BugRun): Cells {
  try {
    const { caught, seeds, threw } = huntApart(bug, run);
    if (caught !== null) return { seed: caught.seed, by: caught.predicate, needed: String(seeds) };
    const by = `nothing in ${seeds} seeds${threw === null ? '' : ` (${threw})`}`;
    return { seed: null, by, needed: 'not caught' };
  } catch (error) {
    console.error(error);
    return { seed: null, by: 'nothing: it did not run', needed: 'not caught' };
  }
}

/** Hunts in a process of its own. @throws where that did not come to its end */
export function huntApart(bug: Patched, { from, seeds }: BugRun): Hunted {
  return inProcess([bug.id, String(from), String(seeds ?? bug.seedsMax)]) as Hunted;
}

function inProcess(args: readonly string[]): unknown {
  const { status, stdout, stderr } = spawnSync(process.execPath, [import.meta.filename, ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with status ${status}\n${stderr}`);
  return JSON.parse(stdout);
}

/** What goes wrong in these seeds although no bug was put in. */
async function wrongWithout(seeds: readonly number[]): Promise<string[]> {
  const { simulate } = await import('../simulation.ts');
  const { check } = await import('../checker/check.ts');
  return seeds.flatMap((seed) =>
    check(simulate(seed))
      .slice(0, 1)
      .map(({ id, what }) => `seed ${seed}: ${id}: ${what}`),
  );
}

/** The process of `inProcess`. */
async function here([id = '', ...args]: readonly string[]): Promise<unknown> {
  const [from = 0, seeds = 0] = args.map(Number);
  if (id === 'without') return wrongWithout(args.map(Number));
  const bug = findBug(id);
  if (bug?.kind !== 'patched') throw new Error(`${id} is no bug that can be run`);
  return hunt(bug, from, seeds);
}

if (import.meta.main) console.log(JSON.stringify(await here(process.argv.slice(2))));
