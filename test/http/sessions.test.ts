import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Headings, TestServer } from './server.ts';

const REGIONS = ['weur', 'enam', 'apac', 'oc'];
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
  await server.api.create('shop', { leader: 'weur', followers: ['enam', 'apac', 'oc'] });
  await server.api.query('shop', 'CREATE TABLE t (id INTEGER PRIMARY KEY, v)');
});
afterAll(() => server.close());

function read(region: string, headers: Headings): Promise<Answer> {
  return server.api.query('shop', 'SELECT count(*), max(id) FROM t', [], {
    'Tidemark-Region': region,
    ...headers,
  });
}

function insert(headers: Headings = {}): Promise<Answer> {
  return server.api.query('shop', 'INSERT INTO t (v) VALUES (random())', [], headers);
}

describe('sessions', () => {
  it('[SE1] a read that presents the token of a write sees it, in every region', async () => {
    for (let round = 0; round < 30; round += 1) {
      const write = await insert();
      const reads = await Promise.all(
        REGIONS.map((region) => read(region, { 'Tidemark-Session': write.token })),
      );
      for (const { status, json } of reads) {
        expect(status).toBe(200);
        expect(json.results[0]?.rows[0]?.[1]).toBeGreaterThanOrEqual(
          write.json.results[0]?.meta.last_row_id ?? Infinity,
        );
        expect(json.receipt.lsn).toBeGreaterThanOrEqual(write.json.receipt.lsn);
      }
    }
  });

  it('[SE2] reads of one session never go back, whichever replica answers', async () => {
    const state = { isWriting: true };
    const writer = (async () => {
      while (state.isWriting) await insert();
    })();
    let token = '';
    let seen = 0;
    for (let i = 0; i < 200; i += 1) {
      const headers: Headings = token === '' ? {} : { 'Tidemark-Session': token };
      const answer = await read(REGIONS[i % REGIONS.length] ?? 'weur', headers);
      expect(answer.status).toBe(200);
      expect(answer.json.receipt.lsn).toBeGreaterThanOrEqual(seen);
      seen = answer.json.receipt.lsn;
      token = answer.token;
    }
    state.isWriting = false;
    await writer;
  });

  it('[SE3] devices of one user share what they have seen, without passing a token', async () => {
    for (let round = 0; round < 20; round += 1) {
      const write = await insert({ 'Tidemark-User': 'ada' });
      const answer = await read(REGIONS[round % REGIONS.length] ?? 'weur', { 'Tidemark-User': 'ada' });
      expect(answer.json.receipt.lsn).toBeGreaterThanOrEqual(write.json.receipt.lsn);
    }
  });

  it('[SE4] a strong read is the leader’s; an eventual one takes what is near', async () => {
    const write = await insert();
    const strong = await read('apac', { 'Tidemark-Consistency': 'strong' });
    expect(strong.json.receipt).toMatchObject({
      role: 'leader',
      region: 'weur',
      route: 'leader',
      staleness_ms: 0,
    });
    expect(strong.json.receipt.lsn).toBeGreaterThanOrEqual(write.json.receipt.lsn);
    const eventual = await read('apac', {
      'Tidemark-Consistency': 'eventual',
      'Tidemark-Session': write.token,
    });
    expect(eventual.json.receipt).toMatchObject({ role: 'follower', region: 'apac', waited_ms: 0 });
  });

  it('[SE5] a bounded read is not staler than asked', async () => {
    await insert();
    const answer = await read('oc', { 'Tidemark-Consistency': 'bounded', 'Tidemark-Max-Staleness': '0.5' });
    expect(answer.status).toBe(200);
    expect(answer.json.receipt.staleness_ms).toBeLessThanOrEqual(500);
  });

  it('[SE6] a statement that writes runs on the leader, whatever it looks like', async () => {
    const from = { 'Tidemark-Region': 'apac' };
    const cte = await server.api.query(
      'shop',
      'WITH x(v) AS (VALUES (7)) INSERT INTO t (v) SELECT v FROM x RETURNING id',
      [],
      from,
    );
    expect(cte.json.receipt).toMatchObject({ role: 'leader', route: 'leader', durability: 'async' });
    const reading = await server.api.query('shop', 'WITH x(v) AS (VALUES (7)) SELECT v FROM x', [], from);
    expect(reading.json.receipt).toMatchObject({ role: 'follower', region: 'apac', durability: null });
  });

  it('[SE7] a write that changed no row makes no entry, and a read moves nothing', async () => {
    const before = await insert();
    const nothing = await server.api.query('shop', 'DELETE FROM t WHERE id = -1');
    expect(nothing.json.receipt.lsn).toBe(before.json.receipt.lsn);
    const after = await insert();
    expect(after.json.receipt.lsn).toBe(before.json.receipt.lsn + 1);
  });
});

describe('Idempotency-Key', () => {
  it('[ID1] a retry gets the first answer byte for byte, and nothing happens twice', async () => {
    const key = { 'Idempotency-Key': 'order-17' };
    const first = await insert(key);
    await insert();
    const again = await insert(key);
    expect(again.text).toBe(first.text);
    await server.evictReplicas();
    const afterEviction = await insert(key);
    expect(afterEviction.text).toBe(first.text);
    const rows = await server.api.query(
      'shop',
      'SELECT count(*) FROM t WHERE id = ?',
      [first.json.results[0]?.meta.last_row_id],
      { 'Tidemark-Consistency': 'strong' },
    );
    expect(rows.json.results[0]?.rows).toEqual([[1]]);
  });

  it('[ID2] also for a write that changed nothing the first time', async () => {
    const sql = "UPDATE t SET v = 'late' WHERE id = 1000000";
    const key = { 'Idempotency-Key': 'nothing-1' };
    const first = await server.api.query('shop', sql, [], key);
    await server.api.query('shop', 'INSERT INTO t (id) VALUES (1000000)');
    const again = await server.api.query('shop', sql, [], key);
    expect(again.text).toBe(first.text);
    const row = await server.api.query('shop', 'SELECT v FROM t WHERE id = 1000000', [], {
      'Tidemark-Consistency': 'strong',
    });
    expect(row.json.results[0]?.rows).toEqual([[null]]);
  });

  it('[ID3] retries at the same time are one write', async () => {
    const before = await read('weur', { 'Tidemark-Consistency': 'strong' });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => insert({ 'Idempotency-Key': 'burst' })),
    );
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    const after = await read('weur', { 'Tidemark-Consistency': 'strong' });
    expect(after.json.results[0]?.rows[0]?.[0]).toBe((before.json.results[0]?.rows[0]?.[0] as number) + 1);
  });
});

it('[RS1] replication status names every follower with its lag', async () => {
  await insert();
  await server.api.settledDigests('shop', REGIONS);
  const { json } = await server.api.send('GET', '/v1/databases/shop/replication');
  const [partition] = json['partitions'] as {
    leader: { region: string; lsn: number };
    followers: Record<string, unknown>[];
  }[];
  expect(partition?.leader.region).toBe('weur');
  expect(partition?.followers.map((follower) => follower['region'])).toEqual(['enam', 'apac', 'oc']);
  for (const follower of partition?.followers ?? []) {
    expect(follower).toMatchObject({
      state: 'streaming',
      applied: { epoch: 1, lsn: partition?.leader.lsn },
      lag_entries: 0,
      lag_seconds: 0,
    });
  }
});
