import * as v from 'valibot';
import { describe, expect, it, vi } from 'vitest';
import type { LineStatus } from '../../shared/protocol/status.ts';
import { ReplicationSchema } from '../../shared/protocol/answers.ts';
import { at, FakeDeployment, problemOf } from './router-fakes.ts';
import { followerStatus, lag, leaderStatus } from './status-fakes.ts';

function lineOf(
  deployment: FakeDeployment,
  short: string,
  line: Omit<LineStatus, 'follower' | 'failures' | 'detail'>,
): LineStatus {
  const follower = `${deployment.database}/${deployment.record.incarnation}/0/${short}`;
  return { follower, failures: 0, detail: null, ...line };
}

async function replication(deployment: FakeDeployment): Promise<Response> {
  return deployment.request('GET', `/v1/databases/${deployment.database}/replication`);
}

describe('replication status', () => {
  it('[RS1] tells how far each follower is behind, in entries, bytes and seconds, by stage', async () => {
    const deployment = await new FakeDeployment().withDatabase();
    deployment.follower.onStatus = async () => followerStatus(40);
    const line = lineOf(deployment, 'enam', {
      sent: lag(42, 42),
      received: lag(41, 42),
      applied: lag(40, 42),
    });
    deployment.leader.onStatus = async (appliedOf) => {
      expect(appliedOf).toEqual([{ follower: line.follower, applied: at(40) }]);
      return leaderStatus(42, [line]);
    };
    const body = await (await replication(deployment)).json();
    expect(body).toEqual({
      partitions: [
        {
          partition: 0,
          epoch: 1,
          revision: 1,
          history: [],
          failover: null,
          leader: {
            region: 'weur',
            replica: 'weur',
            state: 'leading',
            detail: null,
            lsn: 42,
            settled: 42,
            held: 0,
            database_bytes: 8192,
            log_bytes: 4096,
            log_after: 0,
          },
          followers: [
            {
              region: 'enam',
              replica: 'enam',
              membership: 'member',
              state: 'streaming',
              detail: null,
              applied: { epoch: 1, lsn: 40 },
              lag_entries: 2,
              lag_bytes: 20,
              lag_seconds: 0.2,
              stages: {
                sent: { lsn: 42, lag_entries: 0, lag_bytes: 0, lag_seconds: 0 },
                received: { lsn: 41, lag_entries: 1, lag_bytes: 10, lag_seconds: 0.1 },
                applied: { lsn: 40, lag_entries: 2, lag_bytes: 20, lag_seconds: 0.2 },
              },
              staleness_ms: 1500,
              waiting: 0,
              database_bytes: 4096,
              log_bytes: 2048,
            },
          ],
        },
      ],
    });
    expect(v.is(ReplicationSchema, body)).toBe(true);
  });

  it('[RS2] is given although followers do not answer, with what the leader knows of them', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const deployment = await new FakeDeployment().withDatabase(['enam', 'apac', 'oc']);
    deployment.replica('enam').onStatus = () => Promise.reject(new Error('unreachable'));
    deployment.replica('oc').onStatus = async () => followerStatus(42, 'stranded');
    deployment.leader.onStatus = async () =>
      leaderStatus(42, [
        lineOf(deployment, 'enam', { sent: lag(42, 42), received: lag(30, 42), applied: null }),
        lineOf(deployment, 'oc', { sent: null, received: null, applied: lag(42, 42) }),
      ]);
    const body = await (await replication(deployment)).json();
    const unknown = { applied: null, lag_entries: null, lag_bytes: null, lag_seconds: null };
    const sizes = { staleness_ms: null, waiting: null, database_bytes: null, log_bytes: null };
    expect(body).toMatchObject({
      partitions: [
        {
          followers: [
            {
              region: 'enam',
              state: 'unreachable',
              ...unknown,
              ...sizes,
              stages: { sent: { lsn: 42 }, received: { lsn: 30, lag_entries: 12 }, applied: null },
            },
            {
              region: 'apac',
              state: 'unreachable',
              ...unknown,
              stages: { sent: null, received: null, applied: null },
            },
            { region: 'oc', state: 'stranded', applied: { epoch: 1, lsn: 42 }, lag_entries: 0 },
          ],
        },
      ],
    });
    expect(v.is(ReplicationSchema, body)).toBe(true);
    log.mockRestore();
  });

  it('[RS3] without the leader tells what the followers know, and is 503 where nobody answers', async () => {
    const deployment = await new FakeDeployment().withDatabase();
    expect(await problemOf(await replication(deployment))).toMatchObject({
      status: 503,
      code: 'unavailable',
    });
    deployment.follower.onStatus = async () => ({ ...followerStatus(5, 'catching-up'), head: at(7) });
    const body = await (await replication(deployment)).json();
    const unknown = { settled: null, held: null, database_bytes: null, log_bytes: null, log_after: null };
    expect(body).toMatchObject({
      partitions: [
        {
          epoch: 1,
          leader: { region: 'weur', replica: 'weur', state: 'unreachable', lsn: 7, ...unknown },
          followers: [{ state: 'catching-up', applied: { lsn: 5 }, lag_entries: 2, lag_seconds: null }],
        },
      ],
    });
    expect(v.is(ReplicationSchema, body)).toBe(true);
  });

  it('[RS4] names each of several replicas in a region, and says which of them joins', async () => {
    const deployment = await new FakeDeployment().withDatabase(['enam', 'enam']);
    const body = { region: 'enam', another: true };
    await deployment.request('POST', `/v1/databases/${deployment.database}/followers`, { body });
    deployment.leader.onStatus = async () => leaderStatus(7);
    deployment.replica('enam/3').onStatus = async () => ({
      ...followerStatus(3, 'installing'),
      detail: 'copying table 2 of 5',
    });
    expect(await (await replication(deployment)).json()).toMatchObject({
      partitions: [
        {
          revision: 2,
          followers: [
            { region: 'enam', replica: 'enam', membership: 'member' },
            { region: 'enam', replica: 'enam/2', membership: 'member' },
            {
              region: 'enam',
              replica: 'enam/3',
              membership: 'joining',
              state: 'installing',
              detail: 'copying table 2 of 5',
              // Its tables are those of no position.
              applied: null,
              lag_entries: null,
              lag_seconds: null,
              staleness_ms: null,
            },
          ],
        },
      ],
    });
  });
});

