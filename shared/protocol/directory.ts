import type { Failure } from '../failure.ts';
import type { ChainEnd } from '../log/entry.ts';
import type { FailoverMode } from '../log/history.ts';
import type { Epoch, Lsn } from '../lsn.ts';
import type { Region } from '../regions.ts';
import type { Leadership, ReplicaRef } from './assignment.ts';
import type { Settings } from './settings.ts';

/** Replica → directory. It says so again until what follows from it has reached it. */
export type ReplicaReport =
  /** A follower has installed and caught up; or its leader does not know it, and it may be left over. */
  | {
      readonly kind: 'joined' | 'unknown to the leader';
      readonly replica: ReplicaRef;
      readonly epoch: Epoch;
    }
  /** A leader that has a successor takes no requests any more, has answered all it had, and the successor has all up to `end`. */
  | {
      readonly kind: 'handed over';
      readonly replica: ReplicaRef;
      readonly epoch: Epoch;
      readonly revision: number;
      readonly end: ChainEnd;
    };

/**
 * Of leases and fences, apart from that of other messages: while a release with newer messages is rolled out, leaders and directory run
 * different code for minutes, and writes must not stand still for that.
 */
export const LEASE_VERSION = 1;

/** Leader → directory. What is granted counts from the moment it was asked for. */
export interface LeaseRequest {
  readonly version: number;
  readonly replica: ReplicaRef;
  readonly epoch: Epoch;
}

export type LeaseReply =
  | { readonly kind: 'granted'; readonly ms: number }
  /** Another leads, or is about to. The directory tells the asker so as well. */
  | { readonly kind: 'ended'; readonly epoch: Epoch }
  | { readonly kind: 'unknown-version'; readonly version: number };

/** Directory → every replica in a forced failover: from now on, durably, take nothing from an epoch before this one, and lead in none. */
export interface FenceRequest {
  readonly version: number;
  readonly epoch: Epoch;
}

export type FenceReply =
  | {
      readonly kind: 'fenced';
      /** The least epoch that it takes entries from. */
      readonly fence: Epoch;
      /** What it was assigned last. */
      readonly epoch: Epoch;
      readonly revision: number;
      readonly end: ChainEnd;
      /** Whether its tables are those of `end`, and that is a place of the log of the epoch it was assigned. */
      readonly isWhole: boolean;
      /** How far the leader was, as far as it has heard. */
      readonly heard: Lsn;
    }
  | { readonly kind: 'unassigned' }
  | { readonly kind: 'unknown-version'; readonly version: number };

/** What a replica knows after it was assigned. */
export interface AssignReply {
  readonly epoch: Epoch;
  readonly revision: number;
  /** Of a leader: whether what it had when it learnt of its followers is at as many of them as the database asks. */
  readonly isSettled: boolean;
}

/** What the directory knows of one database; the router caches it. */
export interface DatabaseRecord {
  readonly database: string;
  readonly incarnation: string;
  /** As wished, changed by what was wished since: after a failover, leader and followers are those that are. */
  readonly settings: Settings;
  readonly partitions: readonly Leadership[];
  /** As it was when this was told. */
  readonly failovers: readonly RunningFailover[];
}

/** A failover that is decided on and has not come to its end. */
export interface RunningFailover {
  readonly partition: number;
  readonly mode: FailoverMode;
  /** The short name of the replica, or the region, that is to lead; null where whoever is furthest is. */
  readonly to: string | null;
  /** By the directory's clock, in milliseconds. */
  readonly since: number;
  /** What it waits for. */
  readonly detail: string;
}

/** `another`: the region may have a follower already. */
export interface FollowerWish {
  readonly region: Region;
  readonly another: boolean;
}

/** What became of a wish to change the replicas. Where it was refused, nothing changed. */
export type ChangeReply =
  | { readonly kind: 'changed'; readonly record: DatabaseRecord }
  | { readonly kind: 'refused'; readonly failure: Failure }
  | { readonly kind: 'absent' };

/** A failover that somebody asked for. `replica`: its short name; null, with `to`, for the member of the region that is furthest. */
export interface FailoverWish {
  readonly partition: number;
  /** Null, in a forced one only, for whoever is furthest. */
  readonly to: Region | null;
  readonly replica: string | null;
  readonly mode: 'planned' | 'forced';
  readonly accept_loss: boolean;
  /** The epoch that is to end; null for whichever there is. A wish that is sent again would else end the one that it has brought about. */
  readonly epoch: Epoch | null;
}

/** Entries that a failover cut off, `to_lsn` as far as is known when it is told. */
export interface LostRange {
  readonly epoch: Epoch;
  readonly from_lsn: Lsn;
  readonly to_lsn: Lsn;
}

/** What became of a failover. */
export type FailoverReply =
  | { readonly kind: 'done'; readonly record: DatabaseRecord; readonly lost: LostRange | null }
  /** It is decided on and goes on, but has not come to its end in the time that a request has. */
  | { readonly kind: 'running'; readonly record: DatabaseRecord; readonly detail: string }
  | { readonly kind: 'refused'; readonly failure: Failure }
  | { readonly kind: 'absent' };

/** Router → directory: this leader does not answer. */
export interface Suspicion {
  readonly partition: number;
  readonly epoch: Epoch;
}

export type CreateReply =
  | { readonly kind: 'created' | 'existed'; readonly record: DatabaseRecord }
  | { readonly kind: 'differs'; readonly record: DatabaseRecord };
