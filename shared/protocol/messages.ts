import type { Failure } from '../failure.ts';
import type { Epoch } from '../lsn.ts';
import type { Position } from '../position.ts';
import type { Statement } from '../tables/values.ts';
import type { Assignment, Leadership } from './assignment.ts';
import type { Settings } from './settings.ts';

/**
 * Worker and objects, and one object and another, may run different code for minutes during a
 * deployment, so every message says its version, and a receiver refuses one that it does not know.
 */
export const MESSAGE_VERSION = 1;

/** Who answered, and why it was that replica. */
export type Route = 'nearest' | 'caught-up' | 'leader' | 'fallback';

/** A retry with the same id and the same fingerprint gets the first answer. */
export interface RequestId {
  readonly id: string;
  readonly fingerprint: string;
}

/** Router → leader: anything that may write, and reads that must be strong or fell back. */
export interface ExecuteRequest {
  readonly version: number;
  readonly statements: readonly Statement[];
  readonly need: Position | null;
  readonly request: RequestId | null;
  readonly route: Route;
  readonly waited_ms: number;
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
}

/** Replica → router. `body` is the finished JSON text of the answer, so that it crosses as one string. */
export type ReplicaAnswer =
  | { readonly kind: 'done'; readonly body: string; readonly position: Position }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly position: Position | null }
  /** A follower that did not reach the needed position in time: ask the leader. */
  | { readonly kind: 'behind'; readonly position: Position; readonly waited_ms: number }
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
  /** True where the log no longer holds the entry that the follower needs next. */
  readonly gone: boolean;
  /** How far the leader's log was, and its clock, when it made the batch. */
  readonly head: Position;
  readonly leader_now: number;
}

/** Follower → leader, the acknowledgement. */
export type AppendReply =
  | { readonly kind: 'appended'; readonly applied: Position }
  /** The batch does not follow what the follower has: send from `applied`. */
  | { readonly kind: 'gap'; readonly applied: Position }
  /** The sender's epoch is over. */
  | { readonly kind: 'fenced'; readonly epoch: Epoch }
  | { readonly kind: 'failed'; readonly detail: string }
  | Misdirected;

/** Follower → leader: send me what follows `after`. */
export interface PullRequest {
  readonly version: number;
  readonly follower: string;
  readonly epoch: Epoch;
  readonly after: Position;
}

export type PullReply = { readonly kind: 'batch'; readonly batch: Batch } | Misdirected;

export type FollowerState = 'catching-up' | 'streaming' | 'stranded' | 'failed';

/** What a replica says of itself. `lag_seconds` asks the leader for the age of the first entry after each position. */
export type ReplicaStatus =
  | {
      readonly kind: 'leader';
      readonly epoch: Epoch;
      readonly head: Position;
      /** In the order asked: 0 for a position at the head. */
      readonly lag_seconds: readonly number[];
    }
  | {
      readonly kind: 'follower';
      readonly epoch: Epoch;
      readonly applied: Position;
      readonly state: FollowerState;
    }
  | { readonly kind: 'unassigned' };

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

export type CreateReply =
  | { readonly kind: 'created' | 'existed'; readonly record: DatabaseRecord }
  | { readonly kind: 'differs'; readonly record: DatabaseRecord };

/** One partition's replica. Every method may be called twice. */
export interface ReplicaRpc {
  assign(assignment: Assignment): Promise<void>;
  execute(request: ExecuteRequest): Promise<ReplicaAnswer>;
  read(request: ReadRequest): Promise<ReplicaAnswer>;
  append(batch: Batch): Promise<AppendReply>;
  pull(request: PullRequest): Promise<PullReply>;
  status(lagsOf: readonly Position[]): Promise<ReplicaStatus>;
  digest(): Promise<DigestReply>;
  erase(): Promise<void>;
}

/** One database's directory. */
export interface DirectoryRpc {
  create(database: string, settings: Settings): Promise<CreateReply>;
  lookup(): Promise<DatabaseRecord | null>;
  /** False where there was no database. */
  erase(): Promise<boolean>;
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
