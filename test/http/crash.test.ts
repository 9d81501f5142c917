import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep, TestServer } from './server.ts';

const REGIONS = ['weur', 'enam', 'apac', 'oc'];
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

async function make(database: string): Promise<void> {
  await server.api.create(database, { leader: 'weur', followers: ['enam', 'apac', 'oc'] });
  await server.api.query(database, 'CREATE TABLE t (id INTEGER PRIMARY KEY, writer, n, UNIQUE (writer, n))');
}

/** Writes numbers one after the other until told to stop, retrying with the same key; gives those acknowledged. */
async function writeUntil(isOver: () => boolean, database: string, writer: string): Promise<number[]> {
  const acknowledged: number[] = [];
  for (let n = 0; !isOver(); n += 1) {
    const headers = { 'Idempotency-Key': `${writer}-${n}` };
    for (let isDone = false; !isDone && !isOver();) {
      const answer = await server.api
        .query(database, 'INSERT INTO t (writer, n) VALUES (?, ?)', [writer, n], headers)
        .catch(() => null);
      isDone = answer?.status === 200;
      if (isDone) acknowledged.push(n);
      else await sleep(20);
    }
  }
  return acknowledged;
}

async function numbersOf(database: string, writer: string): Promise<number[]> {
  const { json } = await server.api.query(database, 'SELECT n FROM t WHERE writer = ? ORDER BY n', [writer], {
    'Tidemark-Consistency': 'strong',
  });
  return json.results[0]?.rows.map(([n]) => n as number) ?? [];
}

async function expectNothingLost(database: string, writers: ReadonlyMap<string, number[]>): Promise<void> {
  for (const [writer, acknowledged] of writers) {
    const found = await numbersOf(database, writer);
    expect(found).toEqual(expect.arrayContaining(acknowledged));
    // One more may have been written and its answer lost; never two, for the writer waits.
    expect(found.length - acknowledged.length).toBeLessThanOrEqual(1);
  }
  const digests = await server.api.settledDigests(database, REGIONS);
  expect(new Set(digests).size).toBe(1);
}

it('[CR1] SIGKILL in the middle of writes loses nothing that was acknowledged, and doubles nothing', async () => {
  await make('killed');
  let isOver = false;
  const names = ['a', 'b', 'c', 'd'];
  const writers = names.map((name) => writeUntil(() => isOver, 'killed', name));
  for (let kills = 0; kills < 4; kills += 1) {
    await sleep(400);
    await server.kill();
  }
  await sleep(300);
  isOver = true;
  const acknowledged = await Promise.all(writers);
  expect(Math.min(...acknowledged.map((numbers) => numbers.length))).toBeGreaterThan(0);
  await expectNothingLost('killed', new Map(names.map((name, i) => [name, acknowledged[i] ?? []])));
});

it('[CR2] eviction of every replica while writing and reading loses nothing', async () => {
  await make('evicted');
  let isOver = false;
  const writer = writeUntil(() => isOver, 'evicted', 'a');
  for (let evictions = 0; evictions < 5; evictions += 1) {
    await sleep(150);
    await server.evictReplicas().catch(() => undefined);
  }
  isOver = true;
  const acknowledged = await writer;
  expect(acknowledged.length).toBeGreaterThan(0);
  await expectNothingLost('evicted', new Map([['a', acknowledged]]));
});

it('[CR3] a restart over the same storage goes on where it was, and followers catch up with what was not sent', async () => {
  await make('restarted');
  const burst = Array.from({ length: 200 }, (_, n) =>
    server.api.query('restarted', 'INSERT INTO t (writer, n) VALUES (?, ?)', ['a', n]),
  );
  const answers = await Promise.all(burst);
  expect(answers.every((answer) => answer.status === 200)).toBe(true);
  await server.restart();
  expect(await numbersOf('restarted', 'a')).toHaveLength(200);
  const digests = await server.api.settledDigests('restarted', REGIONS);
  expect(new Set(digests).size).toBe(1);
  const next = await server.api.query('restarted', "INSERT INTO t (writer, n) VALUES ('a', 200)");
  expect(next.json.receipt.lsn).toBe(202);
});
