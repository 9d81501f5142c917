import type { FollowerEvent } from '../shared/follower/events.ts';
import type { LeaderEvent } from '../shared/leader/events.ts';
import { LEASE_ASK_MS } from '../shared/leader/lease.ts';
import { SEND_TIMEOUT_MS } from '../shared/limits.ts';
import type { Epoch } from '../shared/lsn.ts';
import type { Assignment, ReplicaRef } from '../shared/protocol/assignment.ts';
import type { Batch, CopyRequest, PullRequest } from '../shared/protocol/messages.ts';
import type { ReplicaRpc } from '../shared/protocol/rpc.ts';
import type { LeaseRequest, ReplicaReport } from '../shared/protocol/directory.ts';
import type { DirectoryRpc } from '../shared/protocol/rpc.ts';
import { within } from './deadline.ts';
import type { ObjectsEnv } from './env.ts';

/** What a replica asks others becomes an event of its core, whatever becomes of the asking. */
export interface Asker {
  readonly env: ObjectsEnv;
  readonly assignment: () => Assignment;
  /** Of the core in memory; null without one. */
  readonly epoch: () => Epoch | null;
  readonly lead: (event: LeaderEvent) => void;
  readonly follow: (event: FollowerEvent) => void;
}

/** The messages that a replica sends of itself, to others and to its directory. */
export class Asks {
  readonly #by: Asker;

  constructor(by: Asker) {
    this.#by = by;
  }

  async send(to: ReplicaRef, batch: Batch): Promise<void> {
    const follower = to.name;
    try {
      const reply = await within(SEND_TIMEOUT_MS, this.replica(to).append(batch));
      this.#tell(batch.epoch, { kind: 'replied', follower, now: Date.now(), reply });
    } catch {
      this.#tell(batch.epoch, { kind: 'send-failed', follower, now: Date.now() });
    }
  }

  async pull(request: PullRequest): Promise<void> {
    const askedAt = Date.now();
    try {
      const reply = await within(SEND_TIMEOUT_MS, this.#leader().pull(request));
      this.#follow(request.epoch, { kind: 'pulled', now: Date.now(), askedAt, reply });
    } catch {
      this.#follow(request.epoch, { kind: 'pull-failed', now: Date.now() });
    }
  }

  async copy(request: CopyRequest): Promise<void> {
    const askedAt = Date.now();
    try {
      const reply = await within(SEND_TIMEOUT_MS, this.#leader().copy(request));
      this.#follow(request.epoch, { kind: 'copied', now: Date.now(), askedAt, reply });
    } catch {
      this.#follow(request.epoch, { kind: 'copy-failed', now: Date.now() });
    }
  }

  async lease(request: LeaseRequest, askedAt: number): Promise<void> {
    try {
      const reply = await within(LEASE_ASK_MS, this.#directory().lease(request));
      const { epoch } = request;
      this.#by.lead({ kind: 'leased', epoch, askedAt, now: Date.now(), reply });
    } catch {
      this.#by.lead({ kind: 'lease-failed', askedAt, now: Date.now() });
    }
  }

  /** What is lost is told again: whoever reports goes on until it is assigned. */
  async report(report: ReplicaReport): Promise<void> {
    try {
      await within(SEND_TIMEOUT_MS, this.#directory().report(report));
    } catch (error) {
      console.error('the directory could not be told', error);
    }
  }

  replica(to: ReplicaRef): ReplicaRpc {
    const { REPLICA } = this.#by.env;
    return REPLICA.get(REPLICA.idFromName(to.name), { locationHint: to.region });
  }

  #leader(): ReplicaRpc {
    return this.replica(this.#by.assignment().leader);
  }

  #directory(): DirectoryRpc {
    return this.#by.env.DIRECTORY.getByName(this.#by.assignment().database);
  }

  /** What was asked in an epoch that is over means nothing to the core that came after: in its epoch others may be elsewhere. */
  #tell(epoch: Epoch, event: Extract<LeaderEvent, FollowerEvent>): void {
    if (this.#by.epoch() !== epoch) return;
    this.#by.lead(event);
    this.#by.follow(event);
  }

  #follow(epoch: Epoch, event: FollowerEvent): void {
    if (this.#by.epoch() === epoch) this.#by.follow(event);
  }
}
