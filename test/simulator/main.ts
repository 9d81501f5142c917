import { parseArgs } from 'node:util';
import { runAllBugs, runBug } from './bugs/run.ts';

const USAGE = `npm run simulate -- [--seeds N] [--from SEED] [--seed SEED] [--workload FILE] [--bug ID | --bugs]

  --seeds N       run so many seeds (100), one after another, from --from or from one never tried before
  --seed SEED     run this one
  --plan JSON     with these parts of the plan in place of what each seed draws
  --trace         print its plan and everything that happened
  --history FILE  write its history, one JSON object a line
  --registers FILE  write its register operations for a linearizability checker
  --elle FILE     write its list operations as elle-cli reads them
  --shrink        where it fails, look for a smaller world that fails likewise
  --workload FILE let clients do what this module says (examples/README.md)
  --bug ID        put this bug of the bank in, and look for the first seed that shows it
  --bugs          all of them, as the table of docs/reliability.md

It ends with status 1 where something was wrong.`;

/** The simulation is loaded only after a bug has been put into it. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      seed: { type: 'string' },
      plan: { type: 'string' },
      trace: { type: 'boolean', default: false },
      history: { type: 'string' },
      registers: { type: 'string' },
      elle: { type: 'string' },
      shrink: { type: 'boolean', default: false },
      workload: { type: 'string' },
      bug: { type: 'string' },
      bugs: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const seeds = values.seeds === undefined ? null : wholeNumber('--seeds', values.seeds);
  const from = values.from === undefined ? null : wholeNumber('--from', values.from);
  if (values.bugs) return runAllBugs({ from: from ?? 1, seeds });
  if (values.bug !== undefined) return runBug(values.bug, { from: from ?? 1, seeds });
  const { runOne, runMany } = await import('./run.ts');
  if (values.seed !== undefined) return runOne({ ...values, seed: wholeNumber('--seed', values.seed) });
  const fresh = Math.floor(Date.now() / 1000) * 1_000_000;
  return runMany({ ...values, from: from ?? fresh, seeds: seeds ?? 100 });
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number)) return number;
  throw new Error(`${option} must be a whole number, not ${text}`);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
