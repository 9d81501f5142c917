import type { Position } from '../../shared/position.ts';
import type { Assignment } from '../../shared/protocol/assignment.ts';
import type {
  AppendReply,
  AssignReply,
  Batch,
  ChangeReply,
  CopyReply,
  CopyRequest,
  DatabaseRecord,
  ExecuteRequest,
  FollowerWish,
  JoinReport,
  PullReply,
  PullRequest,
  ReadRequest,
  ReplicaAnswer,
} from '../../shared/protocol/messages.ts';
import type { Region } from '../../shared/regions.ts';

/** What one node asks of a replica: the calls of `ReplicaRpc`, as values. */
export type ReplicaCall =
  | { readonly kind: 'execute'; readonly request: ExecuteRequest }
  | { readonly kind: 'read'; readonly request: ReadRequest }
  | { readonly kind: 'append'; readonly batch: Batch }
  | { readonly kind: 'pull'; readonly request: PullRequest }
  | { readonly kind: 'copy'; readonly request: CopyRequest }
  | { readonly kind: 'assign'; readonly assignment: Assignment }
  | { readonly kind: 'erase' };

/** Of a user's session. */
export type SessionCall =
  | { readonly kind: 'seen' }
  | { readonly kind: 'advance'; readonly partition: number; readonly position: Position };

/** Of the directory. */
export type DirectoryCall =
  | { readonly kind: 'look-up' }
  | { readonly kind: 'add-follower'; readonly wish: FollowerWish }
  | { readonly kind: 'remove-follower'; readonly region: Region; readonly replica: string | null }
  | { readonly kind: 'report'; readonly report: JoinReport };

export type Call = ReplicaCall | SessionCall | DirectoryCall;

/** What a call that gives nothing back is answered with. */
export interface Done {
  readonly kind: 'ok';
}

export type Assigned = AssignReply & { readonly kind: 'assigned' };

export type ReplicaReply = ReplicaAnswer | AppendReply | PullReply | CopyReply | Assigned | Done;

export type SessionReply =
  | { readonly kind: 'seen'; readonly seen: readonly (readonly [partition: number, position: Position])[] }
  | { readonly kind: 'advanced' };

export type DirectoryReply =
  | { readonly kind: 'record'; readonly record: DatabaseRecord | null }
  | ChangeReply
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
]);

export function isReplicaCall(call: Call): call is ReplicaCall {
  return OF_REPLICAS.has(call.kind);
}

export function isSessionCall(call: Call): call is SessionCall {
  return call.kind === 'seen' || call.kind === 'advance';
}

export function isDirectoryCall(call: Call): call is DirectoryCall {
  return !isReplicaCall(call) && !isSessionCall(call);
}
