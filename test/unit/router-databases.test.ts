import { describe, expect, it, vi } from 'vitest';
import { BODY_BYTES_MAX, FOLLOWERS_MAX } from '../../shared/limits.ts';
import { FakeDeployment, problemOf } from './router-fakes.ts';

describe('databases', () => {
  it('[DB2] creates with defaults near the caller: 201, then 200 from anywhere', async () => {
    const deployment = new FakeDeployment();
    const path = `/v1/databases/${deployment.database}`;
    const created = await deployment.request('PUT', path, { headers: { 'Tidemark-Region': 'oc' } });
    expect(created.status).toBe(201);
    const shape = {
      database: deployment.database,
      settings: {
        leader: 'oc',
        followers: [],
        partitions: 1,
        durability: 'async',
        automatic_failover_seconds: null,
      },
      partitions: [
        {
          partition: 0,
          epoch: 1,
          revision: 1,
          leader: 'oc',
          followers: [],
          members: [],
          joining: [],
          failover: null,
        },
      ],
    };
    expect(await created.json()).toEqual(shape);
    expect(created.headers.get('Tidemark-Session')).toMatch(/^t1\.0\.\./);
    const again = await deployment.request('PUT', path, { headers: { 'Tidemark-Region': 'weur' } });
    expect([again.status, await again.json()]).toEqual([200, shape]);
    const got = await deployment.request('GET', path);
    expect([got.status, await got.json()]).toEqual([200, shape]);
  });

  it('[DB2] refuses other settings with 409', async () => {
    const deployment = new FakeDeployment();
    const path = `/v1/databases/${deployment.database}`;
    const settings = { leader: 'weur', followers: ['enam', 'apac'], partitions: 1, durability: 'async' };
    expect((await deployment.request('PUT', path, { body: settings })).status).toBe(201);
    expect((await deployment.request('PUT', path, { body: { followers: ['apac', 'enam'] } })).status).toBe(
      200,
    );
    for (const body of [{}, { leader: 'sam', followers: ['enam', 'apac'] }, { followers: ['enam'] }]) {
      const answer = await deployment.request('PUT', path, { body });
      expect(await problemOf(answer)).toMatchObject({
        status: 409,
        code: 'database-exists',
        detail: expect.stringContaining('weur'),
      });
      expect(answer.headers.get('Tidemark-Session')).toMatch(/^t1\./);
    }
  });

  it('[DB9] makes as many followers in a region as it is named, whatever the order of a retry', async () => {
    const deployment = new FakeDeployment();
    const path = `/v1/databases/${deployment.database}`;
    const body = { leader: 'weur', followers: ['enam', 'oc', 'enam'], durability: 'quorum' };
    const created = await deployment.request('PUT', path, { body });
    expect(created.status).toBe(201);
    expect(await created.json()).toMatchObject({
      settings: { followers: ['enam', 'oc', 'enam'], durability: 'quorum' },
      partitions: [{ followers: ['enam', 'oc', 'enam'], members: ['enam', 'oc', 'enam/2'], joining: [] }],
    });
    const retry = { followers: ['oc', 'enam', 'enam'], durability: 'quorum' };
    expect((await deployment.request('PUT', path, { body: retry })).status).toBe(200);
    const others = { followers: ['oc', 'oc', 'enam'], durability: 'quorum' };
    expect((await deployment.request('PUT', path, { body: others })).status).toBe(409);
  });

  it.each([
    [{ partitions: 2 }, 'partitions must be 1: more are not supported yet'],
    [{ durability: 'quorum' }, 'quorum needs at least 1 follower'],
    [{ durability: 'semi-sync', followers: [] }, 'semi-sync needs at least 1 follower'],
    [{ durability: 'all' }, 'all needs at least 1 follower'],
    [{ followers: Array(FOLLOWERS_MAX + 1).fill('enam') }, `at most ${FOLLOWERS_MAX} regions`],
    [{ leader: 'enam', followers: ['weur', 'enam'] }, "leader's region enam"],
    [{ leader: 'mars' }, 'leader must be one of'],
  ])('[DB3] refuses %j: what is not supported yet is never weakened in silence', async (body, detail) => {
    const deployment = new FakeDeployment();
    const answer = await deployment.request('PUT', `/v1/databases/${deployment.database}`, { body });
    expect(await problemOf(answer)).toMatchObject({
      status: 400,
      code: 'invalid-request',
      detail: expect.stringContaining(detail),
    });
    expect(deployment.names.size).toBe(0);
  });

  it.each(['Shop', '-shop', 'a_b', 'a'.repeat(64), 'caf%C3%A9', '%00'])(
    '[DB4] refuses the name %s',
    async (name) => {
      const deployment = new FakeDeployment();
      for (const [method, tail] of [
        ['PUT', ''],
        ['GET', ''],
        ['DELETE', ''],
        ['POST', '/query'],
        ['GET', '/digest'],
        ['GET', '/replication'],
        ['POST', '/followers'],
        ['DELETE', '/followers/enam'],
      ]) {
        const answer = await deployment.request(method as string, `/v1/databases/${name}${tail}`);
        expect(await problemOf(answer)).toMatchObject({ status: 400, code: 'invalid-request' });
      }
    },
  );

  it('[DB5] lists the databases that were made, and not those that were deleted', async () => {
    const deployment = new FakeDeployment();
    const [a, b] = [`a-${deployment.database}`, `b-${deployment.database}`];
    for (const name of [b, a]) await deployment.request('PUT', `/v1/databases/${name}`);
    const list = async () => (await deployment.request('GET', '/v1/databases')).json();
    expect(await list()).toEqual({ databases: [{ database: a }, { database: b }] });
    await deployment.request('DELETE', `/v1/databases/${a}`);
    expect(await list()).toEqual({ databases: [{ database: b }] });
  });

  it('[DB6] deletes: 204, and from then on 404, also for what an isolate remembers', async () => {
    const deployment = await new FakeDeployment().withDatabase();
    const path = `/v1/databases/${deployment.database}`;
    const token = (await deployment.query({ sql: 'SELECT 1' })).headers.get('Tidemark-Session') ?? '';
    const deleted = await deployment.request('DELETE', path, { headers: { 'Tidemark-Session': token } });
    expect([deleted.status, await deleted.text(), deleted.headers.get('Tidemark-Session')]).toEqual([
      204,
      '',
      token,
    ]);
    for (const [method, tail] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/query'],
      ['GET', '/digest'],
      ['GET', '/replication'],
      ['DELETE', '/followers/enam'],
    ]) {
      const answer = await deployment.request(method as string, path + tail);
      expect(await problemOf(answer)).toMatchObject({ status: 404, code: 'database-not-found' });
    }
  });

  it('[DB6] finishes a deletion that stopped before the list was told', async () => {
    const deployment = await new FakeDeployment().withDatabase();
    deployment.names.add(deployment.database);
    await deployment.directory.erase();
    expect((await deployment.request('DELETE', `/v1/databases/${deployment.database}`)).status).toBe(404);
    expect(deployment.names.size).toBe(0);
  });

  it('[DB7] says that the outcome is unknown where the directory did not answer', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const deployment = new FakeDeployment();
    deployment.directory.create = () => Promise.reject(new Error('reset'));
    deployment.directory.erase = () => Promise.reject(new Error('reset'));
    for (const method of ['PUT', 'DELETE']) {
      const answer = await deployment.request(method, `/v1/databases/${deployment.database}`);
      expect(await problemOf(answer)).toMatchObject({ status: 504, code: 'outcome-unknown' });
    }
    log.mockRestore();
  });

  it('[DB8] bounds the body, with and without a declared length', async () => {
    const deployment = await new FakeDeployment().withDatabase();
    const long = ' '.repeat(BODY_BYTES_MAX + 1);
    for (const headers of [{}, { 'Content-Length': String(BODY_BYTES_MAX + 1) }]) {
      const answer = await deployment.request('PUT', `/v1/databases/${deployment.database}`, {
        body: long,
        headers,
      });
      expect(await problemOf(answer)).toMatchObject({
        status: 413,
        code: 'too-large',
        limit: BODY_BYTES_MAX,
      });
    }
  });
});
