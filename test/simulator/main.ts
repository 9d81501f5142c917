import { parseArgs } from 'node:util';
import { runAllBugs, runBug } from './bugs/run.ts';

const USAGE = `npm run simulate -- [--seeds N] [--from SEED] [--seed SEED] [--workload FILE] [--bug ID | --bugs]

  --seeds N       run so many seeds (100), one after another, from --from or from one never tried before
  --plan JSON     with these parts of the plan in place of what each seed draws
  --workload FILE let clients do what this module says (examples/README.md)
  --seed SEED     run this one; with it go:
    --trace           print its plan and everything that happened
    --history FILE    write its history, one JSON object a line
    --registers FILE  write its register operations for a linearizability checker
    --elle FILE       write its list operations as elle-cli reads them
    --shrink          where it fails, look for a smaller world that fails likewise
  --bug ID        put this bug of the bank in, and look for the first seed that shows it: from seed 1, or --from, or
                  in --seed alone; in as many as the bank says, or --seeds
  --bugs          all of them, as the table of docs/reliability.md

It ends with status 1 where something was wrong, with 2 where nothing could be run.`;

/** What says something of one run that is looked at alone. */
const OF_ONE_SEED = ['trace', 'history', 'registers', 'elle', 'shrink'] as const;
const NOT_WITH_BUGS = ['plan', 'workload', ...OF_ONE_SEED] as const;

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
  refuseTogether(values);
  const seeds = wholeNumber('--seeds', values.seeds);
  const from = wholeNumber('--from', values.from);
  const seed = wholeNumber('--seed', values.seed);
  if (seeds === 0) throw new Error('--seeds must be at least 1');
  if (values.bugs) return runAllBugs({ from: from ?? 1, seeds });
  if (values.bug !== undefined)
    return runBug(values.bug, seed === null ? { from: from ?? 1, seeds } : { from: seed, seeds: 1 });
  const { runOne, runMany } = await import('./run.ts');
  if (seed !== null) return runOne({ ...values, seed });
  const fresh = Math.floor(Date.now() / 1000) * 1_000_000;
  return runMany({ ...values, from: from ?? fresh, seeds: seeds ?? 100 });
}

type Given = Readonly<Record<string, string | boolean | undefined>>;

/** An option that would be passed over is refused: who gave it would believe what was not run. */
function refuseTogether(values: Given): void {
  const given = (names: readonly string[]) => names.filter((name) => Boolean(values[name]));
  const refuse = (names: readonly string[], why: string) => {
    if (names.length > 0) throw new Error(`${names.map((name) => `--${name}`).join(' and ')} ${why}`);
  };
  if (values['bugs'] === true) refuse(given(['bug', 'seed', ...NOT_WITH_BUGS]), 'cannot be used with --bugs');
  if (values['bug'] !== undefined) refuse(given(NOT_WITH_BUGS), 'cannot be used with --bug');
  if (values['seed'] === undefined)
    refuse(given(OF_ONE_SEED), 'says something of one run: use it with --seed');
  else refuse(given(['seeds', 'from']), 'cannot be used with --seed, which is one run');
}

/** Null where the option was not given. */
function wholeNumber(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
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
