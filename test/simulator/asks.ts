import type { FollowerEvent } from '../../shared/follower/events.ts';
import type { LeaderEvent } from '../../shared/leader/events.ts';
import { LEASE_ASK_MS } from '../../shared/leader/lease.ts';
import { SEND_TIMEOUT_MS } from '../../shared/limits.ts';
import type { Epoch } from '../../shared/lsn.ts';
import type { ReplicaRef } from '../../shared/protocol/assignment.ts';
import type {
  AppendReply,
  Batch,
  CopyReply,
  CopyRequest,
  PullReply,
  PullRequest,
} from '../../shared/protocol/messages.ts';
import type { LeaseReply, LeaseRequest, ReplicaReport } from '../../shared/protocol/directory.ts';
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
  /** Of the core in memory; null without one. */
  readonly epoch: () => Epoch | null;
  readonly tell: (event: Extract<LeaderEvent, FollowerEvent>) => void;
  readonly lead: (event: LeaderEvent) => void;
  readonly follow: (event: FollowerEvent) => void;
}

/** A replica that does not say how it stands within this is taken for out of reach. */
const REACH_WAIT_MS = 2_000;

/** What one replica asks of others, and what becomes of the answers, as durable-objects/asks.ts has it. */
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
        answered: (reply) =>
          this.#in(batch.epoch, () =>
            tell({ kind: 'replied', follower, now: clock.now, reply: reply as AppendReply }),
          ),
        failed: () => this.#in(batch.epoch, () => tell({ kind: 'send-failed', follower, now: clock.now })),
      },
    );
  }

  pull(request: PullRequest, askedAt: number): void {
    const { clock, follow } = this.#parts;
    this.#askLeader(
      { kind: 'pull', request },
      {
        answered: (reply) =>
          this.#in(request.epoch, () =>
            follow({ kind: 'pulled', now: clock.now, askedAt, reply: reply as PullReply }),
          ),
        failed: () => this.#in(request.epoch, () => follow({ kind: 'pull-failed', now: clock.now })),
      },
    );
  }

  copy(request: CopyRequest, askedAt: number): void {
    const { clock, follow } = this.#parts;
    this.#askLeader(
      { kind: 'copy', request },
      {
        answered: (reply) =>
          this.#in(request.epoch, () =>
            follow({ kind: 'copied', now: clock.now, askedAt, reply: reply as CopyReply }),
          ),
        failed: () => this.#in(request.epoch, () => follow({ kind: 'copy-failed', now: clock.now })),
      },
    );
  }

  /** What was asked in an epoch that is over means nothing to the core that came after. */
  #in(epoch: Epoch, run: () => void): void {
    if (this.#parts.epoch() === epoch) run();
  }

  lease(request: LeaseRequest, askedAt: number): void {
    const { calls, clock, lead } = this.#parts;
    calls.ask(
      { to: DIRECTORY, call: { kind: 'lease', request }, timeoutMs: LEASE_ASK_MS },
      {
        answered: (reply) =>
          lead({ kind: 'leased', epoch: request.epoch, askedAt, now: clock.now, reply: reply as LeaseReply }),
        failed: () => lead({ kind: 'lease-failed', askedAt, now: clock.now }),
      },
    );
  }

  reaches({ name }: ReplicaRef, told: (isReached: boolean) => void): void {
    this.#parts.calls.ask(
      { to: name, call: { kind: 'status' }, timeoutMs: REACH_WAIT_MS },
      {
        answered: (reply) => told(reply.kind === 'status' && reply.status.kind !== 'unassigned'),
        failed: () => told(false),
      },
    );
  }

  /** What is lost is told again: whoever reports goes on until it is assigned. */
  report(report: ReplicaReport): void {
    const call = { kind: 'report', report } as const;
    const nothing = { answered: () => {}, failed: () => {} };
    this.#parts.calls.ask({ to: DIRECTORY, call, timeoutMs: SEND_TIMEOUT_MS }, nothing);
  }

  #askLeader(call: ReplicaCall, expecting: Expecting): void {
    const to = this.#parts.leader();
    if (to !== null) this.#parts.calls.ask({ to, call, timeoutMs: SEND_TIMEOUT_MS }, expecting);
  }
}
