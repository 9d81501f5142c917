import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Hash } from '../../shared/log/entry.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import { DatabaseSchema, FailoverSchema, ReplicationSchema } from '../../shared/protocol/answers.ts';
import type { DatabaseRecord, RunningFailover } from '../../shared/protocol/directory.ts';
import { at, FakeDeployment, problemOf } from './router-fakes.ts';
import { followerStatus, leaderStatus } from './status-fakes.ts';

let deployment: FakeDeployment;

beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  deployment = await new FakeDeployment().withDatabase(['enam', 'apac', 'apac']);
});

afterEach(() => {
  vi.restoreAllMocks();
});

const base = () => `/v1/databases/${deployment.database}`;

const RUNNING: RunningFailover = {
  partition: 0,
  mode: 'forced',
  to: 'enam',
  since: 7000,
  detail: 'It waits for the lease.',
};

function promoted(record: DatabaseRecord): DatabaseRecord {
  const [leadership] = record.partitions;
  const [first, ...others] = leadership?.followers ?? [];
  if (leadership === undefined || first === undefined) throw new Error('nobody can lead');
  const history = [
    {
      epoch: toEpoch(2),
      after: { ...at(40), hash: 'h' as Hash },
      mode: 'forced',
      at: 8000,
      heard: toLsn(42),
    },
  ] as const;
  const old = { ...leadership.leader, membership: 'joining' as const };
  const now = { ...leadership, epoch: toEpoch(2), revision: 2, leader: first, followers: [...others, old] };
  return { ...record, partitions: [{ ...now, history }] };
}

async function failover(body: unknown): Promise<Response> {
  return deployment.request('POST', `${base()}/failover`, { body });
}

