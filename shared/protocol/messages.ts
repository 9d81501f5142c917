import type { Failure } from '../failure.ts';
import type { ChainEnd } from '../log/entry.ts';
import type { Epoch, Lsn } from '../lsn.ts';
import type { Position } from '../position.ts';
import type { CopyPlace, PieceRows, SnapshotStart } from '../tables/snapshot.ts';
import type { Statement } from '../tables/values.ts';
import type { Durability } from './settings.ts';

/**
 * Worker and objects, and one object and another, may run different code for minutes during a
 * deployment, so every message says its version, and a receiver refuses one that it does not know.
 */
export const MESSAGE_VERSION = 3;

/** Who answered, and why it was that replica. */
export type Route = 'nearest' | 'caught-up' | 'leader' | 'fallback';

/** A retry with the same id and the same fingerprint gets the first answer. */
export interface RequestId {
  readonly id: string;
  readonly fingerprint: string;
}

/** Whether an answer may show what the database's durability would still allow to be lost. */
export type Shows = 'settled' | 'anything';

/** Router → leader: anything that may write, and reads that must be strong or fell back. */
export interface ExecuteRequest {
  readonly version: number;
  readonly statements: readonly Statement[];
  /** What the caller's session has seen: where a failover has lost it, the request is refused. */
  readonly seen: Position | null;
  readonly need: Position | null;
  readonly request: RequestId | null;
  /** Whose write it is, where one is named; kept in its entry. */
  readonly user: string | null;
  readonly route: Route;
  readonly waited_ms: number;
  /** What the write must be before it is acknowledged; null for what the database asks. */
  readonly durability: Durability | null;
  readonly shows: Shows;
  /** How long the answer may be held until it may be shown, or the write is as durable as asked. */
  readonly hold_ms: number;
}

/** Router → follower. */
export interface ReadRequest {
  readonly version: number;
  readonly statements: readonly Statement[];
  /** What the caller's session has seen: where a failover has lost it, the request is refused. */
  readonly seen: Position | null;
  /** The position that the rows must have reached; null asks for none. */
  readonly need: Position | null;
  /** An upper bound on `staleness_ms`; null asks for none. */
  readonly staleness_ms_max: number | null;
  readonly wait_ms: number;
  readonly shows: Shows;
}

/** Replica → router. `body` is the finished JSON text of the answer, so that it crosses as one string. */
export type ReplicaAnswer =
  | {
      readonly kind: 'done';
      readonly body: string;
      readonly position: Position;
      /** Of the leadership that the replica knows: a record of an older one is stale. */
      readonly revision: number;
    }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly position: Position | null }
  /** A follower that did not reach the needed position in time: ask the leader. */
  | { readonly kind: 'behind'; readonly position: Position; readonly waited_ms: number }
  /** A follower that copies a snapshot and has no tables: ask another. */
  | { readonly kind: 'installing' }
  /** A follower found that the statement writes: ask the leader. */
  | { readonly kind: 'writes'; readonly position: Position }
  | Misdirected;

/** The object does not hold what the sender thinks: its record of the database is stale. Nothing was applied. */
export type Misdirected =
  | { readonly kind: 'unassigned' }
  /** Nor any more, where it hands over to another or was fenced. `epoch`: the newest it knows of. */
  | { readonly kind: 'not-leader'; readonly epoch: Epoch }
  | { readonly kind: 'unknown-version'; readonly version: number };

/** Entries on their way to a follower, whether pushed or pulled. */
export interface Batch {
  readonly version: number;
  readonly epoch: Epoch;
  /** The entries' texts (log/entry.ts), joined by an empty line; null where there are none. */
  readonly text: string | null;
  /** Where the log cannot go on from where the follower is; null where it can. */
  readonly gone: Gone | null;
  /** How far the leader's log was, and its clock, when it made the batch. */
  readonly head: Position;
  readonly leader_now: number;
  /** Whether the sender surely led then, for only a leader says how fresh anything is: another one may write by now. */
  readonly is_leased: boolean;
  /** The greatest LSN that is as durable as the database asks. */
  readonly settled: Lsn;
  /** The leader's log begins after this: a follower may cut its own to there. */
  readonly kept_after: Lsn;
  /** The follower's clock in the last reply that the leader had from it, and the leader's when it came; null without one. */
  readonly heard: Heard | null;
}

