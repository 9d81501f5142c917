import type { Epoch } from '../lsn.ts';
import type { Failure } from '../failure.ts';
import type { Assignment, ReplicaRef } from '../protocol/assignment.ts';
import type {
  AssignReply,
  FailoverWish,
  FenceReply,
  FollowerWish,
  LeaseRequest,
  LostRange,
  ReplicaReport,
  Suspicion,
} from '../protocol/directory.ts';
import type { ReplicaStatus } from '../protocol/status.ts';
import type { Settings } from '../protocol/settings.ts';
import type { Region } from '../regions.ts';

/** `now` is milliseconds since 1970; `incarnation` is random and never drawn twice. */
export type DirectoryEvent =
  | {
      readonly kind: 'create';
      readonly database: string;
      readonly settings: Settings;
      readonly incarnation: string;
      readonly now: number;
    }
  | { readonly kind: 'lookup'; readonly now: number }
  | { readonly kind: 'erase'; readonly now: number }
  | { readonly kind: 'add-follower'; readonly wish: FollowerWish; readonly now: number }
  /** `replica`: the short name of the one that is meant; null for the newest of the region. */
  | {
      readonly kind: 'remove-follower';
      readonly region: Region;
      readonly replica: string | null;
      readonly now: number;
    }
  | { readonly kind: 'configure'; readonly automatic_failover_ms: number | null; readonly now: number }
  /** A replica says how it stands. It says so again until what follows from it has reached it. */
  | { readonly kind: 'report'; readonly report: ReplicaReport; readonly now: number }
  /** What a replica says that it knows, and that a replica gave up its storage. */
  | {
      readonly kind: 'assigned';
      readonly replica: string;
      readonly reply: AssignReply;
      readonly now: number;
    }
  | { readonly kind: 'erased'; readonly replica: string }
  | { readonly kind: 'lease'; readonly request: LeaseRequest; readonly now: number }
  | { readonly kind: 'failover'; readonly wish: FailoverWish; readonly now: number }
  | { readonly kind: 'suspect'; readonly suspicion: Suspicion; readonly now: number }
  | { readonly kind: 'fenced'; readonly fence: Fence; readonly reply: FenceReply; readonly now: number }
  /** Null where no answer came in PING_MS. */
  | {
      readonly kind: 'pinged';
      readonly ping: Ping;
      readonly status: ReplicaStatus['kind'] | null;
      readonly now: number;
    }
  /** Null where the one that was asked did not answer itself. */
  | {
      readonly kind: 'reached';
      readonly reach: Reach;
      readonly reaches: boolean | null;
      readonly now: number;
    }
  /** A timer went off that was to at `at`. */
  | { readonly kind: 'tick'; readonly at: number; readonly now: number }
  | { readonly kind: 'alarm'; readonly now: number };

/** Make it durable that the replica takes nothing of an epoch before this one. */
export interface Fence {
  readonly partition: number;
  readonly replica: ReplicaRef;
  readonly epoch: Epoch;
}

/** Whether a leader answers. `askedAt` tells one time of asking from another. */
export interface Ping {
  readonly partition: number;
  readonly replica: ReplicaRef;
  readonly askedAt: number;
}

/** Whether a leader answers another replica. */
export interface Reach extends Ping {
  readonly via: ReplicaRef;
}

/** What became of a failover that somebody may wait for. */
export type Outcome =
  | { readonly kind: 'done'; readonly lost: LostRange | null }
  | { readonly kind: 'refused'; readonly failure: Failure }
  | { readonly kind: 'absent' };

/** Each may be performed more than once, and none is sure to be: what is lost is asked for again. */
export type DirectoryEffect =
  /** Tell the replica, which may have been told before; on success step `assigned`. */
  | { readonly kind: 'assign'; readonly assignment: Assignment }
  /** Take the replica's storage away, which may be gone already; on success step `erased`. */
  | { readonly kind: 'erase'; readonly replica: ReplicaRef }
  /** On success step `fenced`. */
  | { readonly kind: 'fence'; readonly fence: Fence }
  /** Ask the leader for its status, and step `pinged`, also where no answer comes. */
  | { readonly kind: 'ping'; readonly ping: Ping }
  /** Ask `via` whether it reaches the leader, and step `reached`, also where no answer comes. */
  | { readonly kind: 'reaches'; readonly reach: Reach }
  /** Step `tick` in so many milliseconds. In memory: after a restart, the alarm stands in. */
  | { readonly kind: 'timer'; readonly at: number; readonly ms: number }
  /** Tell those who wait for a failover of the partition. */
  | { readonly kind: 'outcome'; readonly partition: number; readonly outcome: Outcome }
  /** Set the object's alarm, or take it away. */
  | { readonly kind: 'wake'; readonly at: number | null }
  /** Drop this object's own storage, in the same turn: a later event may make the database anew. */
  | { readonly kind: 'forget' };
