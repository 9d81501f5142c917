import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, sleep, TestServer } from './server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start({ TIDEMARK_LOG_KEPT_BYTES: '200000', TIDEMARK_LOG_CLAIM_BYTES: '400000' });
});
afterAll(() => server.close());

/** So many rows, a thousand a transaction. */
async function fill(database: string, rows: number): Promise<void> {
  for (let from = 0; from < rows; from += 1000) {
    const { status, text } = await server.api.query(
      database,
      `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
       INSERT INTO t (id, a, b) SELECT ? + i, hex(randomblob(20)), hex(randomblob(20)) FROM n`,
      [from + 1],
    );
    expect(status, text).toBe(200);
  }
}

async function make(database: string, settings: unknown): Promise<void> {
  expect((await server.api.create(database, settings)).status).toBe(201);
  await server.api.query(database, 'CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)');
  await server.api.query(database, 'CREATE INDEX t_a ON t (a)');
}

const add = (database: string, body: unknown): Promise<Answer> =>
  server.api.send('POST', `/v1/databases/${database}/followers`, body);
const remove = (database: string, region: string): Promise<Answer> =>
  server.api.send('DELETE', `/v1/databases/${database}/followers/${region}`);

/** Writes numbers until told to stop, each with a key of its own; gives those acknowledged. */
async function writeUntil(isOver: () => boolean, database: string): Promise<number[]> {
  const acknowledged: number[] = [];
  for (let n = 1_000_000; !isOver(); n += 1) {
    for (let isDone = false; !isDone && !isOver();) {
      const answer = await server.api
        .query(database, 'INSERT INTO t (id, a) VALUES (?, ?)', [n, 'new'], { 'Idempotency-Key': `n${n}` })
        .catch(() => null);
      isDone = answer?.status === 200;
      if (isDone) acknowledged.push(n);
      else await sleep(20);
    }
  }
  return acknowledged;
}

describe('followers come and go', () => {
  it('[SI9] three are added under writes, through kills and evictions, and end equal with nothing lost', async () => {
    await make('grows', { leader: 'weur', followers: ['enam'] });
    await fill('grows', 30_000);
    let isOver = false;
    const writing = writeUntil(() => isOver, 'grows');
    const added = await Promise.all(['apac', 'oc', 'sam'].map((region) => add('grows', { region })));
    expect(added.map(({ status }) => status)).toEqual([202, 202, 202]);
    await sleep(150);
    await server.kill();
    await sleep(150);
    await server.evictReplicas();
    await server.api.allStreaming('grows').catch(() => undefined);
    isOver = true;
    const acknowledged = await writing;
    await server.api.allStreaming('grows');

    // Asked at once, they may reach the directory, which numbers them, in any order.
    const names = (await server.api.replication('grows')).followers.map(({ replica }) => replica);
    const numbered = names.map((name) => name.split('/'));
    expect(new Set(numbered.map(([region]) => region))).toEqual(new Set(['apac', 'enam', 'oc', 'sam']));
    expect(new Set(numbered.map(([, number]) => number ?? '1'))).toEqual(new Set(['1', '2', '3', '4']));
    expect(names).toHaveLength(4);
    const regions = ['weur', ...names];
    expect(new Set(await server.api.settledDigests('grows', regions)).size).toBe(1);
    const { json } = await server.api.query('grows', 'SELECT id FROM t WHERE id >= 1000000');
    expect(json.results[0]?.rows.map(([id]) => id)).toEqual(expect.arrayContaining(acknowledged));
    const read = await server.api.query('grows', 'SELECT count(*) FROM t', [], { 'Tidemark-Region': 'sam' });
    expect(read.json.receipt).toMatchObject({ role: 'follower', region: 'sam' });
  });

  it('[FO22] a removed follower is gone from the status and the disk, and its region is served by others', async () => {
    await make('shrinks', { leader: 'weur', followers: ['enam', 'oc'] });
    await fill('shrinks', 1000);
    await server.api.allStreaming('shrinks');
    const before = await tablesOnDisk();
    expect((await remove('shrinks', 'oc')).status).toBe(204);
    expect((await remove('shrinks', 'oc')).status).toBe(404);
    expect((await server.api.replication('shrinks')).followers.map(({ region }) => region)).toEqual(['enam']);
    const read = await server.api.query('shrinks', 'SELECT count(*) FROM t', [], { 'Tidemark-Region': 'oc' });
    expect(read.json.results[0]?.rows).toEqual([[1000]]);
    // The directory asks the leader again after 5 s whether what it had is at enam, which the leader first had to ask.
    await sleep(8_000);
    expect(await tablesOnDisk()).toBe(before - 1);
  });

  it('[RL1] several in a region get the same', async () => {
    await make('twins', { leader: 'weur', followers: ['enam', 'enam', 'enam'] });
    await fill('twins', 2000);
    await server.api.allStreaming('twins');
    const names = ['weur', 'enam', 'enam/2', 'enam/3'];
    expect(new Set(await server.api.settledDigests('twins', names)).size).toBe(1);
  });
});