describe('POST failover', () => {
  it('[FE1] is 200 with who leads now, from where, and what was lost', async () => {
    const lost = { epoch: toEpoch(1), from_lsn: toLsn(41), to_lsn: toLsn(42) };
    deployment.directory.onFailover = () => ({ kind: 'done', record: promoted(deployment.record), lost });
    const answer = await failover({ mode: 'forced', accept_loss: true });
    expect([answer.status, answer.headers.get('Tidemark-Session')]).toEqual([
      200,
      expect.stringMatching(/^t1\./),
    ]);
    const body = await answer.json();
    expect(body).toEqual({
      database: deployment.database,
      partition: 0,
      mode: 'forced',
      state: 'done',
      epoch: 2,
      leader: 'enam',
      after: { epoch: 1, lsn: 40 },
      lost,
      detail: null,
      failover: null,
    });
    expect(v.is(FailoverSchema, body)).toBe(true);
    expect(deployment.directory.wishes).toEqual([
      { partition: 0, to: null, replica: null, mode: 'forced', accept_loss: true, epoch: null },
    ]);
  });

  it('[FE1] is 202 where it takes longer than a request, and says what it waits for', async () => {
    deployment.directory.onFailover = () => ({
      kind: 'running',
      record: { ...deployment.record, failovers: [RUNNING] },
      detail: 'It waits for the lease.',
    });
    const answer = await failover({ mode: 'planned', to: 'apac', replica: 'apac/2', partition: 'all' });
    const body = await answer.json();
    expect([answer.status, body]).toMatchObject([
      202,
      { state: 'running', epoch: 1, leader: 'weur', after: null, lost: null, failover: { mode: 'forced' } },
    ]);
    expect(v.is(FailoverSchema, body)).toBe(true);
    expect(deployment.directory.wishes).toMatchObject([{ to: 'apac', replica: 'apac/2', mode: 'planned' }]);
  });

  it('[FE2] passes on why it was refused, and is looked up afresh afterwards', async () => {
    await deployment.query({ sql: 'SELECT 1' });
    deployment.directory.onFailover = () => ({
      kind: 'refused',
      failure: { code: 'failover-refused', detail: 'The leader answers.' },
    });
    expect(await problemOf(await failover({ mode: 'forced' }))).toMatchObject({
      status: 409,
      code: 'failover-refused',
      detail: 'The leader answers.',
    });
    const { lookups } = deployment.directory;
    await deployment.query({ sql: 'SELECT 1' });
    expect(deployment.directory.lookups).toBe(lookups + 1);
  });

  it.each([
    [{}, 400, 'mode is missing'],
    [{ mode: 'quick' }, 400, 'mode must be planned or forced'],
    [{ mode: 'planned' }, 400, 'to is missing'],
    [{ mode: 'planned', to: 'mars' }, 400, 'to must be one of'],
    [{ mode: 'planned', to: 'enam', accept_loss: true }, 400, 'accept_loss is of use only'],
    [{ mode: 'forced', epoch: 0 }, 400, 'epoch must be 1 or more'],
    [{ mode: 'forced', accept_loss: 'yes' }, 400, 'accept_loss must be true or false'],
    [{ mode: 'forced', replica: 'enam' }, 400, 'to is missing'],
    [{ mode: 'forced', to: 'enam', replica: 'apac/2' }, 400, 'replica must be of the region in to'],
    [{ mode: 'forced', to: 'apac', replica: 'apac-ne' }, 400, 'replica must be of the region in to'],
    [{ mode: 'forced', partition: 0.5 }, 400, 'partition must be a whole number'],
    [{ mode: 'forced', partition: -1 }, 400, 'partition must be a whole number'],
    [{ mode: 'forced', partition: 1 }, 404, 'has no partition 1'],
    [{ mode: 'forced', partition: 1e21 }, 400, 'partition must be a whole number'],
    [{ mode: 'forced', when: 'now' }, 400, 'when is not a field'],
    ['{', 400, 'not JSON'],
  ])('[FE3] answers %j with %i, and asks nobody', async (body, status, detail) => {
    const problem = await problemOf(await failover(body));
    expect(problem).toMatchObject({ status, detail: expect.stringContaining(detail) });
    expect(deployment.directory.wishes).toEqual([]);
  });

  it('[FE3] is 404 for a database that is not there, and outcome-unknown where the answer is lost', async () => {
    const none = await deployment.request('POST', '/v1/databases/none-such/failover', {
      body: { mode: 'forced' },
    });
    expect(await problemOf(none)).toMatchObject({ code: 'database-not-found' });
    deployment.directory.onFailover = () => {
      throw new Error('reset');
    };
    expect(await problemOf(await failover({ mode: 'forced' }))).toMatchObject({ code: 'outcome-unknown' });
  });
});

describe('the status of a failover', () => {
  it('[FE4] is in GET database and in the replication status, with the history of epochs', async () => {
    deployment.directory.told = (record) => ({ ...promoted(record), failovers: [RUNNING] });
    const failovers = { mode: 'forced', to: 'enam', since: 7000, detail: 'It waits for the lease.' };
    const database = await (await deployment.request('GET', base())).json();
    expect(database).toMatchObject({ partitions: [{ epoch: 2, leader: 'enam', failover: failovers }] });
    expect(v.is(DatabaseSchema, database)).toBe(true);
    deployment.replica('enam').onStatus = async () => ({ ...leaderStatus(42), detail: 'It has no lease.' });
    deployment.replica('weur').onStatus = async () => followerStatus(42, 'rolling-back');
    const status = await (await deployment.request('GET', `${base()}/replication`)).json();
    expect(status).toMatchObject({
      partitions: [
        {
          failover: failovers,
          history: [{ epoch: 2, after: { epoch: 1, lsn: 40 }, mode: 'forced', at: 8000, heard: 42 }],
          leader: { replica: 'enam', state: 'leading', detail: 'It has no lease.' },
          followers: [
            { replica: 'apac' },
            { replica: 'apac/2' },
            { replica: 'weur', state: 'rolling-back', membership: 'joining' },
          ],
        },
      ],
    });
    expect(v.is(ReplicationSchema, status)).toBe(true);
  });

  it('[FE4] shows a leader that hands over, and what the leader knows of a follower that says nothing', async () => {
    deployment.directory.told = (record) => ({
      ...record,
      partitions: record.partitions.map((one) => ({ ...one, successor: one.followers[0] ?? null })),
    });
    const follower = deployment.record.partitions[0]?.followers[0]?.name ?? '';
    const line = { follower, sent: null, received: null, applied: null, failures: 3, detail: 'Upgrade it.' };
    deployment.leader.onStatus = async () => leaderStatus(42, [line]);
    const status = await (await deployment.request('GET', `${base()}/replication`)).json();
    expect(status).toMatchObject({
      partitions: [
        {
          leader: { state: 'handing-over' },
          followers: [{ replica: 'enam', state: 'unreachable', detail: 'Upgrade it.' }, {}, {}],
        },
      ],
    });
  });

  it('[FE4] is in the metrics', async () => {
    deployment.directory.told = (record) => ({ ...promoted(record), failovers: [RUNNING] });
    deployment.replica('enam').onStatus = async () => leaderStatus(42);
    const text = await (await deployment.request('GET', `/metrics?database=${deployment.database}`)).text();
    const labels = `{database="${deployment.database}",partition="0"}`;
    expect(text).toContain(`\ntidemark_epoch${labels} 2\n`);
    expect(text).toContain(`\ntidemark_failovers_running${labels} 1\n`);
  });
});

