import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DURABILITIES, type Durability } from '../../shared/protocol/settings.ts';
import { isRegion, REGIONS, type Region } from '../../shared/regions.ts';
import { toJsonLines } from '../simulator/history.ts';
import { EVIDENCE } from './evidence.ts';
import { torture, type TortureOptions } from './torture.ts';

const USAGE = `npm run torture -- [--seconds 60] [--durability async,semi-sync,quorum] [--clients 8] [--leader weur]
                   [--followers enam,apac,sam] [--seed N] [--kill-every 15] [--evict-every 1] [--cut-every 4]
                   [--failover-every 2] [--no-failovers] [--fault-rate 0.05] [--history FILE] [--trace]

  The real runtime with storage on disk, under SIGKILL, eviction, lost messages, cut links and failovers, judged by the simulator's checker.

  --seconds S         how long all goes wrong, in all; coming to rest afterwards is not counted
  --durability MODES  async, semi-sync, quorum, all: one run of each, one after the other, which share the time
  --kill-every S      the runtime's process is killed once in so many seconds on average
  --evict-every S     so often an object loses its memory
  --cut-every S       so often a link is cut, for up to 25 seconds; 0 for never
  --failover-every S  so long after one failover another is asked for: planned, or because the leader is taken away
  --no-failovers      the leader stays, and is never taken away
  --fault-rate R      the share of messages between Worker and objects that are lost, late, slow or repeated
  --seed N            what the clients do; timing is the machine's, so that no run is like another
  --history FILE      write the histories, one JSON object a line, each to FILE with the mode before its ending
  --trace             tell what goes wrong when it does

  It ends with status 1 where something was wrong, with 2 where it could not be run.

Judged by:
${Object.entries(EVIDENCE)
  .map(([id, what]) => `  ${id.padEnd(4)} ${what}`)
  .join('\n')}`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      durability: { type: 'string', default: 'async,semi-sync,quorum' },
      clients: { type: 'string', default: '8' },
      leader: { type: 'string', default: 'weur' },
      followers: { type: 'string', default: 'enam,apac,sam' },
      seed: { type: 'string', default: String(Math.floor(Date.now() / 1000)) },
      'kill-every': { type: 'string', default: '15' },
      'evict-every': { type: 'string', default: '1' },
      'cut-every': { type: 'string', default: '4' },
      'failover-every': { type: 'string', default: '2' },
      'no-failovers': { type: 'boolean', default: false },
      'fault-rate': { type: 'string', default: '0.05' },
      history: { type: 'string' },
      trace: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (numberOf('clients', values.clients) < 1) throw new Error('--clients must be at least 1');
  const modes = listOf(values.durability).map(durabilityOf);
  const cutEvery = numberOf('cut-every', values['cut-every']);
  const failoverEvery = numberOf('failover-every', values['failover-every']);
  const options: Omit<TortureOptions, 'durability'> = {
    seconds: numberOf('seconds', values.seconds) / modes.length,
    clients: numberOf('clients', values.clients),
    leader: regionOf(values.leader),
    followers: listOf(values.followers).map(regionOf),
    seed: numberOf('seed', values.seed),
    killEverySeconds: numberOf('kill-every', values['kill-every']),
    evictEverySeconds: numberOf('evict-every', values['evict-every']),
    cutEverySeconds: cutEvery === 0 ? null : cutEvery,
    failoverEverySeconds: values['no-failovers'] ? null : failoverEvery,
    faultRate: numberOf('fault-rate', values['fault-rate']),
    isTraced: values.trace,
  };
  let status = 0;
  for (const durability of modes)
    status = Math.max(status, await run({ ...options, durability }, values.history ?? null));
  const judging = Object.entries(EVIDENCE).filter(([, what]) => !what.startsWith('nothing'));
  console.log(`judged by ${judging.map(([id]) => id).join(' ')}`);
  return status;
}

function listOf(text: string): string[] {
  return text.split(',').filter((name) => name !== '');
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

function durabilityOf(name: string): Durability {
  const found = DURABILITIES.find((durability) => durability === name);
  if (found === undefined)
    throw new Error(`there is no durability ${name}; there are ${DURABILITIES.join(', ')}`);
  return found;
}

/** The exit status. Where something is wrong, its traces are kept. */
async function run(options: TortureOptions, historyFile: string | null): Promise<number> {
  const { durability, seed } = options;
  const directory = mkdtempSync(join(tmpdir(), `tidemark-torture-${durability}-`));
  console.log(`${durability}: seed ${seed}, in ${directory}`);
  const { history, violations, counts } = await torture(options, directory);
  const isClean = violations.length === 0;
  const path = historyFile?.replace(/(\.[^./]*)?$/, `-${durability}$1`) ?? join(directory, 'history.jsonl');
  if (!isClean || historyFile !== null) writeFileSync(path, toJsonLines(history));
  for (const [what, count] of Object.entries(counts)) console.log(`${String(count).padStart(8)} ${what}`);
  for (const { id, what } of violations) console.log(`${id}: ${what}`);
  if (!isClean) {
    console.log(`${durability}: ${violations.length} violations; history ${path}, storage ${directory}`);
    return 1;
  }
  rmSync(directory, { recursive: true, force: true });
  console.log(`${durability}: ${history.length} events, nothing wrong`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
