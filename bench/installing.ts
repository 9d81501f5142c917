import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startElsewhere } from './systems.ts';
import { Cluster, follower, isStreamingMember } from './cluster.ts';
import { clock, type LoadResult } from './load.ts';
import { pause } from './replication.ts';
import { atLeast, atMost, type Line, plain, say } from './report.ts';
import { quantile } from './rounds.ts';
import type { BenchRun } from './measure.ts';

export const ITEMS = 200_000;
/** What a row holds: a key and two texts of 50 bytes. */
const ITEM_BYTES = 108;
const NEW_REGIONS = ['apac', 'oc', 'sam'];
const QUIET_MS = 5_000;
const LOOK_MS = 100;
/** As many rows in a piece of the plain copy as one of an install has. */
const PIECE_ROWS = 2_000;
/** As many as are fastest: a message of 2 MB, and few commits. */
const PIECE_ROWS_FASTEST = 20_000;

interface Window {
  readonly from: number;
  readonly to: number;
}

/** The new followers in the leader's own thread: what one sees who runs all regions on one machine. */
export async function measureWriters(run: BenchRun): Promise<Line[]> {
  say('writers while followers are installed');
  const cluster = await Cluster.make(run.systems.urls.tidemark, 'installing', ['enam']);
  await cluster.fill(ITEMS);
  const lines: Line[] = [];
  for (const regions of [NEW_REGIONS.slice(0, 1), NEW_REGIONS]) {
    const how = { regions, where: 'in the same thread', install: () => install(cluster, regions) };
    lines.push(...(await measureInstalls(run, cluster, how)));
  }
  return lines;
}

