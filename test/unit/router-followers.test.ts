import { describe, expect, it, vi } from 'vitest';
import { FOLLOWERS_MAX } from '../../shared/limits.ts';
import type { ReplicaAnswer } from '../../shared/protocol/messages.ts';
import { shortName } from '../../shared/protocol/names.ts';
import type { Region } from '../../shared/regions.ts';
import { done, FakeDeployment, problemOf, READ, type ProblemBody } from './router-fakes.ts';

function pathOf(deployment: FakeDeployment): string {
  return `/v1/databases/${deployment.database}/followers`;
}

async function post(deployment: FakeDeployment, body: unknown): Promise<Response> {
  return deployment.request('POST', pathOf(deployment), { body });
}

async function refusalOf(answer: Promise<Response>): Promise<ProblemBody> {
  return problemOf(await answer);
}

describe('adding a follower', () => {
  it('[FO18] is 202 with the database as it will be, under a token', async () => {
    const deployment = await new FakeDeployment().withDatabase();
    const answer = await post(deployment, { region: 'oc' });
    expect([answer.status, answer.headers.get('Tidemark-Session')]).toEqual([
      202,
      expect.stringMatching(/^t1\./),
    ]);
    expect(await answer.json()).toEqual({
      database: deployment.database,
      settings: {
        leader: 'weur',
        followers: ['enam', 'oc'],
        partitions: 1,
        durability: 'async',
        automatic_failover_seconds: null,
      },
      partitions: [
        {
          partition: 0,
          epoch: 1,
          revision: 2,
          leader: 'weur',
          followers: ['enam', 'oc'],
          members: ['enam'],
          joining: ['oc/2'],
          failover: null,
        },
      ],
    });
  });

  it('[FO18] needs to be told where the region is to have another', async () => {
    const deployment = await new FakeDeployment().withDatabase();
    expect(await refusalOf(post(deployment, { region: 'enam' }))).toMatchObject({
      status: 409,
      code: 'follower-exists',
      detail: expect.stringContaining('"another": true'),
    });
    expect((await post(deployment, { region: 'enam', another: true })).status).toBe(202);
    expect(deployment.record.settings.followers).toEqual(['enam', 'enam']);
  });

  it.each([
    [{}, 'region is missing'],
    [{ region: 'mars' }, 'region must be one of'],
    [{ region: 'oc', another: 'yes' }, 'another must be true or false'],
    [{ region: 'oc', count: 2 }, 'count is not a field'],
    [[], 'JSON object'],
    ['{', 'not JSON'],
    ['', 'not JSON'],
    [{ region: 'weur' }, 'The leader is in weur'],
  ])('[FO19] refuses %j', async (body, detail) => {
    const deployment = await new FakeDeployment().withDatabase();
    expect(await refusalOf(post(deployment, body))).toMatchObject({
      status: 400,
      code: 'invalid-request',
      detail: expect.stringContaining(detail),
    });
    expect(deployment.record.partitions[0]?.revision).toBe(1);
  });

  it('[FO19] refuses more than a database may have', async () => {
    const followers = Array<Region>(FOLLOWERS_MAX).fill('enam');
    const deployment = await new FakeDeployment().withDatabase(followers);
    expect(await refusalOf(post(deployment, { region: 'oc' }))).toMatchObject({
      code: 'invalid-request',
      detail: expect.stringContaining(`${FOLLOWERS_MAX} followers`),
    });
  });
});

