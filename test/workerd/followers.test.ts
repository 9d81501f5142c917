import { env, exports } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { expect, it, vi } from 'vitest';
import type { TestEnv } from './env.ts';

const { DIRECTORY, REPLICA } = env as unknown as TestEnv;
const worker = (exports as { default: Fetcher }).default;

async function send(method: string, path: string, body?: object) {
  const answer = await worker.fetch(`http://tidemark/v1/databases${path}`, {
    method,
    headers: { Authorization: 'Bearer test-admin-key' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, json: text === '' ? null : JSON.parse(text) };
}

async function digestOf(replica: string): Promise<unknown> {
  return (await send('GET', `/crew/digest?replica=${replica}`)).json;
}

it('[FO7] a follower that is added copies what is there, becomes a member, and leaves nothing when it is removed', async () => {
  await send('PUT', '/crew', { leader: 'weur', followers: ['enam', 'enam'], durability: 'quorum' });
  const statements = [
    { sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)' },
    { sql: 'INSERT INTO t (name) VALUES (?), (?)', params: ['one', 'two'] },
  ];
  await send('POST', '/crew/query', { statements });

  expect((await send('POST', '/crew/followers', { region: 'oc' })).status).toBe(202);
  await vi.waitFor(
    async () =>
      expect((await send('GET', '/crew')).json).toMatchObject({
        partitions: [{ members: ['enam', 'enam/2', 'oc/3'], joining: [] }],
      }),
    { timeout: 20_000 },
  );
  await send('POST', '/crew/query', { sql: 'INSERT INTO t (name) VALUES (?)', params: ['three'] });
  const ofLeader = await digestOf('weur');
  for (const replica of ['enam', 'enam/2', 'oc/3'])
    await vi.waitFor(async () => expect(await digestOf(replica)).toEqual(ofLeader), { timeout: 20_000 });

  const record = await DIRECTORY.getByName('crew').lookup();
  const gone = record?.partitions[0]?.followers.find(({ region }) => region === 'oc');
  expect((await send('DELETE', '/crew/followers/oc')).status).toBe(204);
  const left = await runInDurableObject(REPLICA.getByName(gone?.name ?? ''), (_object, ctx) => [
    ...ctx.storage.sql.exec('SELECT name FROM sqlite_master'),
  ]);
  expect(left).toEqual([]);
  expect((await digestOf('oc/3')) as object).toMatchObject({ code: 'not-found' });
});