/** The new followers in a runtime of their own, as in other regions: what the writers have to bear of it. Only the copy of the tables is measured. */
export async function measureWritersElsewhere(run: BenchRun): Promise<Line[]> {
  say('writers while followers are installed elsewhere');
  const cluster = await Cluster.make(run.systems.urls.observed, 'elsewhere', ['enam']);
  await cluster.subject.get(`/away?regions=${NEW_REGIONS.join(',')}`);
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-bench-'));
  const elsewhere = await startElsewhere(directory);
  try {
    await cluster.fill(ITEMS);
    const regions = NEW_REGIONS;
    const how = { regions, where: 'elsewhere', install: () => installElsewhere(cluster, elsewhere.url) };
    return await measureInstalls(run, cluster, how);
  } finally {
    await elsewhere.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface How {
  readonly regions: readonly string[];
  readonly where: string;
  readonly install: () => Promise<void>;
}

/** Writers while followers are installed at once, at half of the load that the leader takes; then the same again. */
async function measureInstalls({ thread, rounds }: BenchRun, cluster: Cluster, how: How): Promise<Line[]> {
  const full = await thread.run(cluster.subject, 'item', { milliseconds: 3_000 });
  const rate = full.requests / full.seconds / 2;
  const load = thread.run(cluster.subject, 'item', { milliseconds: 600_000, rate });
  const windows: { readonly before: Window; readonly during: Window }[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      await pause(2_000);
      const before = await windowOf(() => lookFor(cluster, QUIET_MS));
      const during = await windowOf(how.install);
      windows.push({ before, during });
      for (const region of how.regions) await cluster.remove(region);
    }
  } finally {
    thread.stop();
  }
  return writerLines(await load, { windows, rate, how });
}

/** Looks at the status as often as an install is looked at, so that this costs the writers the same. */
async function lookFor(cluster: Cluster, milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  await cluster.until('time', () => performance.now() > end, LOOK_MS);
}

async function install(cluster: Cluster, regions: readonly string[]): Promise<void> {
  await Promise.all(regions.map((region) => cluster.add(region)));
  await cluster.until(
    'all are streaming members',
    (seen) => regions.every((region) => isStreamingMember(follower(seen, region))),
    LOOK_MS,
  );
}

/** Under the names of followers that the leader knows, and that are kept from installing by themselves. */
async function installElsewhere(cluster: Cluster, url: URL): Promise<void> {
  await Promise.all(NEW_REGIONS.map((region) => cluster.add(region)));
  const { name, url: leader } = cluster.subject;
  const leadership = await cluster.subject.get(`/leadership?database=${name}`);
  await Promise.all(
    NEW_REGIONS.map(async (region) => {
      const body = JSON.stringify({ leader: leader.href, database: name, leadership, region });
      const response = await fetch(url, { method: 'POST', body });
      if (!response.ok)
        throw new Error(`an install elsewhere answered ${response.status} ${await response.text()}`);
    }),
  );
}

async function windowOf(work: () => Promise<void>): Promise<Window> {
  const from = clock();
  await work();
  return { from, to: clock() };
}

function writerLines(
  load: LoadResult,
  {
    windows,
    rate,
    how,
  }: {
    readonly windows: readonly { readonly before: Window; readonly during: Window }[];
    readonly rate: number;
    readonly how: How;
  },
): Line[] {
  const at = (window: Window, part: number) => quantile(tookIn(load, window), part);
  const ratios = (part: number) => windows.map(({ before, during }) => at(during, part) / at(before, part));
  const of = (which: 'before' | 'during', part: number) =>
    middle(windows.map((both) => at(both[which], part)));
  const seconds = windows.map(({ during }) => (during.to - during.from) / 1000);
  const each = (values: readonly number[]) => values.map((value) => value.toFixed(2)).join(', ');
  const ratio = middle(ratios(0.99));
  const { where, regions } = how;
  const many = regions.length === 1 ? 'one is' : 'three are';
  const note = `${Math.round(rate)} inserts/s, half of what the leader takes with one follower`;
  return [
    plain(`acknowledged writes before installs ${where}, p50`, of('before', 0.5), 'ms', note),
    plain(`acknowledged writes before installs ${where}, p99`, of('before', 0.99), 'ms'),
    plain(
      `… while ${many} installed ${where}, p50`,
      of('during', 0.5),
      'ms',
      `an install takes ${each(seconds)} s`,
    ),
    {
      what: `… while ${many} installed ${where}, p99`,
      value: of('during', 0.99),
      unit: 'ms',
      target: atMost('× before', ratio, 1.5),
      note: `by round ${each(ratios(0.99))}; p50 ${each(ratios(0.5))}`,
    },
  ];
}

/** How long the writes took that were due in the window, in ascending order. */
function tookIn({ due, took }: LoadResult, { from, to }: Window): Float64Array {
  return took.filter((_, at) => (due[at] ?? 0) >= from && (due[at] ?? 0) < to).toSorted();
}

/** An install without load, beside the same rows copied from one bare object to another, in turns. */
export async function measureCopying({ systems, rounds }: BenchRun): Promise<Line[]> {
  say('copy speed');
  const cluster = await Cluster.make(systems.urls.tidemark, 'copying', []);
  await cluster.fill(ITEMS);
  await plainCopy(systems.urls.copy, '/fill', ITEMS);
  const installs: number[] = [];
  const plains: number[] = [];
  const fastest: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const copied = await plainRate(systems.urls.copy, PIECE_ROWS);
    const fast = await plainRate(systems.urls.copy, PIECE_ROWS_FASTEST);
    const installed = await rateOf(() => installOne(cluster));
    await cluster.remove('apac');
    await pause(500);
    if (round === 0) continue;
    plains.push(copied);
    fastest.push(fast);
    installs.push(installed);
  }
  const ratio = middle(installs.map((rate, at) => rate / (plains[at] ?? Number.NaN)));
  const megabytes = (rate: number) => `${((rate * ITEM_BYTES) / 1e6).toFixed(1)} MB/s`;
  const [plainly, quickly, installing] = [middle(plains), middle(fastest), middle(installs)];
  const ofFastest = middle(installs.map((rate, at) => rate / (fastest[at] ?? Number.NaN)));
  return [
    plain(
      'plain copy from one bare object to another',
      plainly,
      'rows/s',
      `${megabytes(plainly)}; pieces of ${PIECE_ROWS} rows by RPC`,
    ),
    plain(
      `the same in pieces of ${PIECE_ROWS_FASTEST} rows, 2 MB`,
      quickly,
      'rows/s',
      `${megabytes(quickly)}; an install is ${ofFastest.toFixed(2)} of it`,
    ),
    {
      what: 'an install without load',
      value: installing,
      unit: 'rows/s',
      target: atLeast('of plain', ratio, 0.5),
      note: `${megabytes(installing)}; ${ITEMS.toLocaleString('en-US')} rows, from the request until its tables are those of a position`,
    },
  ];
}

async function installOne(cluster: Cluster): Promise<void> {
  await cluster.add('apac');
  const isDone = ['catching-up', 'streaming'];
  await cluster.until('installed', (seen) => isDone.includes(follower(seen, 'apac')?.state ?? ''), 10);
}

async function plainRate(url: URL, rows: number): Promise<number> {
  const rate = await rateOf(() => plainCopy(url, '/copy', rows));
  await plainCopy(url, '/erase', 0);
  return rate;
}

async function rateOf(work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return (ITEMS * 1000) / (performance.now() - begun);
}

async function plainCopy(url: URL, path: string, rows: number): Promise<void> {
  const response = await fetch(new URL(`${path}?rows=${rows}`, url));
  if (!response.ok) throw new Error(`${path} answered ${response.status} ${await response.text()}`);
  const { count } = (await response.json()) as { count: number | null };
  if (count !== null && count !== ITEMS) throw new Error(`${count} rows were copied`);
}

export function middle(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}
