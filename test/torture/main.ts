import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isRegion, REGIONS, type Region } from '../../shared/regions.ts';
import { toJsonLines } from '../simulator/history.ts';
import { EVIDENCE } from './evidence.ts';
import { torture, type TortureOptions } from './torture.ts';

const USAGE = `npm run torture -- [--seconds 60] [--clients 8] [--leader weur] [--followers enam,apac] [--seed N]
                   [--kill-every 5] [--evict-every 1] [--fault-rate 0.05] [--history FILE]

  The real runtime with storage on disk, under SIGKILL, eviction and lost messages, judged by the simulator's checker.

  --kill-every S   the runtime's process is killed once in so many seconds on average
  --evict-every S  so often an object loses its memory
  --fault-rate R   the share of messages between Worker and objects that are lost, late, slow or repeated
  --seed N         what the clients do; timing is the machine's, so that no run is like another
  --history FILE   write the history, one JSON object a line

  It ends with status 1 where something was wrong, with 2 where it could not be run.

Judged by:
${Object.entries(EVIDENCE)
  .map(([id, what]) => `  ${id.padEnd(4)} ${what}`)
  .join('\n')}`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      clients: { type: 'string', default: '8' },
      leader: { type: 'string', default: 'weur' },
      followers: { type: 'string', default: 'enam,apac' },
      seed: { type: 'string', default: String(Math.floor(Date.now() / 1000)) },
      'kill-every': { type: 'string', default: '5' },
      'evict-every': { type: 'string', default: '1' },
      'fault-rate': { type: 'string', default: '0.05' },
      history: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (numberOf('clients', values.clients) < 1) throw new Error('--clients must be at least 1');
  const names = values.followers.split(',').filter((name) => name !== '');
  const options: TortureOptions = {
    seconds: numberOf('seconds', values.seconds),
    clients: numberOf('clients', values.clients),
    leader: regionOf(values.leader),
    followers: names.map(regionOf),
    seed: numberOf('seed', values.seed),
    killEverySeconds: numberOf('kill-every', values['kill-every']),
    evictEverySeconds: numberOf('evict-every', values['evict-every']),
    faultRate: numberOf('fault-rate', values['fault-rate']),
  };
  return run(options, values.history ?? null);
}

function numberOf(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0)) throw new Error(`--${option} must be a number, not ${text}`);
  return value;
}

function regionOf(name: string): Region {
  if (!isRegion(name)) throw new Error(`there is no region ${name}; there are ${REGIONS.join(', ')}`);
  return name;
}

/** The exit status. Where something is wrong, its traces are kept. */
async function run(options: TortureOptions, historyFile: string | null): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-torture-'));
  console.log(`seed ${options.seed}, in ${directory}`);
  const { history, violations, counts } = await torture(options, directory);
  const isClean = violations.length === 0;
  const path = historyFile ?? (isClean ? null : join(directory, 'history.jsonl'));
  if (path !== null) writeFileSync(path, toJsonLines(history));
  for (const [what, count] of Object.entries(counts)) console.log(`${String(count).padStart(8)} ${what}`);
  for (const { id, what } of violations) console.log(`${id}: ${what}`);
  if (!isClean) {
    console.log(`${violations.length} violations; history ${path}, storage ${directory}`);
    return 1;
  }
  rmSync(directory, { recursive: true, force: true });
  const judging = Object.entries(EVIDENCE).filter(([, what]) => !what.startsWith('nothing'));
  console.log(`judged by ${judging.map(([id]) => id).join(' ')}`);
  console.log(`seed ${options.seed}: ${history.length} events, nothing wrong`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
