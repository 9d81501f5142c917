import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BATCH_ROWS } from './bodies.ts';
import { logBytesPerRow } from './files.ts';
import { measureLadder } from './ladder.ts';
import { measureReference, measureTidemark, REPLICATED } from './measure.ts';
import { measureBefore } from './durability.ts';
import { measureOperations, OPERATIONS } from './operations.ts';
import { json, type Line, table } from './report.ts';
import { LoadThread } from './subject.ts';
import { startSystems } from './systems.ts';

const HELP = `npm run bench -- [--seconds 1.5] [--rounds 5] [--reference | --ladder | --operations [--only NAME]] [--before TREE]

Measures Tidemark beside a bare Durable Object and local D1, prints a table and writes bench/results/latest.json.
--reference measures the bare object and D1 only.
--ladder measures what each duty of the contract costs on top of the bare object, in processor time (on Linux).
--operations measures followers that come and go, durability, several followers in a region, and the log that is cut; --only one of
${Object.keys(OPERATIONS).join(', ')}.
--before TREE compares inserts with those of another tree of the product.`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '1.5' },
      rounds: { type: 'string', default: '5' },
      reference: { type: 'boolean', default: false },
      ladder: { type: 'boolean', default: false },
      operations: { type: 'boolean', default: false },
      only: { type: 'string' },
      before: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-bench-'));
  const systems = await startSystems(directory, values.before ?? null);
  const thread = new LoadThread();
  try {
    const run = {
      systems,
      thread,
      rounds: Number(values.rounds),
      milliseconds: Number(values.seconds) * 1000,
    };
    if (values.before !== undefined) return console.log(table(await measureBefore(run)));
    if (values.operations) return console.log(table(await measureOperations(run, values.only ?? null)));
    if (values.ladder) return console.log(table(await measureLadder(run)));
    const lines = values.reference ? await measureReference(run) : await measureTidemark(run);
    await systems.close();
    report(values.reference ? lines : [...lines, ...logLines(directory)]);
  } finally {
    await thread.close();
    await systems.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Read from the objects' own files, so only once the runtime has ended. */
function logLines(directory: string): Line[] {
  const bytes = logBytesPerRow(directory, REPLICATED);
  const what = 'log bytes per inserted row of 100 bytes';
  if (bytes === null)
    return [{ what, value: null, unit: 'bytes', target: null, note: 'no object’s file was found' }];
  const target = { of: '', value: bytes.most, bound: 200, wanted: 'at most' } as const;
  const note = `one row an entry; ${Math.round(bytes.least)} with ${BATCH_ROWS} rows an entry; from the objects’ files`;
  return [{ what, value: bytes.most, unit: 'bytes', target, note }];
}

function report(lines: readonly Line[]): void {
  console.log(table(lines));
  const results = resolve(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, 'latest.json'), json(lines));
}

await main();
