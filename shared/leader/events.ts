import type { Epoch } from '../lsn.ts';
import type { Assignment } from '../protocol/assignment.ts';
import type {
  AppendReply,
  CopyReply,
  CopyRequest,
  ExecuteRequest,
  PullReply,
  PullRequest,
  ReapplyRequest,
  ReplicaAnswer,
} from '../protocol/messages.ts';
import type { FenceReply, FenceRequest, LeaseReply, ReplicaReport } from '../protocol/directory.ts';
import type { Send, Timer } from './fanout.ts';
import type { LeaseAsk } from './lease.ts';

/** `call` names the caller that waits; `now` is this replica's clock in milliseconds. */
export type LeaderEvent =
  | RequestEvent
  | { readonly kind: 'pull'; readonly call: number; readonly now: number; readonly request: PullRequest }
  | { readonly kind: 'copy'; readonly call: number; readonly now: number; readonly request: CopyRequest }
  | { readonly kind: 'fence'; readonly call: number; readonly now: number; readonly request: FenceRequest }
  | { readonly kind: 'replied'; readonly follower: string; readonly now: number; readonly reply: AppendReply }
  | { readonly kind: 'send-failed'; readonly follower: string; readonly now: number }
  /** `epoch`: for which it was asked, perhaps by the core before. */
  | {
      readonly kind: 'leased';
      readonly epoch: Epoch;
      readonly askedAt: number;
      readonly now: number;
      readonly reply: LeaseReply;
    }
  | { readonly kind: 'lease-failed'; readonly askedAt: number; readonly now: number }
  /** It was just promoted. */
  | { readonly kind: 'begin'; readonly now: number }
  /** The same leader of the same epoch has other followers, or is to hand over. */
  | { readonly kind: 'reassigned'; readonly now: number; readonly assignment: Assignment }
  /** A newer epoch began, and this core will not be asked again. */
  | { readonly kind: 'retire'; readonly now: number; readonly epoch: Epoch }
  | { readonly kind: 'alarm' | 'timer'; readonly now: number };

/** What only a leader that has a lease does. */
export type RequestEvent =
  | {
      readonly kind: 'execute';
      readonly call: number;
      readonly now: number;
      readonly request: ExecuteRequest;
    }
  | {
      readonly kind: 'reapply';
      readonly call: number;
      readonly now: number;
      readonly request: ReapplyRequest;
    };

/** What the shell must do once the step is durable, in this order. */
export type LeaderEffect =
  | { readonly kind: 'answer'; readonly call: number; readonly answer: ReplicaAnswer }
  | { readonly kind: 'pulled'; readonly call: number; readonly reply: PullReply }
  | { readonly kind: 'copied'; readonly call: number; readonly reply: CopyReply }
  | { readonly kind: 'fenced'; readonly call: number; readonly reply: FenceReply }
  | Send
  | Timer
  /** Ask the directory; step `leased` with its reply, or `lease-failed`. */
  | LeaseAsk
  /** Tell the directory; nothing comes of it but, some time, a new assignment. */
  | { readonly kind: 'report'; readonly report: ReplicaReport }
  /** Wake me at this time even after a crash. A later one replaces it. */
  | { readonly kind: 'alarm'; readonly at: number };
