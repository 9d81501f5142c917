import type { Position } from '../../shared/position.ts';
import type {
  AppendReply,
  Batch,
  DatabaseRecord,
  ExecuteRequest,
  PullReply,
  PullRequest,
  ReadRequest,
  ReplicaAnswer,
} from '../../shared/protocol/messages.ts';

/** What one node asks of a replica: the calls of `ReplicaRpc`, as values. */
export type ReplicaCall =
  | { readonly kind: 'execute'; readonly request: ExecuteRequest }
  | { readonly kind: 'read'; readonly request: ReadRequest }
  | { readonly kind: 'append'; readonly batch: Batch }
  | { readonly kind: 'pull'; readonly request: PullRequest };

/** And of a user's session, or of the directory. */
export type ObjectCall =
  | { readonly kind: 'seen' }
  | { readonly kind: 'advance'; readonly partition: number; readonly position: Position }
  | { readonly kind: 'look-up' };

export type Call = ReplicaCall | ObjectCall;

export type ReplicaReply = ReplicaAnswer | AppendReply | PullReply;

export type ObjectReply =
  | { readonly kind: 'seen'; readonly seen: readonly (readonly [partition: number, position: Position])[] }
  | { readonly kind: 'advanced' }
  | { readonly kind: 'record'; readonly record: DatabaseRecord | null };

export type Reply = ReplicaReply | ObjectReply;

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

export function isReplicaCall(call: Call): call is ReplicaCall {
  return call.kind !== 'seen' && call.kind !== 'advance' && call.kind !== 'look-up';
}
