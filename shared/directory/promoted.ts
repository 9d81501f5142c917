import type { ChainEnd } from '../log/entry.ts';
import { type FailoverMode, withEpoch } from '../log/history.ts';
import { type Lsn, lsnAfter, toEpoch } from '../lsn.ts';
import type { FollowerRef, Leadership, Membership, ReplicaRef } from '../protocol/assignment.ts';
import type { LostRange } from '../protocol/directory.ts';
import { decided, settingsAfter } from './decided.ts';
import type { Failover, Forced, Made, Planned } from './store.ts';

// How a failover changes the record. Nothing here writes: what is given back is what is to be kept.

export function leadershipOf(made: Made, partition: number): Leadership | undefined {
  return made.record.partitions.find((one) => one.partition === partition);
}

export function failoverIn(made: Made, partition: number): Failover | undefined {
  return made.failovers.find((one) => one.partition === partition);
}

export function withFailover(made: Made, failover: Failover): Made {
  const { failovers } = withoutFailover(made, failover.partition);
  return { ...made, failovers: [...failovers, failover], attempts: 0 };
}

function withoutFailover(made: Made, partition: number): Made {
  return { ...made, failovers: made.failovers.filter((one) => one.partition !== partition) };
}

/** A planned failover begins. Only the leader has to know: the others are told once it is over. */
export function withSuccessor(made: Made, leadership: Leadership, planned: Planned): Made {
  return withFailover(toldLeader(made, { ...leadership, successor: planned.to }), planned);
}

/** It was given up, and the leader goes on. What it reports of an older revision counts no more. */
export function withoutSuccessor(made: Made, leadership: Leadership): Made {
  return withoutFailover(toldLeader(made, { ...leadership, successor: null }), leadership.partition);
}

function toldLeader(made: Made, changed: Leadership): Made {
  const next = { ...changed, revision: changed.revision + 1 };
  const { name } = next.leader;
  return {
    ...made,
    record: { ...made.record, partitions: replaced(made, next) },
    unassigned: [...made.unassigned.filter((one) => one !== name), name],
    attempts: 0,
  };
}

export interface Beginning {
  readonly after: ChainEnd;
  readonly heard: Lsn;
  readonly mode: FailoverMode;
  readonly at: number;
}

/** The old leader has all that the new one has, so it is a member at once: the set that counts is the same as before. */
export function handedOver(made: Made, leadership: Leadership, planned: Planned, begin: Beginning): Made {
  return promoted(withoutFailover(made, planned.partition), leadership, {
    winner: planned.to,
    oldJoinsAs: 'member',
    begin,
  });
}

/**
 * The old leader may have entries that are lost now. It joins anew once it has undone them and caught up, as any follower does, and
 * counts for nothing before.
 */
export function forcedTo(made: Made, forced: Forced, winner: ReplicaRef, begin: Beginning): Made {
  const leadership = leadershipOf(made, forced.partition);
  if (leadership === undefined) return made;
  return promoted(withoutFailover(made, forced.partition), leadership, {
    winner,
    oldJoinsAs: 'joining',
    begin,
  });
}

interface Promotion {
  readonly winner: ReplicaRef;
  readonly oldJoinsAs: Membership;
  readonly begin: Beginning;
}

function promoted(made: Made, leadership: Leadership, { winner, oldJoinsAs, begin }: Promotion): Made {
  const { leader } = leadership;
  const epoch = toEpoch(leadership.epoch + 1);
  const others = leadership.followers.filter(({ name }) => name !== winner.name);
  const old: readonly FollowerRef[] =
    leader.name === winner.name ? [] : [{ name: leader.name, region: leader.region, membership: oldJoinsAs }];
  const next: Leadership = {
    ...leadership,
    epoch,
    revision: leadership.revision + 1,
    leader: { name: winner.name, region: winner.region },
    successor: null,
    followers: [...others, ...old],
    history: withEpoch(leadership.history, { epoch, ...begin }),
  };
  const partitions = replaced(made, next);
  return decided(made, partitions, settingsAfter(made.record.settings, partitions));
}

/** What the failover cut off, as far as those had heard who were asked. */
export function lostBy({ epoch }: Leadership, { after, heard }: Beginning): LostRange | null {
  return heard > after.lsn ? { epoch, from_lsn: lsnAfter(after.lsn), to_lsn: heard } : null;
}

function replaced(made: Made, next: Leadership): readonly Leadership[] {
  return made.record.partitions.map((one) => (one.partition === next.partition ? next : one));
}
