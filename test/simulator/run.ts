import { writeFileSync } from 'node:fs';
import { check } from './checker/check.ts';
import { toElleJson, toRegisterLines } from './checker/export.ts';
import { type HistoryEvent, toJsonLines } from './history.ts';
import { drawPlan, type Plan } from './plan.ts';
import { changed, differences, shrink } from './shrink.ts';
import { simulatePlan } from './simulation.ts';
import { type Work, workOf, workOfUser } from './workload.ts';
import { loadWorkload } from './workloads/load.ts';
import { UserRun, type UserWorkload } from './workloads/user.ts';

const PROGRESS_MS = 5_000;

export interface Wrong {
  /** The predicate that does not hold, or the name of what the code threw. */
  readonly id: string;
  readonly what: string;
}

/** Everything that is wrong with one run. What the code itself throws is as wrong as what the checker finds. */
function wrongWith(plan: Plan, history: HistoryEvent[], user: UserWorkload | null = null): Wrong[] {
  const run = user === null ? null : new UserRun(user);
  const work: Work = run === null ? workOf(plan.workloads) : workOfUser(run);
  try {
    simulatePlan({ plan, history, work });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return [{ id: error.name, what: error.stack ?? error.message }];
  }
  const judged = run?.judge(history).map((what): Wrong => ({ id: 'workload', what })) ?? [];
  return [...check(history), ...judged];
}

export interface OneRun {
  readonly seed: number;
  readonly plan?: string | undefined;
  readonly trace: boolean;
  readonly shrink: boolean;
  readonly history?: string | undefined;
  readonly registers?: string | undefined;
  readonly elle?: string | undefined;
  readonly workload?: string | undefined;
}

export async function runOne(options: OneRun): Promise<number> {
  const { seed, workload } = options;
  const user = workload === undefined ? null : await loadWorkload(workload);
  const drawn = drawPlan(seed);
  const plan = changed(drawn, options.plan ?? '{}');
  const history: HistoryEvent[] = [];
  const wrong = wrongWith(plan, history, user);
  if (options.trace) show(plan, history);
  if (options.history !== undefined) writeFileSync(options.history, toJsonLines(history));
  if (options.registers !== undefined) writeFileSync(options.registers, toRegisterLines(history));
  if (options.elle !== undefined) writeFileSync(options.elle, toElleJson(history));
  for (const { id, what } of wrong) console.log(`${id}: ${what}`);
  const [first] = wrong;
  if (first === undefined) console.log(`seed ${seed}: ${history.length} events, nothing wrong`);
  else if (options.shrink) showShrunk({ drawn, plan, user, workload }, first);
  return wrong.length === 0 ? 0 : 1;
}

interface Failed {
  readonly drawn: Plan;
  readonly plan: Plan;
  readonly user: UserWorkload | null;
  /** The file that it is of. */
  readonly workload: string | undefined;
}

function showShrunk({ drawn, plan, user, workload }: Failed, { id }: Wrong): void {
  const smallest = shrink(plan, (smaller) => wrongWith(smaller, [], user).some((wrong) => wrong.id === id));
  const history: HistoryEvent[] = [];
  wrongWith(smallest, history, user);
  console.log(`\nThe smallest world that was found in which ${id} still fails:\n`);
  show(smallest, history);
  console.log(`\n${command(drawn.seed, differences(drawn, smallest), workload)}`);
}

/** What repeats it exactly. */
function command(seed: number, plan: string | undefined, workload: string | undefined): string {
  const parts = [
    ...(plan === undefined ? [] : [`--plan '${plan}'`]),
    ...(workload === undefined ? [] : [`--workload ${workload}`]),
  ];
  return ['  npm run simulate -- --seed', seed, ...parts].join(' ');
}

export interface ManyRuns {
  readonly from: number;
  readonly seeds: number;
  readonly plan?: string | undefined;
  readonly workload?: string | undefined;
}

export async function runMany({ from, seeds, workload, plan }: ManyRuns): Promise<number> {
  const user = workload === undefined ? null : await loadWorkload(workload);
  const began = performance.now();
  let shownAt = began;
  let operations = 0;
  let failed: number[] = [];
  const rate = (count: number) => (count / ((performance.now() - began) / 1000)).toFixed(1);
  for (let seed = from; seed < from + seeds; seed += 1) {
    const history: HistoryEvent[] = [];
    const [first, ...others] = wrongWith(changed(drawPlan(seed), plan ?? '{}'), history, user);
    operations += history.filter(({ event }) => event === 'invoke').length;
    if (first !== undefined) {
      failed = [...failed, seed];
      const more = others.length > 0 ? ` (and ${others.length} more)` : '';
      console.log(`seed ${seed}: ${first.id}: ${first.what}${more}`);
      console.log(command(seed, plan, workload));
    }
    if (performance.now() - shownAt < PROGRESS_MS) continue;
    shownAt = performance.now();
    const done = seed - from + 1;
    console.log(
      `${done} of ${seeds} seeds, ${failed.length} failed, ${rate(done)} seeds/s, ${rate(operations)} operations/s`,
    );
  }
  console.log(
    `seeds ${from} to ${from + seeds - 1}: ${failed.length} failed, ${rate(seeds)} seeds/s, ${rate(operations)} operations/s`,
  );
  const [first] = failed;
  if (first !== undefined) await runOne({ seed: first, plan, workload, trace: false, shrink: true });
  return failed.length === 0 ? 0 : 1;
}

function show(plan: Plan, history: readonly HistoryEvent[]): void {
  console.log(JSON.stringify(plan));
  const start = history[0]?.t ?? 0;
  for (const { t, event, ...rest } of history)
    console.log(`${String(t - start).padStart(9)} ${event.padEnd(8)} ${JSON.stringify(rest)}`);
}
