import type { Position } from '../shared/position.ts';
import type { DatabaseRecord } from '../shared/protocol/directory.ts';
import { shortName } from '../shared/protocol/names.ts';
import type { EdgeContext } from './env.ts';
import { describeFailover, describeHistory, failoverOf } from './describe.ts';
import { databaseName, lookUp } from './records.ts';
import { type FollowerReport, type PartitionReport, reportOn } from './status.ts';

/** How far each follower is behind its leader. */
export async function getReplication(c: EdgeContext): Promise<Response> {
  const record = await lookUp(c, databaseName(c));
  c.get('session').open(record);
  const reports = await Promise.all(record.partitions.map((leadership) => reportOn(c, leadership)));
  return c.json({ partitions: reports.map((report) => describePartition(record, report)) });
}

function describePartition(record: DatabaseRecord, report: PartitionReport) {
  const { leadership, leader, head, followers } = report;
  return {
    partition: leadership.partition,
    epoch: leader?.epoch ?? leadership.epoch,
    revision: leadership.revision,
    history: describeHistory(leadership),
    failover: describeFailover(failoverOf(record, leadership.partition)),
    leader: {
      region: leadership.leader.region,
      replica: shortName(leadership.leader),
      state: stateOf(report),
      detail: leader?.detail ?? null,
      lsn: head.lsn,
      settled: leader?.settled ?? null,
      held: leader?.held ?? null,
      database_bytes: leader?.storage.database_bytes ?? null,
      log_bytes: leader?.storage.log_bytes ?? null,
      log_after: leader?.storage.log_after ?? null,
    },
    followers: followers.map((report) => describeFollower(report, head.lsn)),
  };
}

function stateOf({ leadership, leader }: PartitionReport): 'leading' | 'handing-over' | 'unreachable' {
  if (leader === null) return 'unreachable';
  return leadership.successor === null ? 'leading' : 'handing-over';
}

function describeFollower({ ref, own, line }: FollowerReport, leaderLsn: number) {
  const { sent = null, received = null, applied = null } = line ?? {};
  return {
    region: ref.region,
    replica: shortName(ref),
    membership: ref.membership,
    state: own?.state ?? 'unreachable',
    // What it cannot say itself its leader may know, as that it must be upgraded.
    detail: own?.detail ?? line?.detail ?? null,
    applied: own?.applied ?? null,
    lag_entries: applied?.lag_entries ?? missing(own?.applied ?? null, leaderLsn),
    lag_bytes: applied?.lag_bytes ?? null,
    lag_seconds: applied?.lag_seconds ?? null,
    stages: { sent, received, applied },
    staleness_ms: own?.staleness_ms ?? null,
    waiting: own?.waiting ?? null,
    database_bytes: own?.storage.database_bytes ?? null,
    log_bytes: own?.storage.log_bytes ?? null,
  };
}

/** A leader that does not know the follower, or does not answer, can still be compared with it. */
function missing(applied: Position | null, leaderLsn: number): number | null {
  return applied === null ? null : Math.max(0, leaderLsn - applied.lsn);
}
