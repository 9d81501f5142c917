import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { check } from './checker/check.ts';
import { type HistoryEvent, toJsonLines } from './history.ts';
import { drawPlan } from './plan.ts';
import { simulate } from './simulation.ts';

const USAGE = `npm run simulate -- [--seeds N] [--from SEED] [--seed SEED [--trace] [--history FILE]]

  --seeds N       run so many seeds (100), one after another, from --from or from one never tried before
  --seed SEED     run this one
  --trace         print its plan and everything that happened
  --history FILE  write its history, one JSON object a line`;

const PROGRESS_MS = 5_000;

function main(): number {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100' },
      from: { type: 'string' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      history: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (values.seed !== undefined) return one(Number(values.seed), values);
  const fresh = Math.floor(Date.now() / 1000) * 1000;
  return many(Number(values.from ?? fresh), Number(values.seeds));
}

function one(
  seed: number,
  { trace, history: file }: { readonly trace: boolean; readonly history?: string | undefined },
): number {
  const history: HistoryEvent[] = [];
  try {
    simulate(seed, history);
  } finally {
    if (trace) show(seed, history);
    if (file !== undefined) writeFileSync(file, toJsonLines(history));
  }
  const violations = check(history);
  for (const { id, what } of violations) console.log(`${id}: ${what}`);
  if (violations.length === 0) console.log(`seed ${seed}: ${history.length} events, nothing wrong`);
  return violations.length === 0 ? 0 : 1;
}

function many(from: number, seeds: number): number {
  const began = performance.now();
  let shownAt = began;
  let operations = 0;
  let failed = 0;
  const rate = (count: number) => (count / ((performance.now() - began) / 1000)).toFixed(1);
  for (let seed = from; seed < from + seeds; seed += 1) {
    const history: HistoryEvent[] = [];
    const wrong = wrongWith(seed, history);
    operations += history.filter(({ event }) => event === 'invoke').length;
    if (wrong !== null) {
      failed += 1;
      console.log(`seed ${seed}: ${wrong}\n  npm run simulate -- --seed ${seed} --trace`);
    }
    if (performance.now() - shownAt < PROGRESS_MS) continue;
    shownAt = performance.now();
    const done = seed - from + 1;
    console.log(
      `${done} of ${seeds} seeds, ${failed} failed, ${rate(done)} seeds/s, ${rate(operations)} operations/s`,
    );
  }
  console.log(
    `seeds ${from} to ${from + seeds - 1}: ${failed} failed, ${rate(seeds)} seeds/s, ${rate(operations)} operations/s`,
  );
  return failed === 0 ? 0 : 1;
}

/** The first thing wrong with a seed, or null. What the code itself throws is as wrong as what the checker finds. */
function wrongWith(seed: number, history: HistoryEvent[]): string | null {
  try {
    simulate(seed, history);
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const [first, ...others] = check(history);
  if (first === undefined) return null;
  return `${first.id}: ${first.what}${others.length > 0 ? ` (and ${others.length} more)` : ''}`;
}

function show(seed: number, history: readonly HistoryEvent[]): void {
  console.log(JSON.stringify(drawPlan(seed)));
  const start = history[0]?.t ?? 0;
  for (const { t, event, ...rest } of history)
    console.log(`${String(t - start).padStart(9)} ${event.padEnd(8)} ${JSON.stringify(rest)}`);
}

process.exitCode = main();
