import type { Epoch } from '../lsn.ts';
import type { Region } from '../regions.ts';

/** One Durable Object that holds a partition: its object name and the region it was asked for. */
export interface ReplicaRef {
  readonly name: string;
  readonly region: Region;
}

/** Who leads a partition in an epoch, and who follows. */
export interface Leadership {
  readonly partition: number;
  readonly epoch: Epoch;
  readonly leader: ReplicaRef;
  readonly followers: readonly ReplicaRef[];
}

/** What the directory tells one replica to be. Its role is leader if `self` is the leader, else follower. */
export interface Assignment extends Leadership {
  readonly database: string;
  /** Drawn anew each time a database is created, so that a name used again never meets old objects or tokens. */
  readonly incarnation: string;
  readonly self: ReplicaRef;
}

export type Role = 'leader' | 'follower';

export function roleOf(assignment: Assignment): Role {
  return assignment.self.name === assignment.leader.name ? 'leader' : 'follower';
}
