import { CHURNED_ROWS, rowsIn } from './bodies.ts';
import { Cluster, isLevel } from './cluster.ts';
import type { BenchRun } from './measure.ts';
import { observe } from './replication.ts';
import { atMost, type Line, plain, say } from './report.ts';
import { CUTTING } from './systems.ts';

const UPDATES = 100_000;
const STEPS = 10;
/** After so much of it the log is as long as it gets. */
const STEADY_AFTER = 2;
const SINGLES = 1_000;

/** The same rows updated over and over, with a log that is cut, and what cutting costs. */
export async function measureChurn({ systems, thread }: BenchRun): Promise<Line[]> {
  say('disk under churn');
  const cluster = await Cluster.make(systems.urls.cutting, 'churn', ['enam']);
  const { subject } = cluster;
  await cluster.fill(CHURNED_ROWS);
  const series: { readonly database: number; readonly log: number; readonly follower: number }[] = [];
  let before = await observe(subject);
  let counted = 0;
  for (let step = 0; step < STEPS; step++) {
    const { requests } = await thread.run(subject, 'churn', {
      milliseconds: 120_000,
      requestsMax: UPDATES / STEPS / rowsIn('churn'),
      connections: 8,
    });
    const { leader, followers } = await cluster.until('the follower has the updates', isLevel);
    const [follower] = followers;
    series.push({
      database: leader.database_bytes,
      log: leader.log_bytes,
      follower: follower?.database_bytes ?? Number.NaN,
    });
    if (step < STEADY_AFTER) before = await observe(subject);
    else counted += requests * rowsIn('churn');
  }
  const after = await observe(subject);
  const [steady, last] = [series[STEADY_AFTER], series.at(-1)];
  const growth = (last?.database ?? Number.NaN) / (steady?.database ?? Number.NaN);
  const mib = (which: 'database' | 'log' | 'follower') =>
    series.map((one) => (one[which] / 2 ** 20).toFixed(1)).join(', ');
  const kept = `${CUTTING.kept / 2 ** 20} MiB of log kept`;
  return [
    {
      what: `the leader's file after ${UPDATES.toLocaleString('en-US')} updates of ${CHURNED_ROWS.toLocaleString('en-US')} rows`,
      value: (last?.database ?? Number.NaN) / 2 ** 20,
      unit: 'MiB',
      target: atMost('of itself after a third', growth, 1.1),
      note: `every ${(UPDATES / STEPS).toLocaleString('en-US')}: ${mib('database')}; ${kept}`,
    },
    plain('its log', (last?.log ?? Number.NaN) / 2 ** 20, 'MiB', mib('log')),
    plain("a follower's file", (last?.follower ?? Number.NaN) / 2 ** 20, 'MiB', mib('follower')),
    plain(
      'rows written at the leader per update, cutting',
      (after.leaderRowsWritten - before.leaderRowsWritten) / counted,
      '',
      `${rowsIn('churn')} a transaction`,
    ),
    plain(
      'rows written at a follower per update, cutting',
      (after.followerRowsWritten - before.followerRowsWritten) / counted,
      '',
    ),
    ...(await insertCost({ cluster, thread })),
  ];
}

/** One row a request, without an index, once the log is cut. */
async function insertCost({
  cluster,
  thread,
}: {
  readonly cluster: Cluster;
  readonly thread: BenchRun['thread'];
}): Promise<Line[]> {
  const { subject } = cluster;
  await subject.prepare(null);
  await thread.run(subject, 'insert', { milliseconds: 60_000, requestsMax: SINGLES * 3 });
  await cluster.until('the follower has the rows', isLevel);
  const before = await observe(subject);
  const { requests } = await thread.run(subject, 'insert', {
    milliseconds: 60_000,
    requestsMax: SINGLES * 3,
  });
  await cluster.until('the follower has the rows', isLevel);
  const after = await observe(subject);
  return [
    plain(
      'rows written at the leader per inserted row, cutting',
      (after.leaderRowsWritten - before.leaderRowsWritten) / requests,
      '',
      `${requests} single inserts`,
    ),
    plain(
      'rows written at a follower per inserted row, cutting',
      (after.followerRowsWritten - before.followerRowsWritten) / requests,
      '',
      '1 follower',
    ),
  ];
}
