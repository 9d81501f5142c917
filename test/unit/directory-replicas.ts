import { expect } from 'vitest';
import type { DirectoryEvent } from '../../shared/directory/events.ts';
import { HASH_OF_NOTHING } from '../../shared/log/entry.ts';
import { cutOff } from '../../shared/log/history.ts';
import { CLOCK_RATE_ERROR, LEASE_MARGIN_MS } from '../../shared/limits.ts';
import { type Epoch, EPOCH_FIRST, LSN_ZERO, toEpoch, toLsn } from '../../shared/lsn.ts';
import {
  type Assignment,
  isNewer,
  type Leadership,
  membersOf,
  roleOf,
} from '../../shared/protocol/assignment.ts';
import { copiesNeeded } from '../../shared/protocol/durability.ts';
import type { DatabaseRecord, FenceReply, LeaseReply } from '../../shared/protocol/directory.ts';

// What replicas promise to their directory, and no more: a log of names, a fence, a lease by a clock of their own.

export interface Entry {
  readonly epoch: Epoch;
  readonly id: number;
}

/** On its way: done when it is delivered, which may be late, twice or never. */
export type Message = () => void;

/** What a replica needs of the world around it. */
export interface Around {
  readonly acknowledged: Set<number>;
  /** Real time, and the directory's clock. */
  readonly time: number;
  readonly now: number;
  readonly record: DatabaseRecord;
  step(event: DirectoryEvent): void;
  send(message: Message): void;
  lease(replica: Replica, epoch: Epoch, answer: (reply: LeaseReply) => void): void;
  newEntry(epoch: Epoch): Entry;
  replica(name: string): Replica;
  checkLeases(): void;
}

export class Replica {
  readonly name: string;
  readonly #world: Around;
  /** Its clock is as slow as may be, or as fast. */
  readonly #rate: number;
  isUp = true;
  assignment: Assignment | null = null;
  #fence: Epoch = EPOCH_FIRST;
  #log: readonly Entry[] = [];
  #leaseEnds = 0;
  /** Of a leader: how many entries its followers have confirmed, and how many it had when it learnt of them. */
  #acks = new Map<string, number>();
  #hadThen = 0;

  constructor(world: Around, name: string, number: number) {
    this.#world = world;
    this.name = name;
    this.#rate = number % 3 === 2 ? 1 + CLOCK_RATE_ERROR : 1 - CLOCK_RATE_ERROR;
  }

  get ref() {
    return { name: this.name, region: 'oc' as const };
  }

  get role() {
    return this.assignment === null ? ('unassigned' as const) : roleOf(this.assignment);
  }

  get leads(): boolean {
    const { assignment } = this;
    return this.role === 'leader' && assignment?.successor === null && this.#fence <= assignment.epoch;
  }

  get hasLease(): boolean {
    return this.#clock < this.#leaseEnds;
  }

