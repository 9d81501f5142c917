import type { Failure } from '../failure.ts';
import type { Epoch, Lsn } from '../lsn.ts';
import type { Position } from '../position.ts';
import type { ChainEnd } from '../log/entry.ts';
import type { Behind, LogSize } from '../log/lag.ts';
import type { Region } from '../regions.ts';
import type { CopyPlace, PieceRows, SnapshotStart } from '../tables/snapshot.ts';
import type { Statement } from '../tables/values.ts';
import type { Assignment, Leadership, ReplicaRef } from './assignment.ts';
import type { Durability, Settings } from './settings.ts';

/**
 * Worker and objects, and one object and another, may run different code for minutes during a
 * deployment, so every message says its version, and a receiver refuses one that it does not know.
 */
export const MESSAGE_VERSION = 2;

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
  readonly need: Position | null;
  readonly request: RequestId | null;
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

/** The object does not hold what the sender thinks: its record of the database is stale. */
export type Misdirected =
  | { readonly kind: 'unassigned' }
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
      readonly start: SnapshotStart;
      readonly end: ChainEnd;
      readonly pause_ms: number;
    }
  | {
      readonly kind: 'piece';
      /** As it was asked. */
      readonly from: CopyFrom;
      /** The entries after `from.end`, as in a batch. */
      readonly text: string | null;
      readonly end: ChainEnd;
      /** As the leader's tables are at `end`; null where the entries alone fill the message. */
      readonly piece: PieceRows | null;
      readonly leader_now: number;
      /** How long to leave the leader alone before the next one. */
      readonly pause_ms: number;
    }
  /** What the follower has is still needed: others do not have it yet. */
  | { readonly kind: 'keep' }
  /** The log no longer holds what follows `from.end`, or `from` is on another branch: start over. */
  | { readonly kind: 'gone' }
  | Misdirected;

export type FollowerState = 'stranded' | 'installing' | 'catching-up' | 'streaming' | 'failed';

/** Sizes in bytes. */
export interface StorageStatus extends LogSize {
  readonly database_bytes: number;
}

/** What the leader knows of one of its followers. `sent` and `received` are null until it was sent something, or answered. */
export interface LineStatus {
  readonly follower: string;
  readonly sent: Behind | null;
  readonly received: Behind | null;
  /** Of the position that was asked about; null where none was. */
  readonly applied: Behind | null;
  readonly failures: number;
}

/** What a replica says of itself. */
export type ReplicaStatus =
  | {
      readonly kind: 'leader';
      readonly epoch: Epoch;
      readonly revision: number;
      readonly head: Position;
      readonly settled: Lsn;
      readonly followers: readonly LineStatus[];
      /** Answers that are held until they are durable. */
      readonly held: number;
      readonly storage: StorageStatus;
    }
  | {
      readonly kind: 'follower';
      readonly epoch: Epoch;
      readonly revision: number;
      /** Null while its tables are those of no position. */
      readonly applied: Position | null;
      /** How far the leader was, as far as this follower has heard. */
      readonly head: Position;
      readonly state: FollowerState;
      /** What is the matter, or how far an install is; null where there is nothing to say. */
      readonly detail: string | null;
      /** Null while its tables are those of no position. */
      readonly staleness_ms: number | null;
      /** Reads that wait. */
      readonly waiting: number;
      readonly storage: StorageStatus;
    }
  | { readonly kind: 'unassigned' };

/** Follower → directory: it has installed and caught up; or its leader does not know it, and it may be left over. */
export interface JoinReport {
  readonly kind: 'joined' | 'unknown to the leader';
  readonly replica: ReplicaRef;
}

/** What a replica knows after it was assigned. */
export interface AssignReply {
  readonly epoch: Epoch;
  readonly revision: number;
  /** Of a leader: whether what it had when it learnt of its followers is at as many of them as the database asks. */
  readonly isSettled: boolean;
}

export type DigestReply =
  | { readonly kind: 'digest'; readonly position: Position; readonly sha256: string }
  | { readonly kind: 'unassigned' };

/** What the directory knows of one database; the router caches it. */
export interface DatabaseRecord {
  readonly database: string;
  readonly incarnation: string;
  readonly settings: Settings;
  readonly partitions: readonly Leadership[];
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

export type CreateReply =
  | { readonly kind: 'created' | 'existed'; readonly record: DatabaseRecord }
  | { readonly kind: 'differs'; readonly record: DatabaseRecord };

/** One partition's replica. Every method may be called twice. */
export interface ReplicaRpc {
  /** Gives what it knows then, which may be newer. */
  assign(assignment: Assignment): Promise<AssignReply>;
  execute(request: ExecuteRequest): Promise<ReplicaAnswer>;
  read(request: ReadRequest): Promise<ReplicaAnswer>;
  append(batch: Batch): Promise<AppendReply>;
  pull(request: PullRequest): Promise<PullReply>;
  copy(request: CopyRequest): Promise<CopyReply>;
  /** Of the leader: also how far behind it each of these followers is. */
  status(appliedOf: readonly Relayed[]): Promise<ReplicaStatus>;
  digest(): Promise<DigestReply>;
  erase(): Promise<void>;
}

/** One database's directory. */
export interface DirectoryRpc {
  create(database: string, settings: Settings): Promise<CreateReply>;
  lookup(): Promise<DatabaseRecord | null>;
  /** False where there was no database. */
  erase(): Promise<boolean>;
  addFollower(wish: FollowerWish): Promise<ChangeReply>;
  /** `replica`: its short name, where it is to be that one; null for the newest of the region. */
  removeFollower(region: Region, replica: string | null): Promise<ChangeReply>;
  report(report: JoinReport): Promise<void>;
}

/** One user's session with one database: how far their devices have seen, by partition. */
export interface SessionRpc {
  advance(partition: number, position: Position): Promise<void>;
  seen(): Promise<readonly (readonly [partition: number, position: Position])[]>;
}

/** The names of all databases. */
export interface CatalogRpc {
  add(database: string): Promise<void>;
  remove(database: string): Promise<void>;
  /** In alphabetical order. */
  list(): Promise<readonly string[]>;
}
