import { describe, expect, it, vi } from 'vitest';
import { Exposition } from '../../workers/exposition.ts';
import { METRICS_DATABASES_MAX } from '../../workers/metrics.ts';
import { FakeDeployment, problemOf } from './router-fakes.ts';
import { followerStatus, lag, leaderStatus } from './status-fakes.ts';

const HEAD = /^# HELP (\w+) [^\n]+\n# TYPE \1 gauge$/;
const SAMPLE = /^(\w+)(?:\{((?:\w+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?[\d.e+]+|[+-]Inf|NaN)$/;

/** The samples as they are written, by metric; throws where the text is not of the format. */
function samplesIn(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const lines = text.split('\n');
  expect(lines.pop()).toBe('');
  let metric = '';
  for (let i = 0; i < lines.length; i += 1) {
    const line = lines[i] as string;
    const head = HEAD.exec(`${line}\n${lines[i + 1]}`);
    if (head !== null) {
      metric = head[1] as string;
      expect(found.has(metric)).toBe(false);
      found.set(metric, []);
      i += 1;
      continue;
    }
    expect(SAMPLE.exec(line)?.[1], line).toBe(metric);
    found.get(metric)?.push(line.slice(metric.length));
  }
  return found;
}

async function scrape(deployment: FakeDeployment, search = ''): Promise<Map<string, string[]>> {
  const answer = await deployment.request('GET', `/metrics${search}`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('Content-Type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return samplesIn(await answer.text());
}

async function withStatus(): Promise<FakeDeployment> {
  const deployment = await new FakeDeployment().withDatabase();
  deployment.names.add(deployment.database);
  const follower = `${deployment.database}/${deployment.record.incarnation}/0/enam`;
  const line = {
    follower,
    failures: 0,
    detail: null,
    sent: lag(42, 42),
    received: lag(41, 42),
    applied: lag(40, 42),
  };
  deployment.follower.onStatus = async () => followerStatus(40);
  deployment.leader.onStatus = async () => leaderStatus(42, [line]);
  return deployment;
}

describe('metrics', () => {
  it('[ME1] tell of each replica what the replication status tells, in seconds and bytes', async () => {
    const deployment = await withStatus();
    const { database } = deployment;
    const samples = await scrape(deployment);
    const leader = `{database="${database}",partition="0",region="weur",replica="weur"}`;
    const follower = `database="${database}",partition="0",region="enam",replica="enam"`;
    const stages = (sent: string, received: string, applied: string) =>
      [
        ['sent', sent],
        ['received', received],
        ['applied', applied],
      ].map(([stage, value]) => `{${follower},stage="${stage}"} ${value}`);
    expect(Object.fromEntries(samples)).toEqual({
      tidemark_databases: [' 1'],
      tidemark_leader_up: [`${leader} 1`],
      tidemark_epoch: [`{database="${database}",partition="0"} 1`],
      tidemark_failovers_running: [`{database="${database}",partition="0"} 0`],
      tidemark_leader_lsn: [`${leader} 42`],
      tidemark_settled_lsn: [`${leader} 42`],
      tidemark_follower_lag_entries: stages('0', '1', '2'),
      tidemark_follower_lag_bytes: stages('0', '10', '20'),
      tidemark_follower_lag_seconds: stages('0', '0.1', '0.2'),
      tidemark_follower_state: [`{${follower},state="streaming"} 1`],
      tidemark_follower_staleness_seconds: [`{${follower}} 1.5`],
      tidemark_database_bytes: [`${leader} 8192`, `{${follower}} 4096`],
      tidemark_log_bytes: [`${leader} 4096`, `{${follower}} 2048`],
      tidemark_held_answers: [`${leader} 0`],
      tidemark_waiting_reads: [`{${follower}} 0`],
      tidemark_scrape_error: [`{database="${database}"} 0`],
    });
  });

  it('[ME2] say of which databases nothing could be found out, and tell of the others', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const deployment = await withStatus();
    const { database } = deployment;
    deployment.follower.onStatus = () => Promise.reject(new Error('unreachable'));
    const samples = await scrape(deployment, `?database=none-such&database=${database}&database=${database}`);
    expect(samples.get('tidemark_scrape_error')?.toSorted()).toEqual([
      '{database="none-such"} 1',
      `{database="${database}"} 0`,
    ]);
    expect(samples.get('tidemark_follower_state')).toEqual([
      `{database="${database}",partition="0",region="enam",replica="enam",state="unreachable"} 1`,
    ]);
    expect(samples.get('tidemark_follower_staleness_seconds')).toEqual([]);

    deployment.leader.onStatus = () => Promise.reject(new Error('unreachable'));
    const without = await scrape(deployment);
    expect(without.get('tidemark_scrape_error')).toEqual([`{database="${database}"} 1`]);
    expect(without.get('tidemark_leader_lsn')).toEqual([]);
    log.mockRestore();
  });

  it('[ME7] without the leader tell of its followers, and how far they have heard', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const deployment = await withStatus();
    deployment.leader.onStatus = () => Promise.reject(new Error('unreachable'));
    const samples = await scrape(deployment);
    const told = ['leader_up', 'leader_lsn', 'settled_lsn', 'waiting_reads', 'scrape_error'].map((metric) =>
      samples.get(`tidemark_${metric}`)?.map((sample) => sample.split(' ').at(-1)),
    );
    expect(told).toEqual([['0'], ['40'], [], ['0'], ['0']]);
    log.mockRestore();
  });

  it('[ME3] ask only the databases that are named, else the first of the catalog', async () => {
    const deployment = await withStatus();
    const others = Array.from({ length: METRICS_DATABASES_MAX }, (_, i) => `a-${i}-${deployment.database}`);
    for (const name of others) deployment.names.add(name);
    const all = await scrape(deployment);
    expect(all.get('tidemark_databases')).toEqual([` ${METRICS_DATABASES_MAX + 1}`]);
    expect(all.get('tidemark_scrape_error')).toHaveLength(METRICS_DATABASES_MAX);
    expect(all.get('tidemark_leader_lsn')).toEqual([]);

    const named = await scrape(deployment, `?database=${deployment.database}`);
    expect(named.get('tidemark_scrape_error')).toEqual([`{database="${deployment.database}"} 0`]);
  });

  it('[ME3] are refused where a name is malformed, or too many are named', async () => {
    const deployment = await withStatus();
    const many = Array.from({ length: METRICS_DATABASES_MAX + 1 }, (_, i) => `database=d${i}`).join('&');
    for (const search of ['?database=No', `?${many}`]) {
      const answer = await deployment.request('GET', `/metrics${search}`);
      expect(await problemOf(answer)).toMatchObject({ status: 400, code: 'invalid-request' });
    }
  });

  it('[ME4] need the admin key', async () => {
    const deployment = await withStatus();
    const answer = await deployment.request('GET', '/metrics', { headers: { Authorization: '' } });
    expect(await problemOf(answer)).toMatchObject({ status: 401, code: 'unauthorized' });
  });

  it('[ME5] of databases that are named need no catalog', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const deployment = await withStatus();
    deployment.env.CATALOG.getByName('catalog').list = () => Promise.reject(new Error('reset'));
    const named = await scrape(deployment, `?database=${deployment.database}`);
    expect(named.get('tidemark_databases')).toEqual([]);
    expect(named.get('tidemark_leader_lsn')).toHaveLength(1);
    const answer = await deployment.request('GET', '/metrics');
    expect(await problemOf(answer)).toMatchObject({ status: 503, code: 'unavailable' });
    log.mockRestore();
  });

  it('[ME6] write any label and any number as the format asks', () => {
    const exposition = new Exposition({ m: 'One\\two\nthree.' });
    exposition.add('m', { label: 'a"b\\c\nd' }, Number.POSITIVE_INFINITY);
    exposition.add('m', {}, 1e21);
    exposition.add('m', {}, null);
    expect(exposition.toText()).toBe(
      '# HELP m One\\\\two\\nthree.\n# TYPE m gauge\nm{label="a\\"b\\\\c\\nd"} +Inf\nm 1e+21\n',
    );
  });
});