describe('digest', () => {
  it('[DG1] asks the replica in the region, the leader where none is named', async () => {
    const deployment = await new FakeDeployment().withDatabase();
    const path = `/v1/databases/${deployment.database}/digest`;
    deployment.leader.onDigest = async () => ({ kind: 'digest', position: at(2), sha256: 'leader' });
    deployment.follower.onDigest = async () => ({ kind: 'digest', position: at(1), sha256: 'follower' });
    const answer = await deployment.request('GET', path);
    expect(await answer.json()).toEqual({ position: { epoch: 1, lsn: 2 }, sha256: 'leader' });
    const ofFollower = await deployment.request('GET', `${path}?partition=0&region=enam`);
    expect(await ofFollower.json()).toEqual({ position: { epoch: 1, lsn: 1 }, sha256: 'follower' });
  });

  it('[DG3] asks the one of several in a region that is named', async () => {
    const deployment = await new FakeDeployment().withDatabase(['enam', 'enam']);
    deployment.sibling(1).onDigest = async () => ({ kind: 'digest', position: at(1), sha256: 'first' });
    deployment.sibling(2).onDigest = async () => ({ kind: 'digest', position: at(1), sha256: 'second' });
    const path = `/v1/databases/${deployment.database}/digest`;
    for (const [search, sha256] of [
      ['?region=enam', 'first'],
      ['?replica=enam', 'first'],
      ['?replica=enam/2', 'second'],
      ['?region=enam&replica=enam%2F2', 'second'],
    ])
      expect(await (await deployment.request('GET', path + search)).json()).toMatchObject({ sha256 });
  });

  it.each([
    ['?partition=x', 400, 'invalid-request'],
    ['?partition=1', 404, 'not-found'],
    ['?region=mars', 400, 'invalid-request'],
    ['?region=oc', 404, 'not-found'],
    ['?replica=enam/2', 404, 'not-found'],
    ['?region=weur&replica=enam', 404, 'not-found'],
    ['?region=enam', 503, 'unavailable'],
  ])('[DG2] answers %s with %i', async (search, status, code) => {
    const deployment = await new FakeDeployment().withDatabase();
    const answer = await deployment.request('GET', `/v1/databases/${deployment.database}/digest${search}`);
    expect(await problemOf(answer)).toMatchObject({ status, code });
  });
});
