import type { Failure } from '../failure.ts';
import { PLANNED_MS } from '../limits.ts';
import type { Leadership, ReplicaRef } from '../protocol/assignment.ts';
import { shortName } from '../protocol/names.ts';
import type { ReplicaReport } from '../protocol/directory.ts';
import { isKnown } from './followers.ts';
import { handedOver, leadershipOf, withoutSuccessor, withSuccessor } from './promoted.ts';
import type { Made, Planned } from './store.ts';
import { tell } from './telling.ts';
import { type Move, outcome, still } from './move.ts';

// A planned failover: the leader is told its successor, reports that it has handed over, and the record changes.

/** Only the leader needs to hear of it, so only the leader is told. */
export function beginPlanned(made: Made, leadership: Leadership, to: ReplicaRef, now: number): Move {
  const { partition } = leadership;
  const target = { name: to.name, region: to.region };
  return still(withSuccessor(made, leadership, { kind: 'planned', partition, to: target, since: now }));
}

export type HandedOver = Extract<ReplicaReport, { kind: 'handed over' }>;

/** One of an older revision is of a failover that was given up: the leader has taken requests since. It is told so again. */
export function takeHandOver(made: Made, report: HandedOver, now: number): Move {
  for (const planned of made.failovers) {
    const leadership = leadershipOf(made, planned.partition);
    if (planned.kind !== 'planned' || leadership?.leader.name !== report.replica.name) continue;
    if (leadership.epoch !== report.epoch || leadership.revision !== report.revision) continue;
    const { end } = report;
    const begin = { after: end, heard: end.lsn, mode: 'planned' as const, at: now };
    return {
      made: handedOver(made, leadership, planned, begin),
      effects: [outcome(planned.partition, { kind: 'done', lost: null })],
    };
  }
  return { made, effects: tell(made, [report.replica.name]) };
}

/** Gives up what takes too long, and begins what has its turn. */
export function tickPlanned(made: Made, planned: Planned, now: number): Move {
  const leadership = leadershipOf(made, planned.partition);
  if (leadership === undefined) return still(made);
  if (planned.kind === 'following')
    return isKnown(made, leadership) ? beginPlanned(made, leadership, planned.to, now) : still(made);
  // A clock that was set back must not keep the leader from its work.
  if (now >= planned.since && now < planned.since + PLANNED_MS) return still(made);
  const failure: Failure = {
    code: 'unavailable',
    detail:
      `${shortName(planned.to)} did not get all entries from the leader in ${PLANNED_MS / 1000} s. The leader goes on, and nothing changed. ` +
      'Try again when the replication status shows that it follows closely',
  };
  return {
    made: withoutSuccessor(made, leadership),
    effects: [outcome(planned.partition, { kind: 'refused', failure })],
  };
}