/** How many objects' files have the tests' table. */
async function tablesOnDisk(): Promise<number> {
  return server.whileStopped(() => {
    const folder = join(server.storage, 'do', 'tidemark-Replica');
    const files = readdirSync(folder).filter((file) => file.endsWith('.sqlite'));
    return files.filter((file) => {
      const db = new DatabaseSync(join(folder, file), { readOnly: true });
      const has = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 't'").get() !== undefined;
      db.close();
      return has;
    }).length;
  });
}

describe('durability', () => {
  it('[DU1] a receipt names what was met, as the request or the database asks', async () => {
    await make('safe', { leader: 'weur', followers: ['enam', 'apac'], durability: 'quorum' });
    const asked = async (headers: Record<string, string>) =>
      (await server.api.query('safe', "INSERT INTO t (a) VALUES ('x')", [], headers)).json.receipt.durability;
    expect(await asked({})).toBe('quorum');
    for (const mode of ['async', 'semi-sync', 'quorum', 'all'])
      expect(await asked({ 'Tidemark-Durability': mode })).toBe(mode);
    const status = await server.api.replication('safe');
    expect(status.leader.settled).toBe(status.leader.lsn);
  });

  it('[DU3] a write not confirmed in time is outcome-unknown with its position, and its retry waits for it again', async () => {
    await make('late', { leader: 'weur', followers: ['enam'], durability: 'semi-sync' });
    const write = (wait: string) =>
      server.api.query('late', "INSERT INTO t (a) VALUES ('once')", [], {
        'Idempotency-Key': 'one',
        Prefer: `wait=${wait}`,
      });
    const first = await write('0');
    expect(first.status).toBe(504);
    expect(first.json).toMatchObject({ code: 'outcome-unknown', position: { epoch: 1, lsn: 3 } });
    const again = await write('5');
    expect(again.json.receipt).toMatchObject({ lsn: 3, durability: 'semi-sync' });
    const count = await server.api.query('late', 'SELECT count(*) FROM t', [], {
      'Tidemark-Session': first.token,
    });
    expect(count.json.results[0]?.rows).toEqual([[1]]);
  });
});

describe('the log', () => {
  it('[RN1] stays within its bounds under churn, on the leader and on followers', async () => {
    await make('churns', { leader: 'weur', followers: ['enam'] });
    await fill('churns', 1000);
    for (let round = 0; round < 40; round += 1)
      await server.api.query('churns', 'UPDATE t SET a = hex(randomblob(20)) WHERE id <= 500');
    const { leader } = await server.api.allStreaming('churns');
    expect(leader.log_after).toBeGreaterThan(20);
    expect(leader.log_bytes).toBeLessThan(1_000_000);
  });
});

it.each([
  ['an unknown region', () => add('bad', { region: 'mars' }), 400, 'invalid-request'],
  ['no region', () => add('bad', {}), 400, 'invalid-request'],
  ["the leader's region", () => add('bad', { region: 'weur' }), 400, 'invalid-request'],
  ['a region that has one', () => add('bad', { region: 'enam' }), 409, 'follower-exists'],
  ['a database that is not there', () => add('nowhere', { region: 'oc' }), 404, 'database-not-found'],
  ['to remove what is not there', () => remove('bad', 'sam'), 404, 'not-found'],
  ['to remove an unknown region', () => remove('bad', 'mars'), 400, 'invalid-request'],
  ['to remove the last that the durability needs', () => remove('bad', 'enam'), 400, 'invalid-request'],
  [
    'a durability without followers',
    () => server.api.create('lonely', { leader: 'weur', durability: 'quorum' }),
    400,
    'invalid-request',
  ],
])('[FO19] %s is refused', async (_, ask, status, code) => {
  await server.api.create('bad', { leader: 'weur', followers: ['enam'], durability: 'semi-sync' });
  const answer = await ask();
  expect([answer.status, answer.json.code]).toEqual([status, code]);
  expect(answer.json.detail.length).toBeGreaterThan(15);
});

it('[DU2] a write that asks for what the database cannot give is refused before it runs', async () => {
  await make('alone', { leader: 'weur' });
  const answer = await server.api.query('alone', "INSERT INTO t (a) VALUES ('x')", [], {
    'Tidemark-Durability': 'semi-sync',
  });
  expect([answer.status, answer.json.code]).toEqual([400, 'invalid-request']);
  const { json } = await server.api.query('alone', 'SELECT count(*) FROM t');
  expect(json.results[0]?.rows).toEqual([[0]]);
});
