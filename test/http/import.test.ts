import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Contents, contentsOf, replicaFiles } from './contents.ts';
import { sampleDump } from './dump.ts';
import { type Loss, Relay } from './relay.ts';
import { ADMIN_KEY, TestServer } from './server.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const REGIONS = ['weur', 'enam', 'apac'];
const files = mkdtempSync(join(tmpdir(), 'tidemark-import-'));
const dump = join(files, 'sample.sql');
const brokenDump = join(files, 'broken.sql');
const journal = `${brokenDump}.tidemark-import.json`;
const plain = join(files, 'sample.sqlite');
let server: TestServer;
/** What plain SQLite makes of the dump. */
let expected: Contents;

beforeAll(async () => {
  for (const path of [dump, brokenDump]) writeFileSync(path, sampleDump());
  const database = new DatabaseSync(plain);
  database.exec(readFileSync(dump, 'utf8'));
  database.close();
  expected = contentsOf(plain);
  expect(expected.faults).toEqual(['ok']);
  expect(Object.values(expected.tables).flat().length).toBeGreaterThan(5000);
  server = await TestServer.start();
});
afterAll(async () => {
  await server.close();
  rmSync(files, { recursive: true, force: true });
});

interface Ended {
  /** Null where it was killed. */
  readonly code: number | null;
  readonly output: string;
}

interface Running {
  readonly importer: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** The command, as users run it. */
function start(file: string, database: string, url = server.api.url): Running {
  const args = [
    file,
    '--database',
    database,
    '--leader',
    'weur',
    '--followers',
    'enam,apac',
    '--url',
    url,
    '--key',
    ADMIN_KEY,
  ];
  const importer = spawn(process.execPath, [join('scripts', 'import.ts'), ...args], {
    cwd: PROJECT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [importer.stdout, importer.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<Ended>((done) => importer.once('close', (code) => done({ code, output })));
  return { importer, ended };
}

/** Runs the command to its end, which must be a good one. */
async function run(file: string, database: string, url?: string): Promise<string> {
  const { code, output } = await start(file, database, url).ended;
  expect(code, output).toBe(0);
  return output;
}

/** Every replica agrees with the others over HTTP, and its file with plain SQLite's. */
async function expectSameEverywhere(database: string): Promise<void> {
  expect(new Set(await server.api.settledDigests(database, REGIONS)).size).toBe(1);
  const found = await server.whileStopped(() => {
    const paths = replicaFiles(server.storage, database);
    return REGIONS.map((region) => contentsOf(paths.get(region) ?? region));
  });
  for (const contents of found) expect(contents).toEqual(expected);
}

it('[IM1] a real dump imports, and leader, followers and plain SQLite agree on it, row by row, types included', async () => {
  await run(dump, 'whole');
  await expectSameEverywhere('whole');
});

it('[IM5] the same import again adds nothing, and says so', async () => {
  const before = await server.api.digest('whole', 'weur');
  expect(await run(dump, 'whole')).toContain('nothing was added');
  expect(await server.api.digest('whole', 'weur')).toEqual(before);
});

/** Each is the end of one run: at its nth query, before that arrives or after it has been carried out. */
const KILLS: readonly (readonly [Loss, nth: number])[] = [
  ['answer', 1],
  ['request', 3],
  ['answer', 2],
  ['answer', 1],
  ['request', 2],
];

it('[IM5] an import that is killed in the middle, five times, and run again ends with the same rows, none doubled', async () => {
  const relay = await Relay.start(server.api.url);
  try {
    for (const [loss, nth] of KILLS) {
      const lost = relay.lose(loss, nth);
      const { importer, ended } = start(brokenDump, 'broken', relay.url);
      await Promise.race([lost, ended]);
      importer.kill('SIGKILL');
      const { code, output } = await ended;
      expect(code, output).toBeNull();
      expect(existsSync(journal)).toBe(true);
    }
    relay.heal();
    const output = await run(brokenDump, 'broken', relay.url);
    expect(output).toContain('Going on after');
    expect(output).not.toContain('Going on after 0 items');
    expect(existsSync(journal)).toBe(false);
  } finally {
    await relay.close();
  }
  await expectSameEverywhere('broken');
});

it('[IM8] an SQLite file gives the same rows', async () => {
  await run(plain, 'copied');
  await expectSameEverywhere('copied');
});
