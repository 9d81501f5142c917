import type { History } from '../log/history.ts';
import type { Epoch } from '../lsn.ts';
import type { Region } from '../regions.ts';
import type { Durability } from './settings.ts';

/** One Durable Object that holds a partition: its object name and the region it was asked for. */
export interface ReplicaRef {
  readonly name: string;
  readonly region: Region;
}

/**
 * A follower joins until it has installed a snapshot and caught up once. Only a member is read from, and only a member counts
 * where a write must be durable at several replicas: else adding a follower would weaken or stop the others.
 */
export type Membership = 'joining' | 'member';

export interface FollowerRef extends ReplicaRef {
  readonly membership: Membership;
}

/** Who leads a partition in an epoch, and who follows. */
export interface Leadership {
  readonly partition: number;
  readonly epoch: Epoch;
  /** Goes up with every change of the followers or the successor. With the epoch it says which of two leaderships is newer. */
  readonly revision: number;
  readonly leader: ReplicaRef;
  readonly followers: readonly FollowerRef[];
  /** While a planned failover runs, who is to lead next: until it is over, the leader takes no requests and hands over. Else null. */
  readonly successor: ReplicaRef | null;
  /** Where this epoch began, and those before it. */
  readonly history: History;
}

/** What the directory tells one replica to be. Its role is leader if `self` is the leader, else follower. */
export interface Assignment extends Leadership {
  readonly database: string;
  /** Drawn anew each time a database is created, so that a name used again never meets old objects or tokens. */
  readonly incarnation: string;
  /** What the database's writes must be before they are acknowledged, or shown to others. */
  readonly durability: Durability;
  readonly self: ReplicaRef;
}

export type Role = 'leader' | 'follower';

export function roleOf(assignment: Assignment): Role {
  return assignment.self.name === assignment.leader.name ? 'leader' : 'follower';
}

/** The leader is always a member. */
export function membershipOf({ self, followers }: Assignment): Membership {
  return followers.find(({ name }) => name === self.name)?.membership ?? 'member';
}

export function membersOf({ followers }: Leadership): readonly FollowerRef[] {
  return followers.filter(({ membership }) => membership === 'member');
}

/** Who relays to the other members of a region: the first of them. Null where the region has no member. */
export function relayOf(leadership: Leadership, region: Region): FollowerRef | null {
  return membersOf(leadership).find((member) => member.region === region) ?? null;
}

/** Whether `a` was decided after `b`. */
export function isNewer(a: Leadership, b: Leadership): boolean {
  return a.epoch === b.epoch ? a.revision > b.revision : a.epoch > b.epoch;
}
