import type { LostEntriesQuery, LostEntry } from '../lost-entry.ts';
import type { Position } from '../position.ts';
import type { Region } from '../regions.ts';
import type { Assignment, ReplicaRef } from './assignment.ts';
import type {
  AssignReply,
  ChangeReply,
  CreateReply,
  DatabaseRecord,
  FailoverReply,
  FailoverWish,
  FenceReply,
  FenceRequest,
  FollowerWish,
  LeaseReply,
  LeaseRequest,
  ReplicaReport,
  Suspicion,
} from './directory.ts';
import type {
  AppendReply,
  Batch,
  CopyReply,
  CopyRequest,
  DigestReply,
  ExecuteRequest,
  PullReply,
  PullRequest,
  ReadRequest,
  ReapplyRequest,
  Relayed,
  ReplicaAnswer,
} from './messages.ts';
import type { Settings } from './settings.ts';
import type { ReplicaStatus } from './status.ts';

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
  fence(request: FenceRequest): Promise<FenceReply>;
  /** Whether another replica answers this one, for a directory that does not reach it. */
  reaches(replica: ReplicaRef): Promise<boolean>;
  /** What failovers lost and this replica kept, in the order of epoch and LSN. */
  lostEntries(query: LostEntriesQuery): Promise<readonly LostEntry[]>;
  /** The text of one; null where it is not here. */
  lostEntry(position: Position): Promise<string | null>;
  /** It was applied again, at `applied`. */
  lostEntryApplied(position: Position, applied: Position): Promise<void>;
  reapply(request: ReapplyRequest): Promise<ReplicaAnswer>;
}

/** One user's session with one database: how far their devices have seen, by partition. */
export interface SessionRpc {
  advance(partition: number, position: Position): Promise<void>;
  /** What was seen up to `lost` is lost: `instead` counts from now on, unless the session has moved on from there. */
  rewind(partition: number, lost: Position, instead: Position): Promise<void>;
  seen(): Promise<readonly (readonly [partition: number, position: Position])[]>;
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
  report(report: ReplicaReport): Promise<void>;
  lease(request: LeaseRequest): Promise<LeaseReply>;
  failover(wish: FailoverWish): Promise<FailoverReply>;
  suspect(suspicion: Suspicion): Promise<void>;
  /** Null turns automatic failover off. */
  configure(automatic_failover_ms: number | null): Promise<ChangeReply>;
}

/** The names of all databases. */
export interface CatalogRpc {
  add(database: string): Promise<void>;
  remove(database: string): Promise<void>;
  /** In alphabetical order. */
  list(): Promise<readonly string[]>;
}
