import { refuse } from '../failure.ts';
import { FOLLOWERS_MAX } from '../limits.ts';
import { type FollowerRef, type Leadership, membersOf } from '../protocol/assignment.ts';
import { MEMBERS_MIN } from '../protocol/durability.ts';
import type { FollowerWish } from '../protocol/directory.ts';
import { replicaRef, shortName } from '../protocol/names.ts';
import type { Settings } from '../protocol/settings.ts';
import type { Region } from '../regions.ts';
import { decided } from './decided.ts';
import type { Made } from './store.ts';

// How a database changes when its followers do. Nothing here writes: what is given back is what is to be kept.

/**
 * A follower more in each partition. It is joining, and counts for nothing until it has caught up, so it may come at any time.
 * @throws Refusal `invalid-request`, `follower-exists`, `unavailable`
 */
export function withFollower(made: Made, { region, another }: FollowerWish): Made {
  const { settings, partitions, database, incarnation } = made.record;
  noFailover(made);
  const isLed = partitions.some(({ leader }) => leader.region === region);
  const isThere = partitions.some(({ followers }) => followers.some((one) => one.region === region));
  if (isLed)
    invalid(`The leader is in ${region}, and a follower beside it would bring nothing nearer to anybody`);
  if (isThere && !another) followerExists(region);
  if (settings.followers.length >= FOLLOWERS_MAX)
    invalid(`The database has ${FOLLOWERS_MAX} followers, and may have no more. Remove one first`);
  // Else wishes that come and go while replicas are out of reach would make the record grow for ever.
  if (made.unerased.length >= FOLLOWERS_MAX * partitions.length)
    unavailable('Many followers were removed whose storage is not deleted yet');

  const number = made.lastNumber + 1;
  const next = partitions.map((leadership): Leadership => {
    const ref = replicaRef({ database, incarnation, partition: leadership.partition }, region, number);
    return withFollowers(leadership, [...leadership.followers, { ...ref, membership: 'joining' }]);
  });
  const wished: Settings = { ...settings, followers: [...settings.followers, region] };
  return { ...decided(made, next, wished), lastNumber: number };
}

/**
 * A follower less in each partition: the one that is named, else the newest of the region, and one that is still joining before any member.
 * @throws Refusal `not-found`, `invalid-request`, `unavailable`
 */
export function withoutFollower(made: Made, { region, replica }: Leaving): Made {
  const { settings, partitions } = made.record;
  noFailover(made);
  const leaving = partitions.map((leadership) => leavingOf(leadership, { region, replica }));
  if (leaving.every((one) => one === undefined)) {
    const named = replica === null ? '' : ` named "${replica}"`;
    refuse({ code: 'not-found', detail: `The database has no follower${named} in ${region}.` });
  }
  partitions.forEach((leadership, i) => {
    if (leaving[i]?.membership === 'member') mayLoseMember(made, leadership);
    else if (leaving[i] !== undefined) mayLoseJoining(made, leadership);
  });

  const next = partitions.map((leadership, i) =>
    leaving[i] === undefined
      ? leadership
      : withFollowers(
          leadership,
          leadership.followers.filter((one) => one !== leaving[i]),
        ),
  );
  // In a partition that a failover has changed, one may be in a region that is none of the settings'.
  const last = settings.followers.lastIndexOf(region);
  const wished = settings.followers.filter((_, i) => i !== last);
  const gone = leaving.flatMap((one) => (one === undefined ? [] : [{ name: one.name, region: one.region }]));
  const after = decided(made, next, { ...settings, followers: wished });
  return { ...after, unerased: [...made.unerased, ...gone] };
}

/** A follower that was joining counts from now on. The leader must know the newest leadership: see `isKnown`. */
export function withMember(made: Made, joined: FollowerRef): Made {
  const { settings, partitions } = made.record;
  const next = partitions.map((leadership) =>
    leadership.followers.includes(joined)
      ? withFollowers(
          leadership,
          leadership.followers.map((one) => (one === joined ? { ...one, membership: 'member' } : one)),
        )
      : leadership,
  );
  return decided(made, next, settings);
}

/**
 * Whether the leader has confirmed the newest leadership. Members change only then, one at a time. The sets that the leader and this
 * directory count by then differ by one replica at most, and any majority of the one meets any majority of the other. Two changes
 * apart they need not: an entry that the leader has called durable could be at none of those who are asked for it later.
 */
export function isKnown({ unassigned }: Made, { leader }: Leadership): boolean {
  return !unassigned.includes(leader.name);
}

/** A failover counts on those that were there when it began. */
function noFailover({ failovers }: Made): void {
  if (failovers.length > 0) unavailable('A failover is running');
}

function mayLoseMember(made: Made, leadership: Leadership): void {
  const { durability } = made.record.settings;
  const min = MEMBERS_MIN[durability];
  if (membersOf(leadership).length - 1 < min) {
    invalid(
      `Writes of durability ${durability} need at least ${min} follower that has caught up, and no other has. ` +
        'Add another, and remove this one when the replication status shows that the other is a member',
    );
  }
  if (!isKnown(made, leadership))
    unavailable('The leader does not know of an earlier change of followers yet');
}

/** After a forced failover the only one that can ever make the leader's entries as durable as the database asks may still be joining. */
function mayLoseJoining({ record }: Made, { followers }: Leadership): void {
  const { durability } = record.settings;
  const min = MEMBERS_MIN[durability];
  if (followers.length - 1 >= min) return;
  invalid(
    `Writes of durability ${durability} need at least ${min} follower, and the database has no other. Add another first, and remove this one then`,
  );
}

export interface Leaving {
  readonly region: Region;
  /** Its short name; null for the newest of the region. */
  readonly replica: string | null;
}

function leavingOf({ followers }: Leadership, { region, replica }: Leaving): FollowerRef | undefined {
  const there = followers.filter(
    (one) => one.region === region && (replica === null || shortName(one) === replica),
  );
  return there.findLast(({ membership }) => membership === 'joining') ?? there.at(-1);
}

function withFollowers(leadership: Leadership, followers: readonly FollowerRef[]): Leadership {
  return { ...leadership, followers, revision: leadership.revision + 1 };
}

function followerExists(region: Region): never {
  refuse({
    code: 'follower-exists',
    detail: `The database has a follower in ${region} already. To have another one there, send \`"another": true\` as well.`,
  });
}

function unavailable(what: string): never {
  refuse({ code: 'unavailable', detail: `${what}. Nothing was changed; try again shortly.` });
}

function invalid(what: string): never {
  refuse({ code: 'invalid-request', detail: `${what}.` });
}
