import { refuse } from '../failure.ts';
import type { FailoverMode } from '../log/history.ts';
import { type FollowerRef, type Leadership, membersOf } from '../protocol/assignment.ts';
import type { FailoverWish } from '../protocol/directory.ts';
import { shortName } from '../protocol/names.ts';
import { isMeant } from './candidates.ts';
import { leadershipOf } from './promoted.ts';
import type { Failover, Made } from './store.ts';

// What may be wished of failovers.

/** @throws Refusal `not-found` */
export function wishedPartition(made: Made, { partition }: FailoverWish): Leadership {
  const leadership = leadershipOf(made, partition);
  if (leadership === undefined)
    refuse({ code: 'not-found', detail: `The database has no partition ${partition}.` });
  return leadership;
}

/** @throws Refusal `failover-refused` */
export function ofThisEpoch({ epoch, leader }: Leadership, wish: FailoverWish): void {
  if (wish.epoch === null || wish.epoch === epoch) return;
  refused(`Epoch ${wish.epoch} is not the present one: ${shortName(leader)} leads in epoch ${epoch}`);
}

/**
 * The member that is to lead; null where whoever is furthest is to.
 * @throws Refusal `failover-refused`, `invalid-request`
 */
export function wishedTarget(leadership: Leadership, wish: FailoverWish): FollowerRef | null {
  const { to, replica, mode } = wish;
  const { leader } = leadership;
  if (to === null) {
    if (mode === 'planned') invalid('A planned failover needs a region in `to`');
    if (replica !== null) invalid('`replica` needs its region in `to`');
    if (membersOf(leadership).length === 0 && !(wish.accept_loss && leadership.followers.length > 0))
      refused('The database has no follower that has caught up, and only such a one can lead');
    return null;
  }
  const named = replica === null ? `in ${to}` : `named "${replica}" in ${to}`;
  const isLeader = replica === null ? leader.region === to : shortName(leader) === replica;
  if (isLeader) refused(`The leader is the replica ${named} already`);
  const found = leadership.followers.filter((one) => isMeant(one, { to, replica }));
  if (found.length === 0)
    refused(`The database has no follower ${named}, and only a follower can lead. Add one there first`);
  const member = found.find(({ membership }) => membership === 'member');
  if (member === undefined)
    refused(
      `The follower ${named} is joining and has not caught up. Try again when the replication status shows that it is a member`,
    );
  return member;
}

/** @throws Refusal `failover-refused` */
export function noneRuns(running: Failover | undefined, now: number): void {
  if (running !== undefined) alreadyRuns(modeOf(running), now - running.since);
}

/** @throws Refusal `failover-refused`, always */
export function alreadyRuns(mode: FailoverMode, forMs: number): never {
  refused(
    `Another failover of this partition (${mode}) has been running for ${Math.max(0, Math.round(forMs / 1000))} s. ` +
      'Wait until it is over, or look at the replication status for what it waits for',
  );
}

export function modeOf(failover: Failover): FailoverMode {
  return failover.kind === 'forced' ? failover.mode : 'planned';
}

function refused(what: string): never {
  refuse({ code: 'failover-refused', detail: `${what}.` });
}

function invalid(what: string): never {
  refuse({ code: 'invalid-request', detail: `${what}.` });
}
