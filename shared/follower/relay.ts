import { type LogLimits, RETRY_MS_MAX, RETRY_MS_MIN } from '../limits.ts';
import { joinEntries } from '../log/entry.ts';
import type { Log } from '../log/log.ts';
import { Outgoing } from '../log/outgoing.ts';
import type { StoredEntry } from '../log/tail.ts';
import type { Lsn } from '../lsn.ts';
import type { Position } from '../position.ts';
import { type Assignment, membersOf, relayOf, type ReplicaRef } from '../protocol/assignment.ts';
import { copiesNeeded } from '../protocol/durability.ts';
import type { AppendReply, Batch, Relayed } from '../protocol/messages.ts';

export interface RelaySend {
  readonly kind: 'send';
  readonly to: ReplicaRef;
  readonly batch: Batch;
}

/** One sibling, as far as this replica has heard since it woke. */
interface Sibling {
  readonly to: ReplicaRef;
  applied: Position | null;
  isSending: boolean;
  failures: number;
  notBefore: number;
}

/**
 * Sends on to the other members of the region what came from the leader, so that it crosses between regions once. Only an
 * attempt: the leader sends to whoever it does not hear of in time, so nothing here is tried again by itself.
 */
export class Relay {
  readonly #outgoing: Outgoing;
  #siblings: ReadonlyMap<string, Sibling> = new Map();

  constructor(assignment: Assignment, log: Log, limits: LogLimits) {
    this.#outgoing = new Outgoing(log, limits);
    this.reassign(assignment);
  }

  reassign(assignment: Assignment): void {
    const { self } = assignment;
    // Where several followers must confirm a write, the leader sends to each itself.
    const isRelay =
      copiesNeeded(assignment.durability, assignment) <= 2 &&
      relayOf(assignment, self.region)?.name === self.name;
    const others = membersOf(assignment).filter(
      ({ name, region }) => isRelay && region === self.region && name !== self.name,
    );
    this.#siblings = new Map(
      others.map((to) => [to.name, this.#siblings.get(to.name) ?? newSibling(to)] as const),
    );
  }

  get relayed(): Relayed[] {
    return [...this.#siblings].flatMap(([follower, { applied }]) =>
      applied === null ? [] : [{ follower, applied }],
    );
  }

  /** These were applied here. */
  added(entries: readonly StoredEntry[]): void {
    if (this.#siblings.size > 0) for (const entry of entries) this.#outgoing.push(entry);
  }

  /** `like`: what the leader last said of itself; `before`: where this replica was, the best guess of where its siblings are. */
  send(like: Batch, before: Lsn, now: number): RelaySend[] {
    return [...this.#siblings.values()].flatMap((sibling) => this.#sendTo(sibling, { like, before, now }));
  }

  replied(name: string, reply: AppendReply, now: number): void {
    const sibling = this.#siblings.get(name);
    if (sibling === undefined) return;
    sibling.isSending = false;
    if (reply.kind !== 'appended' && reply.kind !== 'gap') return backOff(sibling, now);
    sibling.applied = reply.applied;
    sibling.failures = 0;
  }

  sendFailed(name: string, now: number): void {
    const sibling = this.#siblings.get(name);
    if (sibling === undefined) return;
    sibling.isSending = false;
    backOff(sibling, now);
  }

  #sendTo(
    sibling: Sibling,
    { like, before, now }: { readonly like: Batch; readonly before: Lsn; readonly now: number },
  ): RelaySend[] {
    if (sibling.isSending || now < sibling.notBefore) return [];
    const entries = this.#outgoing.after(sibling.applied?.lsn ?? before);
    if (entries === null || entries.length === 0) return [];
    sibling.isSending = true;
    const text = joinEntries(entries.map((entry) => entry.text));
    return [{ kind: 'send', to: sibling.to, batch: { ...like, text, gone: null, heard: null } }];
  }
}

function newSibling(to: ReplicaRef): Sibling {
  return { to, applied: null, isSending: false, failures: 0, notBefore: 0 };
}

function backOff(sibling: Sibling, now: number): void {
  sibling.notBefore = now + Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** sibling.failures);
  sibling.failures += 1;
}
