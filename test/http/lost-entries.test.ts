import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Answer, type Headings, TestServer } from './server.ts';

const BASE = '/v1/databases/shop';
const WRITERS = 24;
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
  await server.api.create('shop', { leader: 'weur', followers: ['enam', 'apac'] });
  await server.api.query('shop', 'CREATE TABLE t (key TEXT PRIMARY KEY) WITHOUT ROWID');
});
afterAll(() => server.close());

interface Lost {
  readonly position: { readonly epoch: number; readonly lsn: number };
  readonly user: string;
  readonly applied: unknown;
  readonly changes: readonly { readonly after: readonly unknown[] }[];
}

interface Write {
  readonly key: string;
  readonly user: string;
  readonly answer: Answer;
}

/** Forces the leader out while many write, until something was lost by it: how much is the network's affair. */
async function loseSomething(): Promise<readonly Write[]> {
  const writes: Write[] = [];
  for (let round = 0; round < 20; round += 1) {
    const state = { isWriting: true };
    const writers = Array.from({ length: WRITERS }, async (_, i) => {
      for (let n = 0; state.isWriting; n += 1) {
        const [key, user] = [`${round}-${i}-${n}`, `user-${i}`];
        const answer = await server.api.query('shop', 'INSERT INTO t VALUES (?)', [key], {
          'Tidemark-User': user,
        });
        writes.push({ key, user, answer });
      }
    });
    const body = { mode: 'forced', accept_loss: true };
    const failover = await server.api.send('POST', `${BASE}/failover`, body);
    state.isWriting = false;
    await Promise.all(writers);
    expect(failover.status, failover.text).toBe(200);
    await server.api.allStreaming('shop');
    if (failover.json['lost'] !== null) return writes;
  }
  throw new Error('nothing was lost in 20 failovers');
}

async function lostEntries(): Promise<readonly Lost[]> {
  const answer = await server.api.send('GET', `${BASE}/lost-entries?limit=200`);
  expect(answer.json, answer.text).toMatchObject({ missing: [], next: null });
  return answer.json['entries'] as Lost[];
}

async function keys(headers: Headings = { 'Tidemark-Consistency': 'strong' }): Promise<Answer> {
  return server.api.query('shop', 'SELECT key FROM t', [], headers);
}

it('[FE8] what is acknowledged is there or listed as lost, its sessions are told once, and it can be applied again', async () => {
  const writes = await loseSomething();
  const lost = await lostEntries();
  const there = (await keys()).json.results[0]?.rows.map(([key]) => key) ?? [];
  const listed = lost.map(({ changes }) => changes[0]?.after.at(-1));
  const done = writes.filter(({ answer }) => answer.status === 200);
  expect(new Set([...there, ...listed]).size).toBe(there.length + listed.length);
  expect([...there, ...listed]).toEqual(expect.arrayContaining(done.map(({ key }) => key)));

  // The last one lost, because a user is told of each failover that lost something of theirs.
  const entry = lost.at(-1);
  const write = writes.find(({ key }) => key === entry?.changes[0]?.after.at(-1));
  if (entry === undefined || write === undefined) throw new Error('nothing is listed');
  expect(entry.user).toBe(write.user);
  for (const headers of [{ 'Tidemark-Session': write.answer.token }, { 'Tidemark-User': write.user }]) {
    const told = await keys(headers);
    expect([told.status, told.json.code, told.json['lost']]).toMatchObject([
      409,
      'session-lost',
      { epoch: entry.position.epoch },
    ]);
    const next = { ...headers, ...(told.token === '' ? {} : { 'Tidemark-Session': told.token }) };
    expect((await keys(next)).status).toBe(200);
  }

  const { epoch, lsn } = entry.position;
  const path = `${BASE}/lost-entries/${lsn}/apply?epoch=${epoch}`;
  const first = await server.api.send('POST', path);
  const second = await server.api.send('POST', path);
  expect([first.status, second.text], first.text).toEqual([200, first.text]);
  expect((await keys()).text).toContain(`"${write.key}"`);
  const { receipt } = first.json;
  expect((await lostEntries()).at(-1)?.applied).toEqual({ epoch: receipt.epoch, lsn: receipt.lsn });
  const digests = await server.api.settledDigests('shop', ['weur', 'enam', 'apac']);
  expect(new Set(digests).size).toBe(1);
});