describe('removing a follower', () => {
  it('[FO20] is 204, and the database no longer has it', async () => {
    const deployment = await new FakeDeployment().withDatabase(['enam', 'enam']);
    const remove = async (region: string) => deployment.request('DELETE', `${pathOf(deployment)}/${region}`);
    const answer = await remove('enam');
    expect([answer.status, await answer.text()]).toEqual([204, '']);
    expect(answer.headers.get('Tidemark-Session')).toMatch(/^t1\./);
    expect(deployment.record.partitions[0]).toMatchObject({ followers: [{ region: 'enam' }] });
    expect((await remove('enam')).status).toBe(204);
    expect(await refusalOf(remove('enam'))).toMatchObject({ status: 404, code: 'not-found' });
    expect(await refusalOf(remove('mars'))).toMatchObject({ status: 400, code: 'invalid-request' });
  });

  it.each([
    ['enam?replica=enam', 204, ['enam/2', 'enam/3']],
    ['enam?replica=enam%2F2', 204, ['enam', 'enam/3']],
    ['enam?replica=enam/4', 404, ['enam', 'enam/2', 'enam/3']],
    ['oc?replica=enam/2', 404, ['enam', 'enam/2', 'enam/3']],
    ['weur?replica=weur', 404, ['enam', 'enam/2', 'enam/3']],
    ['enam?replica=', 404, ['enam', 'enam/2', 'enam/3']],
    ["enam?replica='%00", 404, ['enam', 'enam/2', 'enam/3']],
    ['mars?replica=enam/2', 400, ['enam', 'enam/2', 'enam/3']],
  ])('[FO23] of %s is %i', async (which, status, left) => {
    const deployment = await new FakeDeployment().withDatabase(['enam', 'enam', 'enam']);
    const answer = await deployment.request('DELETE', `${pathOf(deployment)}/${which}`);
    expect(answer.status).toBe(status);
    expect(deployment.record.partitions[0]?.followers.map(shortName)).toEqual(left);
  });

  it('[FO23] says which one there is none of', async () => {
    const deployment = await new FakeDeployment().withDatabase();
    const answer = deployment.request('DELETE', `${pathOf(deployment)}/enam?replica=enam/7`);
    expect(await refusalOf(answer)).toMatchObject({
      code: 'not-found',
      detail: expect.stringContaining('named "enam/7" in enam'),
    });
  });

  it('[FO20] is refused for the last one that the durability needs', async () => {
    const deployment = new FakeDeployment();
    const body = { leader: 'weur', followers: ['enam'], durability: 'semi-sync' };
    await deployment.request('PUT', `/v1/databases/${deployment.database}`, { body });
    const answer = deployment.request('DELETE', `${pathOf(deployment)}/enam`);
    expect(await refusalOf(answer)).toMatchObject({
      status: 400,
      code: 'invalid-request',
      detail: expect.stringContaining('semi-sync'),
    });
  });
});

describe('both', () => {
  it('[FO21] need a database', async () => {
    const deployment = new FakeDeployment();
    for (const answer of [
      post(deployment, { region: 'oc' }),
      deployment.request('DELETE', `${pathOf(deployment)}/oc`),
    ])
      expect(await refusalOf(answer)).toMatchObject({ status: 404, code: 'database-not-found' });
  });

  it('[FO21] are outcome-unknown where the directory did not answer, and unavailable where it was never asked', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const deployment = await new FakeDeployment().withDatabase();
    deployment.directory.addFollower = () => Promise.reject(new Error('reset'));
    deployment.directory.removeFollower = () => Promise.reject(new Error('reset'));
    const both = () => [
      post(deployment, { region: 'oc' }),
      deployment.request('DELETE', `${pathOf(deployment)}/enam`),
    ];
    for (const answer of both())
      expect(await refusalOf(answer)).toMatchObject({ status: 504, code: 'outcome-unknown' });
    deployment.directory.lookup = () => Promise.reject(new Error('reset'));
    for (const answer of both())
      expect(await refusalOf(answer)).toMatchObject({ status: 503, code: 'unavailable' });
    log.mockRestore();
  });

  it('[RT15] make a replica that knows of them before the isolate does tell it, once, and its answer is given', async () => {
    const deployment = await new FakeDeployment().withDatabase();
    const lookups = async () => {
      const before = deployment.directory.lookups;
      expect(await (await deployment.query(READ)).json()).toEqual({ results: [], receipt: {} });
      return deployment.directory.lookups - before;
    };
    expect([await lookups(), await lookups()]).toEqual([1, 0]);
    // As through another isolate.
    await deployment.directory.addFollower({ region: 'oc', another: false });
    deployment.follower.onRead = () => ({ ...done(1), revision: 2 }) as ReplicaAnswer;
    expect([await lookups(), await lookups(), await lookups()]).toEqual([0, 1, 0]);
  });

  it('[FO21] make the isolate look the database up again, whatever came of them', async () => {
    const deployment = await new FakeDeployment().withDatabase();
    await deployment.query(READ);
    for (const region of ['oc', 'enam']) {
      await post(deployment, { region });
      const before = deployment.directory.lookups;
      await deployment.query(READ);
      expect(deployment.directory.lookups).toBe(before + 1);
    }
  });
});