/** Nothing follows `end` here: it was cut, or `end` is not a place of this log at all. Of no meaning to who is elsewhere by now. */
export interface Gone {
  readonly end: ChainEnd;
  readonly why: 'cut' | 'other branch';
}

/** Two clocks at one exchange: `follower_now` was read before `leader_now`. */
export interface Heard {
  readonly follower_now: number;
  readonly leader_now: number;
}

/** Follower → leader, the acknowledgement. */
export type AppendReply =
  | {
      readonly kind: 'appended';
      readonly applied: ChainEnd;
      readonly follower_now: number;
      /** What the siblings have that this follower relays to, as far as it has heard. */
      readonly relayed: readonly Relayed[];
    }
  /** The follower copies a snapshot, and asks for what it needs. `has`: where its own log ends; null where what it had is gone. */
  | { readonly kind: 'installing'; readonly has: ChainEnd | null }
  /** The batch does not follow what the follower has: send from `applied`. */
  | { readonly kind: 'gap'; readonly applied: ChainEnd }
  /** The sender's epoch is over. */
  | { readonly kind: 'fenced'; readonly epoch: Epoch }
  /** The follower has not been told of the sender's epoch yet, and takes nothing of it before. */
  | { readonly kind: 'not-told'; readonly epoch: Epoch }
  | { readonly kind: 'failed'; readonly detail: string }
  | Misdirected;

/** How far a sibling is, as its relay has heard. */
export interface Relayed {
  readonly follower: string;
  readonly applied: Position;
}

/** Follower → leader: send me what follows `after`. */
export interface PullRequest {
  readonly version: number;
  readonly follower: string;
  readonly epoch: Epoch;
  readonly after: ChainEnd;
}

export type PullReply = { readonly kind: 'batch'; readonly batch: Batch } | Misdirected;

/** Follower → leader: the next piece of a snapshot. */
export interface CopyRequest {
  readonly version: number;
  readonly follower: string;
  readonly epoch: Epoch;
  /** Where the follower's own log ends; null where what it had is gone. */
  readonly has: ChainEnd | null;
  /** What was copied already; null asks for the beginning. */
  readonly from: CopyFrom | null;
}

export interface CopyFrom {
  readonly end: ChainEnd;
  readonly place: CopyPlace;
}

export type CopyReply =
  | {
      readonly kind: 'start';
      /** The leader's. Only of the epoch that the follower knows is it taken. */
      readonly epoch: Epoch;
      readonly start: SnapshotStart;
      readonly end: ChainEnd;
      readonly pause_ms: number;
    }
  | {
      readonly kind: 'piece';
      /** The leader's. Only of the epoch that the follower knows is it taken. */
      readonly epoch: Epoch;
      /** As it was asked. */
      readonly from: CopyFrom;
      /** The entries after `from.end`, as in a batch. */
      readonly text: string | null;
      readonly end: ChainEnd;
      /** As the leader's tables are at `end`; null where the entries alone fill the message. */
      readonly piece: PieceRows | null;
      readonly leader_now: number;
      /** As in a batch. */
      readonly is_leased: boolean;
      /** How long to leave the leader alone before the next one. */
      readonly pause_ms: number;
    }
  /** What the follower has is still needed: others do not have it yet. */
  | { readonly kind: 'keep' }
  /** The log no longer holds what follows `from.end`, or `from` is on another branch: start over. */
  | { readonly kind: 'gone' }
  | Misdirected;

/** Router → leader: do again what a lost entry did. */
export interface ReapplyRequest {
  readonly version: number;
  /** The entry's text. */
  readonly text: string;
  /** Whether it was done again before. Its request id is kept for a day only, and after that it must not be done once more. */
  readonly was_applied: boolean;
  readonly durability: Durability | null;
  readonly hold_ms: number;
}

export type DigestReply =
  | { readonly kind: 'digest'; readonly position: Position; readonly sha256: string }
  | { readonly kind: 'unassigned' };
