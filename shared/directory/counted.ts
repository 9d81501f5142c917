import { type Leadership, membersOf } from '../protocol/assignment.ts';
import { copiesAmong } from '../protocol/durability.ts';
import type { Durability } from '../protocol/settings.ts';

/** A leader and its members by name: those by which it counts copies. */
export type CountedSet = readonly string[];

/** Whether the mode promises that no failover loses what was acknowledged. */
export function promisesAll(durability: Durability): boolean {
  return durability === 'quorum' || durability === 'all';
}

/** What a failover keeps unless loss is accepted: a request may have asked for a quorum where its database asks for less. */
export function keptIn(durability: Durability): Durability {
  return promisesAll(durability) ? durability : 'quorum';
}

export function countedBy(leadership: Leadership): CountedSet {
  return [leadership.leader, ...membersOf(leadership)].map(({ name }) => name).toSorted();
}

/**
 * The sets by which the partition's leaders have counted since all they had was last settled, with one more. Only a leader that has confirmed the
 * newest leadership and says that it is settled makes this one set again.
 *
 * To know the newest set is not enough: an entry that was called durable among the leader and two others is at one of those who
 * are left, or at none, when one was added and another removed before it reached anybody else. So is what was durable before a
 * failover, until the new leader has brought it to as many as it counts itself.
 */
export function withCounted(sets: readonly CountedSet[], leadership: Leadership): readonly CountedSet[] {
  const set = countedBy(leadership);
  return [...sets.filter((one) => one.join() !== set.join()), set];
}

/**
 * Whether some of those that were heard has each entry that a leader may have acknowledged.
 *
 * It was acknowledged when W replicas of one of the sets had it. Of a set with N replicas, N - W + 1 that were heard meet every W of
 * them. With one set this is the usual rule; with several it has to hold for each, as nobody knows by which one it was counted.
 */
export function meetsAll(
  sets: readonly CountedSet[],
  durability: Durability,
  heard: ReadonlySet<string>,
): boolean {
  return sets.every((set) => missingIn(set, durability, heard) <= 0);
}

/** How many more of the set have to be heard. */
export function missingIn(set: CountedSet, durability: Durability, heard: ReadonlySet<string>): number {
  // A leader without members refuses writes of any durability that is promised here.
  if (set.length === 1) return 0;
  const needed = set.length - copiesAmong(durability, set.length) + 1;
  return needed - set.filter((name) => heard.has(name)).length;
}
