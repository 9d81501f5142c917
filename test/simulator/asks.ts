import type { FollowerEvent } from '../../shared/follower/follower.ts';
import type { LeaderEvent } from '../../shared/leader/leader.ts';
import { SEND_TIMEOUT_MS } from '../../shared/limits.ts';
import type { ReplicaRef } from '../../shared/protocol/assignment.ts';
import type {
  AppendReply,
  Batch,
  CopyReply,
  CopyRequest,
  JoinReport,
  PullReply,
  PullRequest,
} from '../../shared/protocol/messages.ts';
import type { Calls, Expecting } from './calls.ts';
import { DIRECTORY } from './edge.ts';
import type { NodeClock } from './local-clock.ts';
import type { ReplicaCall } from './messages.ts';
import type { Watch } from './watch.ts';

interface AsksParts {
  readonly calls: Calls;
  readonly clock: NodeClock;
  readonly watch: Watch;
  /** Whom this replica follows; null where it does not follow. */
  readonly leader: () => string | null;
  readonly tell: (event: Extract<LeaderEvent, FollowerEvent>) => void;
  readonly follow: (event: FollowerEvent) => void;
}

/** What one replica asks of others, and what becomes of the answers, as durable-objects/replica.ts has it. */
export class Asks {
  readonly #parts: AsksParts;

  constructor(parts: AsksParts) {
    this.#parts = parts;
  }

  send(to: ReplicaRef, batch: Batch): void {
    const { calls, clock, watch, tell } = this.#parts;
    const follower = to.name;
    watch.sent(to, batch);
    calls.ask(
      { to: follower, call: { kind: 'append', batch }, timeoutMs: SEND_TIMEOUT_MS },
      {
        answered: (reply) => tell({ kind: 'replied', follower, now: clock.now, reply: reply as AppendReply }),
        failed: () => tell({ kind: 'send-failed', follower, now: clock.now }),
      },
    );
  }

  pull(request: PullRequest, askedAt: number): void {
    const { clock, follow } = this.#parts;
    this.#askLeader(
      { kind: 'pull', request },
      {
        answered: (reply) => follow({ kind: 'pulled', now: clock.now, askedAt, reply: reply as PullReply }),
        failed: () => follow({ kind: 'pull-failed', now: clock.now }),
      },
    );
  }

  copy(request: CopyRequest, askedAt: number): void {
    const { clock, follow } = this.#parts;
    this.#askLeader(
      { kind: 'copy', request },
      {
        answered: (reply) => follow({ kind: 'copied', now: clock.now, askedAt, reply: reply as CopyReply }),
        failed: () => follow({ kind: 'copy-failed', now: clock.now }),
      },
    );
  }

  /** What is lost is told again: the follower goes on until it is assigned as a member. */
  report(report: JoinReport): void {
    const call = { kind: 'report', report } as const;
    const nothing = { answered: () => {}, failed: () => {} };
    this.#parts.calls.ask({ to: DIRECTORY, call, timeoutMs: SEND_TIMEOUT_MS }, nothing);
  }

  #askLeader(call: ReplicaCall, expecting: Expecting): void {
    const to = this.#parts.leader();
    if (to !== null) this.#parts.calls.ask({ to, call, timeoutMs: SEND_TIMEOUT_MS }, expecting);
  }
}
