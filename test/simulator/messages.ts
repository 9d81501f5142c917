import type { Position } from '../../shared/position.ts';
import type { Assignment, ReplicaRef } from '../../shared/protocol/assignment.ts';
import type {
  AppendReply,
  Batch,
  CopyReply,
  CopyRequest,
  ExecuteRequest,
  PullReply,
  PullRequest,
  ReadRequest,
  ReplicaAnswer,
} from '../../shared/protocol/messages.ts';
import type {
  AssignReply,
  ChangeReply,
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
} from '../../shared/protocol/directory.ts';
import type { ReplicaStatus } from '../../shared/protocol/status.ts';
import type { Region } from '../../shared/regions.ts';
import type { Loss } from '../../shared/session/rewind.ts';

/** What one node asks of a replica: the calls of `ReplicaRpc`, as values. */
export type ReplicaCall =
  | { readonly kind: 'execute'; readonly request: ExecuteRequest }
  | { readonly kind: 'read'; readonly request: ReadRequest }
  | { readonly kind: 'append'; readonly batch: Batch }
  | { readonly kind: 'pull'; readonly request: PullRequest }
  | { readonly kind: 'copy'; readonly request: CopyRequest }
  | { readonly kind: 'assign'; readonly assignment: Assignment }
  | { readonly kind: 'erase' }
  | { readonly kind: 'fence'; readonly request: FenceRequest }
  | { readonly kind: 'status' }
  | { readonly kind: 'reaches'; readonly replica: ReplicaRef };

/** Of a user's session. */
export type SessionCall =
  | { readonly kind: 'seen' }
  | { readonly kind: 'advance'; readonly partition: number; readonly position: Position }
  | { readonly kind: 'rewind'; readonly partition: number; readonly loss: Loss };

/** Of the directory. */
export type DirectoryCall =
  | { readonly kind: 'look-up' }
  | { readonly kind: 'add-follower'; readonly wish: FollowerWish }
  | { readonly kind: 'remove-follower'; readonly region: Region; readonly replica: string | null }
  | { readonly kind: 'report'; readonly report: ReplicaReport }
  | { readonly kind: 'lease'; readonly request: LeaseRequest }
  | { readonly kind: 'failover'; readonly wish: FailoverWish }
  | { readonly kind: 'suspect'; readonly suspicion: Suspicion };

export type Call = ReplicaCall | SessionCall | DirectoryCall;

/** What a call that gives nothing back is answered with. */
export interface Done {
  readonly kind: 'ok';
}

export type Assigned = AssignReply & { readonly kind: 'assigned' };

export type ReplicaReply =
  | ReplicaAnswer
  | AppendReply
  | PullReply
  | CopyReply
  | FenceReply
  | Assigned
  | Done
  | { readonly kind: 'status'; readonly status: ReplicaStatus }
  | { readonly kind: 'reached'; readonly isReached: boolean };

export type SessionReply =
  | { readonly kind: 'seen'; readonly seen: readonly (readonly [partition: number, position: Position])[] }
  | { readonly kind: 'advanced' | 'rewound' };

export type DirectoryReply =
  | { readonly kind: 'record'; readonly record: DatabaseRecord | null }
  | ChangeReply
  | LeaseReply
  | FailoverReply
  | Done;

export type Reply = ReplicaReply | SessionReply | DirectoryReply;

/** One message. `id` is the caller's, and its answer carries it back. */
export type Envelope =
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly from: string;
      readonly to: string;
      readonly call: Call;
      /** The client's operation that it serves; null for the replicas' own. */
      readonly op: number | null;
    }
  | {
      readonly kind: 'reply';
      readonly id: number;
      readonly from: string;
      readonly to: string;
      /** Null: the connection broke. */
      readonly reply: Reply | null;
    };

export type CallEnvelope = Extract<Envelope, { kind: 'call' }>;

const OF_REPLICAS: ReadonlySet<string> = new Set<ReplicaCall['kind']>([
  'execute',
  'read',
  'append',
  'pull',
  'copy',
  'assign',
  'erase',
  'fence',
  'status',
  'reaches',
]);

export function isReplicaCall(call: Call): call is ReplicaCall {
  return OF_REPLICAS.has(call.kind);
}

export function isSessionCall(call: Call): call is SessionCall {
  return call.kind === 'seen' || call.kind === 'advance' || call.kind === 'rewind';
}

export function isDirectoryCall(call: Call): call is DirectoryCall {
  return !isReplicaCall(call) && !isSessionCall(call);
}
