import { expect } from 'vitest';
import { Directory } from '../../shared/directory/directory.ts';
import type { DirectoryEffect, DirectoryEvent } from '../../shared/directory/events.ts';
import { Refusal } from '../../shared/failure.ts';
import { CLOCK_RATE_ERROR } from '../../shared/limits.ts';
import type { Epoch } from '../../shared/lsn.ts';
import type { Leadership } from '../../shared/protocol/assignment.ts';
import { LEASE_VERSION } from '../../shared/protocol/directory.ts';
import type { DatabaseRecord, FailoverWish, LeaseReply } from '../../shared/protocol/directory.ts';
import type { Durability } from '../../shared/protocol/settings.ts';
import type { Region } from '../../shared/regions.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { type Around, type Entry, type Message, Replica } from './directory-replicas.ts';

// A directory among replicas, messages that come late, twice or never, and what must hold all the while.

export class World implements Around {
  readonly replicas = new Map<string, Replica>();
  readonly acknowledged = new Set<number>();
  readonly #sql = new NodeSql();
  readonly #durability: Durability;
  readonly #leaders = new Map<Epoch, string>();
  #directory = new Directory(this.#sql);
  readonly #waiting: Message[] = [];
  #timers: { readonly at: number; readonly fire: Message }[] = [];
  #alarm: number | null = null;
  #known: Leadership | null = null;
  #acceptsLoss = false;
  #nextId = 1;
  /** Real time: every clock runs a bit faster or slower. */
  time = 1_000_000;

