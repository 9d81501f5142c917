import { refuse, Refusal } from '../shared/failure.ts';
import type { DatabaseRecord } from '../shared/protocol/directory.ts';
import { shortName } from '../shared/protocol/names.ts';
import { listNames } from './catalog.ts';
import { within } from './deadline.ts';
import { failoverOf } from './describe.ts';
import type { EdgeContext } from './env.ts';
import { Exposition, type Labels } from './exposition.ts';
import { logUnexpected, orUnavailable } from './failure.ts';
import { checkDatabaseName, lookUp } from './records.ts';
import { type FollowerReport, type PartitionReport, reportOn } from './status.ts';

/** Each database that is scraped wakes all of its objects, and a Worker may send only so many messages for one request. */
export const METRICS_DATABASES_MAX = 50;

/** Together less than the 10 seconds that Prometheus waits if it is told nothing else. */
const LIST_WAIT_MS = 2_000;
const SCRAPE_WAIT_MS = 7_000;

const HELP = {
  tidemark_databases: 'Databases that exist.',
  tidemark_leader_up: '1 where the leader answers, else 0.',
  tidemark_epoch: 'Number of the leadership; goes up with each failover.',
  tidemark_failovers_running: 'Failovers of the partition that are decided on and not at their end.',
  tidemark_leader_lsn:
    'LSN of the newest entry in the log of the leader, as far as anybody who answers has heard.',
  tidemark_settled_lsn: 'Greatest LSN that is as durable as the database asks.',
  tidemark_follower_lag_entries: 'Entries by which a stage of the follower is behind the leader.',
  tidemark_follower_lag_bytes: 'Bytes of entries by which a stage of the follower is behind the leader.',
  tidemark_follower_lag_seconds: 'Age of the first entry that a stage of the follower lacks.',
  tidemark_follower_state: '1 for the state that the follower is in.',
  tidemark_follower_staleness_seconds: 'Upper bound on how old what the follower shows is.',
  tidemark_database_bytes: 'Size of the storage of the replica, the log included.',
  tidemark_log_bytes: 'Size of the log of the replica.',
  tidemark_held_answers: 'Answers that the leader holds until they are durable.',
  tidemark_waiting_reads: 'Reads that wait at the follower for their position.',
  tidemark_scrape_error: '1 where the database could not be asked, else 0.',
} as const;

/** Prometheus text: of the databases that `?database=` names, or of the first in the catalog. */
export async function getMetrics(c: EdgeContext): Promise<Response> {
  const named = [...new Set(c.req.queries('database')?.map(checkDatabaseName))];
  if (named.length > METRICS_DATABASES_MAX) tooMany();
  const exposition = new Exposition(HELP);
  const all = await namesOrNull(c, named.length > 0);
  exposition.add('tidemark_databases', {}, all?.length);
  const names = named.length > 0 ? named : (all ?? []).slice(0, METRICS_DATABASES_MAX);
  await Promise.all(names.map((database) => scrape(c, database, exposition)));
  return c.body(exposition.toText(), 200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' });
}

/** Without the catalog the databases that were named can still be asked. */
async function namesOrNull(c: EdgeContext, mayFail: boolean): Promise<readonly string[] | null> {
  const asked = within(LIST_WAIT_MS, listNames(c));
  if (!mayFail) return orUnavailable(c, asked);
  return asked.catch((error: unknown) => {
    logUnexpected(c, error);
    return null;
  });
}

/** One database that cannot be asked must not keep the others from being seen. */
async function scrape(c: EdgeContext, database: string, exposition: Exposition): Promise<void> {
  try {
    const { record, reports } = await within(SCRAPE_WAIT_MS, reportsOn(c, database));
    for (const report of reports) addPartition(exposition, record, report);
    exposition.add('tidemark_scrape_error', { database }, 0);
  } catch (error) {
    if (!(error instanceof Refusal)) logUnexpected(c, error);
    exposition.add('tidemark_scrape_error', { database }, 1);
  }
}

interface Scraped {
  readonly record: DatabaseRecord;
  readonly reports: readonly PartitionReport[];
}

async function reportsOn(c: EdgeContext, database: string): Promise<Scraped> {
  const record = await lookUp(c, database);
  const reports = await Promise.all(record.partitions.map((leadership) => reportOn(c, leadership)));
  return { record, reports };
}

function addPartition(exposition: Exposition, record: DatabaseRecord, report: PartitionReport): void {
  const { database } = record;
  const { leadership, leader, head, followers } = report;
  const partition = { database, partition: String(leadership.partition) };
  exposition.add('tidemark_epoch', partition, leadership.epoch);
  const running = failoverOf(record, leadership.partition) === null ? 0 : 1;
  exposition.add('tidemark_failovers_running', partition, running);
  const ref = leadership.leader;
  const labels = { ...partition, region: ref.region, replica: shortName(ref) };
  exposition.add('tidemark_leader_up', labels, leader === null ? 0 : 1);
  exposition.add('tidemark_leader_lsn', labels, head.lsn);
  exposition.add('tidemark_settled_lsn', labels, leader?.settled);
  exposition.add('tidemark_held_answers', labels, leader?.held);
  exposition.add('tidemark_database_bytes', labels, leader?.storage.database_bytes);
  exposition.add('tidemark_log_bytes', labels, leader?.storage.log_bytes);
  for (const follower of followers) {
    const { region } = follower.ref;
    addFollower(exposition, { ...partition, region, replica: shortName(follower.ref) }, follower);
  }
}

function addFollower(exposition: Exposition, labels: Labels, { own, line }: FollowerReport): void {
  for (const stage of ['sent', 'received', 'applied'] as const) {
    const lag = line?.[stage] ?? null;
    const staged = { ...labels, stage };
    exposition.add('tidemark_follower_lag_entries', staged, lag?.lag_entries);
    exposition.add('tidemark_follower_lag_bytes', staged, lag?.lag_bytes);
    exposition.add('tidemark_follower_lag_seconds', staged, lag?.lag_seconds);
  }
  exposition.add('tidemark_follower_state', { ...labels, state: own?.state ?? 'unreachable' }, 1);
  if (own === null) return;
  exposition.add(
    'tidemark_follower_staleness_seconds',
    labels,
    own.staleness_ms === null ? null : own.staleness_ms / 1000,
  );
  exposition.add('tidemark_waiting_reads', labels, own.waiting);
  exposition.add('tidemark_database_bytes', labels, own.storage.database_bytes);
  exposition.add('tidemark_log_bytes', labels, own.storage.log_bytes);
}

function tooMany(): never {
  refuse({
    code: 'invalid-request',
    detail: `There are more than ${METRICS_DATABASES_MAX} databases named. Name fewer, or scrape several times.`,
  });
}