  get #clock(): number {
    return this.#world.time * this.#rate;
  }

  /** What a history leaves of its log. */
  kept(history: Leadership['history']): readonly Entry[] {
    const lost = this.#log.findIndex(
      ({ epoch }, i) => cutOff(history, { epoch, lsn: toLsn(i + 1) }) !== null,
    );
    return lost === -1 ? this.#log : this.#log.slice(0, lost);
  }

  assign(assignment: Assignment) {
    const known = this.assignment;
    if (known === null || isNewer(assignment, known)) {
      this.assignment = assignment;
      this.#log = this.kept(assignment.history);
      if (known?.epoch !== assignment.epoch) {
        this.#leaseEnds = 0;
        this.#acks = new Map();
      }
      this.#hadThen = this.#log.length;
    }
    const { epoch, revision } = this.assignment ?? assignment;
    return { epoch, revision, isSettled: this.role !== 'leader' || this.#isDurable(this.#hadThen) };
  }

  erase(): void {
    this.assignment = null;
    this.#log = [];
  }

  fenceFor(epoch: Epoch): FenceReply {
    const { assignment } = this;
    if (assignment === null) return { kind: 'unassigned' };
    if (epoch > this.#fence) this.#fence = epoch;
    return {
      kind: 'fenced',
      fence: this.#fence,
      epoch: assignment.epoch,
      revision: assignment.revision,
      end: this.end,
      isWhole: true,
      heard: toLsn(this.#log.length),
    };
  }

  get end() {
    const last = this.#log.at(-1);
    return {
      epoch: last?.epoch ?? EPOCH_FIRST,
      lsn: last === undefined ? LSN_ZERO : toLsn(this.#log.length),
      hash: HASH_OF_NOTHING,
    };
  }

  askForLease(): void {
    const { assignment } = this;
    if (!this.leads || assignment === null) return;
    const askedAt = this.#clock;
    this.#world.lease(this, assignment.epoch, (reply) => {
      if (reply.kind !== 'granted' || this.assignment?.epoch !== assignment.epoch) return;
      this.#leaseEnds = Math.max(this.#leaseEnds, askedAt + reply.ms - LEASE_MARGIN_MS);
      this.#world.checkLeases();
    });
  }

  write(): void {
    if (this.leads && this.assignment !== null)
      this.#log = [...this.#log, this.#world.newEntry(this.assignment.epoch)];
  }

  /** To one of those it knows of, without a lease too: what it has acknowledged is safe because of the fences alone. */
  sendTo(i: number): void {
    const { assignment } = this;
    if (this.role !== 'leader' || assignment === null || this.#fence > assignment.epoch) return;
    const to = assignment.followers[i % Math.max(1, assignment.followers.length)];
    if (to === undefined) return;
    const entries = this.#log;
    this.#world.send(() => this.#world.replica(to.name).#append(this, assignment.epoch, entries));
  }

  #append(from: Replica, epoch: Epoch, entries: readonly Entry[]): void {
    if (!this.isUp || this.assignment?.epoch !== epoch || this.#fence > epoch) return;
    const same = Math.min(entries.length, this.#log.length);
    expect(this.#log.slice(0, same)).toEqual(entries.slice(0, same));
    if (entries.length > this.#log.length) this.#log = entries;
    this.#world.send(() => from.#confirmed(epoch, this.name, entries.length));
  }

  #confirmed(epoch: Epoch, by: string, count: number): void {
    if (!this.isUp || this.role !== 'leader' || this.assignment?.epoch !== epoch || this.#fence > epoch)
      return;
    this.#acks.set(by, Math.max(count, this.#acks.get(by) ?? 0));
    this.#log.forEach(({ id }, i) => {
      if (this.#isDurable(i + 1)) this.#world.acknowledged.add(id);
    });
  }

  #isDurable(count: number): boolean {
    const { assignment } = this;
    if (assignment === null) return false;
    const having = membersOf(assignment).filter(({ name }) => (this.#acks.get(name) ?? 0) >= count);
    return count === 0 || 1 + having.length >= copiesNeeded(assignment.durability, assignment);
  }

  handOver(): void {
    const { assignment } = this;
    if (assignment === null || assignment.successor === null || this.role !== 'leader') return;
    if (this.#fence > assignment.epoch || (this.#acks.get(assignment.successor.name) ?? 0) < this.#log.length)
      return;
    const { epoch, revision } = assignment;
    const report = { kind: 'handed over', replica: this.ref, epoch, revision, end: this.end } as const;
    this.#world.send(() => this.#world.step({ kind: 'report', report, now: this.#world.now }));
  }

  /** Once it has what the leader has. */
  join(): void {
    const { assignment } = this;
    if (assignment === null || this.role === 'leader') return;
    const leader = this.#world.replica(assignment.leader.name);
    if (leader.end.lsn !== this.end.lsn) return;
    const report = { kind: 'joined', replica: this.ref, epoch: assignment.epoch } as const;
    this.#world.send(() => this.#world.step({ kind: 'report', report, now: this.#world.now }));
  }

  suspect(): void {
    const { epoch } = this.#world.record.partitions[0] ?? { epoch: toEpoch(1) };
    const suspicion = { partition: 0, epoch };
    this.#world.step({ kind: 'suspect', suspicion, now: this.#world.now });
  }
}