describe('PUT database after a failover', () => {
  it('[FE6] is 200 as before, where it left the leader open', async () => {
    const settings = { followers: ['enam', 'apac', 'apac'] };
    deployment.directory.create = async () => {
      const record = promoted(deployment.record);
      const now = { ...record.settings, leader: 'enam', followers: ['apac', 'apac', 'weur'] } as const;
      return { kind: 'differs', record: { ...record, settings: now } };
    };
    const put = async (body: object) =>
      (await deployment.request('PUT', base(), { body, headers: { 'Tidemark-Region': 'oc' } })).status;
    expect(await put(settings)).toBe(200);
    expect(await put({ followers: ['enam', 'apac'] })).toBe(409);
    expect(await put({ followers: ['enam', 'apac', 'oc'] })).toBe(409);
    expect(await put({ ...settings, durability: 'quorum' })).toBe(409);
  });
});

describe('automatic failover', () => {
  it('[FE5] is off unless the database is made with a time, which GET shows', async () => {
    const path = `/v1/databases/${deployment.database}-b`;
    const body = { leader: 'weur', automatic_failover_seconds: 30 };
    expect((await deployment.request('PUT', path, { body })).status).toBe(201);
    const got = await (await deployment.request('GET', path)).json();
    expect(got).toMatchObject({ settings: { automatic_failover_seconds: 30 } });
    expect((await deployment.request('PUT', path, { body })).status).toBe(200);
    const other = await deployment.request('PUT', path, { body: { leader: 'weur' } });
    expect(await problemOf(other)).toMatchObject({
      code: 'database-exists',
      detail: expect.stringContaining('"automatic_failover_seconds":30'),
    });
  });

  it('[FE5] is changed by PATCH, also back to off', async () => {
    for (const automatic_failover_seconds of [5, 3600, null]) {
      const answer = await deployment.request('PATCH', base(), { body: { automatic_failover_seconds } });
      expect([answer.status, await answer.json()]).toMatchObject([
        200,
        { settings: { automatic_failover_seconds } },
      ]);
    }
  });

  it.each([
    [{}, 'automatic_failover_seconds is missing'],
    [{ automatic_failover_seconds: 4 }, 'from 5 to 3600 seconds, or null'],
    [{ automatic_failover_seconds: 3601 }, 'from 5 to 3600 seconds, or null'],
    [{ automatic_failover_seconds: '30' }, 'must be a number of seconds, or null'],
    [{ automatic_failover_seconds: 30, durability: 'all' }, 'durability is not a field'],
  ])('[FE5] is not changed by %j', async (body, detail) => {
    const answer = await deployment.request('PATCH', base(), { body });
    expect(await problemOf(answer)).toMatchObject({ status: 400, detail: expect.stringContaining(detail) });
    expect(deployment.record.settings.automatic_failover_ms).toBe(null);
  });
});
