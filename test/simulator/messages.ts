import type {
  AppendReply,
  Batch,
  ExecuteRequest,
  PullReply,
  PullRequest,
  ReadRequest,
  ReplicaAnswer,
} from '../../shared/protocol/messages.ts';

/** What one node asks of a replica: the calls of `ReplicaRpc`, as values. */
export type Call =
  | { readonly kind: 'execute'; readonly request: ExecuteRequest }
  | { readonly kind: 'read'; readonly request: ReadRequest }
  | { readonly kind: 'append'; readonly batch: Batch }
  | { readonly kind: 'pull'; readonly request: PullRequest };

export type Reply = ReplicaAnswer | AppendReply | PullReply;

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