  constructor(durability: Durability, followers: readonly Region[], automatic_failover_ms: number | null) {
    this.#durability = durability;
    const settings = { leader: 'weur', followers, partitions: 1, durability, automatic_failover_ms } as const;
    this.step({ kind: 'create', database: 'shop', settings, incarnation: 'one', now: this.now });
    while (this.#waiting.length > 0) this.deliver('first');
    this.time += 100_000;
  }

  /** The directory's clock, as fast as may be: it is the first to think that a lease is over. */
  get now(): number {
    return Math.floor(this.time * (1 + CLOCK_RATE_ERROR));
  }

  get record(): DatabaseRecord {
    const record = this.#directory.record();
    if (record === null) throw new Error('the database is not ready');
    return record;
  }

  get isQuiet(): boolean {
    return this.#waiting.length === 0 && this.record.failovers.length === 0 && this.#alarm === null;
  }

  step(event: DirectoryEvent): void {
    try {
      const effects = this.#sql.transaction(() => this.#directory.step(event));
      for (const effect of effects) this.#perform(effect);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
    this.#check();
  }

  restart(): void {
    const before = this.#directory
      .record()
      ?.failovers.map(({ partition, mode, to, since }) => [partition, mode, to, since]);
    this.#directory = new Directory(this.#sql);
    const after = this.#directory
      .record()
      ?.failovers.map(({ partition, mode, to, since }) => [partition, mode, to, since]);
    expect(after).toEqual(before);
    this.#timers = [];
  }

  send(message: Message): void {
    this.#waiting.push(message);
  }

  deliver(which: 'first' | 'last' | 'again'): void {
    const message = which === 'last' ? this.#waiting.pop() : this.#waiting[0];
    if (which === 'first') this.#waiting.shift();
    message?.();
  }

  lose(): void {
    this.#waiting.shift();
  }

  flow(): void {
    for (let i = 0; i < 60 && this.#waiting.length > 0; i += 1) this.deliver('first');
  }

  pass(ms: number): void {
    this.time += ms;
    const due = this.#timers.filter(({ at }) => at <= this.now);
    this.#timers = this.#timers.filter(({ at }) => at > this.now);
    for (const { fire } of due) fire();
    if (this.#alarm === null || this.#alarm > this.now) return;
    this.#alarm = null;
    this.step({ kind: 'alarm', now: this.now });
  }

  wish(wish: Pick<FailoverWish, 'mode' | 'to' | 'accept_loss'>): void {
    if (wish.accept_loss) this.#acceptsLoss = true;
    this.step({
      kind: 'failover',
      wish: { partition: 0, replica: null, epoch: null, ...wish },
      now: this.now,
    });
  }

  /** As a replica asks; `answer` may never be called. */
  lease(replica: Replica, epoch: Epoch, answer: (reply: LeaseReply) => void): void {
    this.send(() => {
      const request = { version: LEASE_VERSION, replica: replica.ref, epoch };
      this.step({ kind: 'lease', request, now: this.now });
      const reply = this.#directory.leaseReply(request);
      this.send(() => answer(reply));
    });
  }

  newEntry(epoch: Epoch): Entry {
    this.#nextId += 1;
    return { epoch, id: this.#nextId };
  }

  replica(name: string): Replica {
    const known = this.replicas.get(name) ?? new Replica(this, name, this.replicas.size);
    this.replicas.set(name, known);
    return known;
  }

  leaders(): Replica[] {
    return [...this.replicas.values()].filter((one) => one.leads);
  }

  #perform(effect: DirectoryEffect): void {
    const ask = (name: string, work: (replica: Replica) => void) =>
      this.send(() => {
        const replica = this.replica(name);
        if (replica.isUp) work(replica);
      });
    const back = (event: DirectoryEvent) =>
      this.send(() => this.step('now' in event ? { ...event, now: this.now } : event));
    const { now } = this;
    if (effect.kind === 'assign') {
      const { assignment } = effect;
      const { name } = assignment.self;
      ask(name, (replica) =>
        back({ kind: 'assigned', replica: name, reply: replica.assign(assignment), now }),
      );
    }
    if (effect.kind === 'erase') {
      const { name } = effect.replica;
      ask(name, (replica) => {
        replica.erase();
        back({ kind: 'erased', replica: name });
      });
    }
    if (effect.kind === 'fence') {
      const { fence } = effect;
      ask(fence.replica.name, (replica) =>
        back({ kind: 'fenced', fence, reply: replica.fenceFor(fence.epoch), now }),
      );
    }
    if (effect.kind === 'ping') {
      const { ping } = effect;
      this.send(() => {
        const replica = this.replica(ping.replica.name);
        back({ kind: 'pinged', ping, status: replica.isUp ? replica.role : null, now });
      });
    }
    if (effect.kind === 'reaches') {
      const { reach } = effect;
      this.send(() => {
        const reaches = this.replica(reach.via.name).isUp ? this.replica(reach.replica.name).isUp : null;
        back({ kind: 'reached', reach, reaches, now });
      });
    }
    if (effect.kind === 'timer') {
      const { at } = effect;
      this.#timers.push({ at, fire: () => this.step({ kind: 'tick', at, now: this.now }) });
    }
    if (effect.kind === 'wake') this.#alarm = effect.at;
  }

  #check(): void {
    const [leadership] = this.#directory.record()?.partitions ?? [];
    if (leadership === undefined) return;
    const known = this.#known;
    this.#known = leadership;
    if (known !== null && known !== leadership) {
      expect(leadership.epoch).toBeGreaterThanOrEqual(known.epoch);
      expect(leadership.revision).toBeGreaterThanOrEqual(known.revision);
      if (leadership.epoch > known.epoch) this.#began(leadership);
    }
    this.#oneLeader(leadership);
    this.checkLeases();
  }

  /** What was acknowledged is where the log goes on, unless somebody accepted its loss; then exactly what follows that place is lost. */
  #began({ leader, history }: Leadership): void {
    const begin = history.at(-1);
    const log = this.replica(leader.name).kept(history);
    expect(log.length).toBe(begin?.after.lsn);
    const has = new Set(log.map(({ id }) => id));
    const lost = [...this.acknowledged].filter((id) => !has.has(id));
    const mayLose = this.#acceptsLoss || this.#durability === 'async' || this.#durability === 'semi-sync';
    if (!mayLose || begin?.mode === 'planned') expect(lost).toEqual([]);
    for (const id of lost) this.acknowledged.delete(id);
  }

  #oneLeader({ epoch, leader }: Leadership): void {
    expect(this.#leaders.get(epoch) ?? leader.name).toBe(leader.name);
    this.#leaders.set(epoch, leader.name);
  }

  /** Never do two that lead answer under a lease. */
  checkLeases(): void {
    const leading = this.leaders().filter((one) => one.hasLease);
    expect(leading.map(({ name }) => name).length).toBeLessThanOrEqual(1);
  }
}
