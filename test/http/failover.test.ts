import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, TestServer } from './server.ts';

const BASE = '/v1/databases/shop';
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
  await server.api.create('shop', { leader: 'weur', followers: ['enam', 'apac'] });
  await server.api.query('shop', 'CREATE TABLE t (id INTEGER PRIMARY KEY, v)');
});
afterAll(() => server.close());

function failover(body: unknown): Promise<Answer> {
  return server.api.send('POST', `${BASE}/failover`, body);
}

/** Writes one after the other for as long as `work` takes, and gives their answers with its own. */
async function whileWriting<T>(work: () => Promise<T>): Promise<readonly [T, readonly Answer[]]> {
  const state = { isWriting: true };
  const answers: Answer[] = [];
  const writers = Array.from({ length: 4 }, async () => {
    while (state.isWriting)
      answers.push(await server.api.query('shop', 'INSERT INTO t (v) VALUES (random())'));
  });
  try {
    return [await work(), answers];
  } finally {
    state.isWriting = false;
    await Promise.all(writers);
  }
}

async function count(): Promise<unknown> {
  const strong = { 'Tidemark-Consistency': 'strong' };
  const answer = await server.api.query('shop', 'SELECT count(*) FROM t', [], strong);
  expect(answer.status, answer.text).toBe(200);
  return answer.json.results[0]?.rows[0]?.[0];
}

describe('a planned failover', () => {
  it('[FE7] loses nothing and leaves nothing open, whoever writes meanwhile', async () => {
    const before = (await count()) as number;
    const [answer, writes] = await whileWriting(async () => {
      const first = await failover({ mode: 'planned', to: 'enam' });
      expect(first.status, first.text).toBe(200);
      return failover({ mode: 'planned', to: 'apac' });
    });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json).toMatchObject({ epoch: 3, leader: 'apac', lost: null, state: 'done' });
    for (const write of writes) expect([200, 503], write.text).toContain(write.status);
    const done = writes.filter(({ status }) => status === 200);
    expect(await count()).toBe(before + done.length);
    expect(new Set(done.map(({ json }) => json.receipt.epoch)).size).toBeGreaterThan(1);
    const status = await server.api.allStreaming('shop');
    expect(status).toMatchObject({
      history: [
        { epoch: 2, mode: 'planned' },
        { epoch: 3, mode: 'planned' },
      ],
      failover: null,
      leader: { region: 'apac', state: 'leading' },
    });
    const digests = await server.api.settledDigests('shop', ['weur', 'enam', 'apac']);
    expect(new Set(digests).size).toBe(1);
  });
});

describe('a failover that cannot be', () => {
  it.each([
    [{ mode: 'planned', to: 'apac' }, 409, 'failover-refused'],
    [{ mode: 'planned', to: 'oc' }, 409, 'failover-refused'],
    [{ mode: 'forced' }, 409, 'failover-refused'],
    [{ mode: 'planned', to: 'enam', partition: 1 }, 404, 'not-found'],
    [{ mode: 'planned' }, 400, 'invalid-request'],
  ])('[FE2] %j is %i %s, and nothing has changed', async (body, status, code) => {
    const before = await server.api.send('GET', BASE);
    const answer = await failover(body);
    expect([answer.status, answer.json.code], answer.text).toEqual([status, code]);
    expect(answer.text).not.toMatch(/_tidemark|\.ts|at .*\(/);
    expect((await server.api.send('GET', BASE)).json).toEqual(before.json);
  });
});

describe('a forced failover', () => {
  it('[FE7] promotes another where loss is accepted, and says what is lost', async () => {
    const [answer, writes] = await whileWriting(() => failover({ mode: 'forced', accept_loss: true }));
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json).toMatchObject({ epoch: 4, state: 'done' });
    for (const write of writes) expect([200, 503, 504], write.text).toContain(write.status);
    await server.api.allStreaming('shop');
    const digests = await server.api.settledDigests('shop', ['weur', 'enam', 'apac']);
    expect(new Set(digests).size).toBe(1);
    const lost = await server.api.send('GET', `${BASE}/lost-entries`);
    expect(lost.status, lost.text).toBe(200);
    expect(lost.json).toMatchObject({ missing: [] });
  });
});

describe('automatic failover', () => {
  it('[FE5] is set and taken back', async () => {
    for (const automatic_failover_seconds of [30, null]) {
      const answer = await server.api.send('PATCH', BASE, { automatic_failover_seconds });
      expect([answer.status, answer.json['settings']], answer.text).toMatchObject([
        200,
        { automatic_failover_seconds },
      ]);
    }
  });
});
