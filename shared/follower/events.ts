import type { Epoch } from '../lsn.ts';
import type { Assignment } from '../protocol/assignment.ts';
import type {
  AppendReply,
  Batch,
  CopyReply,
  PullReply,
  PullRequest,
  ReadRequest,
  ReplicaAnswer,
} from '../protocol/messages.ts';
import type { FenceReply, FenceRequest, ReplicaReport } from '../protocol/directory.ts';
import type { CopyingEffect } from './copying.ts';
import type { RelaySend } from './relay.ts';

/** `call` names the caller that waits; `now` is this replica's clock in milliseconds. */
export type FollowerEvent =
  | { readonly kind: 'append'; readonly call: number; readonly now: number; readonly batch: Batch }
  | { readonly kind: 'read'; readonly call: number; readonly now: number; readonly request: ReadRequest }
  | { readonly kind: 'fence'; readonly call: number; readonly now: number; readonly request: FenceRequest }
  | { readonly kind: 'pulled'; readonly now: number; readonly askedAt: number; readonly reply: PullReply }
  | { readonly kind: 'pull-failed'; readonly now: number }
  | { readonly kind: 'copied'; readonly now: number; readonly askedAt: number; readonly reply: CopyReply }
  | { readonly kind: 'copy-failed'; readonly now: number }
  /** A sibling answered what was relayed to it. */
  | { readonly kind: 'replied'; readonly follower: string; readonly now: number; readonly reply: AppendReply }
  | { readonly kind: 'send-failed'; readonly follower: string; readonly now: number }
  /** It was told of a new epoch, and was loaded anew. */
  | { readonly kind: 'begin'; readonly now: number }
  /** The replicas are others, or this one counts as a member now. */
  | { readonly kind: 'reassigned'; readonly now: number; readonly assignment: Assignment }
  /** A newer epoch began, and this core will not be asked again. */
  | { readonly kind: 'retire'; readonly now: number; readonly epoch: Epoch }
  | { readonly kind: 'alarm' | 'timer'; readonly now: number };

/** What the shell must do once the step is durable, in this order. */
export type FollowerEffect =
  | { readonly kind: 'answer'; readonly call: number; readonly answer: ReplicaAnswer }
  | { readonly kind: 'appended'; readonly call: number; readonly reply: AppendReply }
  | { readonly kind: 'fenced'; readonly call: number; readonly reply: FenceReply }
  | { readonly kind: 'pull'; readonly request: PullRequest }
  | RelaySend
  /** Tell the directory; nothing comes of it but, some time, a new assignment, or the end of this replica. */
  | { readonly kind: 'report'; readonly report: ReplicaReport }
  | CopyingEffect;
