import { DurableObject } from 'cloudflare:workers';
import { unreachable } from '../shared/assert.ts';
import { Directory as Core } from '../shared/directory/directory.ts';
import type {
  DirectoryEffect,
  DirectoryEvent,
  Fence,
  Outcome,
  Ping,
  Reach,
} from '../shared/directory/events.ts';
import { type Failure, Refusal } from '../shared/failure.ts';
import { FAILOVER_WAIT_MS, PING_MS, SEND_TIMEOUT_MS } from '../shared/limits.ts';
import type { Assignment, ReplicaRef } from '../shared/protocol/assignment.ts';
import { LEASE_VERSION } from '../shared/protocol/directory.ts';
import type {
  ChangeReply,
  CreateReply,
  DatabaseRecord,
  FailoverReply,
  FailoverWish,
  FollowerWish,
  LeaseReply,
  LeaseRequest,
  ReplicaReport,
  Suspicion,
} from '../shared/protocol/directory.ts';
import type { DirectoryRpc } from '../shared/protocol/rpc.ts';
import type { Settings } from '../shared/protocol/settings.ts';
import type { Region } from '../shared/regions.ts';
import { within } from './deadline.ts';
import type { ObjectsEnv } from './env.ts';
import { StorageSql } from './sql.ts';

/** The router waits longer for a lookup, and more than twice as long for a creation or a deletion. */
const CONFIRM_WAIT_MS = 10_000;

/** One database's directory. */
export class Directory extends DurableObject<ObjectsEnv> implements DirectoryRpc {
  readonly #sql: StorageSql;
  /** The calls of `assign` that have not ended, by the replica's name. */
  readonly #assigning = new Map<string, Promise<unknown>>();
  /** Those who wait to hear what becomes of a failover, by its partition. */
  readonly #waiting = new Map<number, ((outcome: Outcome) => void)[]>();
  #core: Core;

  constructor(ctx: DurableObjectState, env: ObjectsEnv) {
    super(ctx, env);
    this.#sql = new StorageSql(ctx);
    this.#core = new Core(this.#sql);
  }

  async create(database: string, settings: Settings): Promise<CreateReply> {
    const incarnation = crypto.randomUUID();
    const event: DirectoryEvent = { kind: 'create', database, settings, incarnation, now: Date.now() };
    await this.#run(event);
    const reply = this.#core.createReply(settings, incarnation);
    if (reply !== null) return reply;

    // The first time ended what was in the way: an erasing that had not come to its end.
    await this.#run(event);
    const second = this.#core.createReply(settings, incarnation);
    if (second === null) throw new Error(`another request is erasing the database ${database}`);
    return second;
  }

  async lookup(): Promise<DatabaseRecord | null> {
    await this.#run({ kind: 'lookup', now: Date.now() });
    return this.#core.record();
  }

  async erase(): Promise<boolean> {
    const effects = this.#step({ kind: 'erase', now: Date.now() });
    await this.#perform(effects);
    return effects.length > 0;
  }

  async addFollower(wish: FollowerWish): Promise<ChangeReply> {
    return this.#change({ kind: 'add-follower', wish, now: Date.now() });
  }

  async removeFollower(region: Region, replica: string | null): Promise<ChangeReply> {
    return this.#change({ kind: 'remove-follower', region, replica, now: Date.now() });
  }

  async report(report: ReplicaReport): Promise<void> {
    await this.#try(this.#step({ kind: 'report', report, now: Date.now() }));
  }

  async configure(automatic_failover_ms: number | null): Promise<ChangeReply> {
    return this.#change({ kind: 'configure', automatic_failover_ms, now: Date.now() });
  }

  /** The asker is kept waiting for nothing else: what it is told besides may come later. */
  async lease(request: LeaseRequest): Promise<LeaseReply> {
    const effects = this.#step({ kind: 'lease', request, now: Date.now() });
    const reply = this.#core.leaseReply(request);
    void this.#try(effects);
    return reply;
  }

  /** What replicas are asked may take long; what is waited for is what it comes to. */
  async failover(wish: FailoverWish): Promise<FailoverReply> {
    try {
      const effects = this.#step({ kind: 'failover', wish, now: Date.now() });
      if (this.#core.record() === null) return { kind: 'absent' };
      const outcome = this.#outcome(wish.partition);
      void this.#try(effects);
      return await this.#failoverReply(wish, outcome);
    } catch (error) {
      if (error instanceof Refusal) return { kind: 'refused', failure: error.failure };
      throw error;
    }
  }

  async suspect(suspicion: Suspicion): Promise<void> {
    void this.#try(this.#step({ kind: 'suspect', suspicion, now: Date.now() }));
  }

  /** The core sets the next alarm itself: were this to fail with a replica, the platform would repeat it as well. */
  override async alarm(): Promise<void> {
    await this.#try(this.#step({ kind: 'alarm', now: Date.now() }));
  }

  /** A wish is fulfilled once it is durable: the alarm tells the replicas that could not be told now. */
  async #change(event: DirectoryEvent): Promise<ChangeReply> {
    try {
      const effects = this.#step(event);
      const record = this.#core.record();
      if (record === null) return { kind: 'absent' };
      await this.#try(effects);
      return { kind: 'changed', record };
    } catch (error) {
      if (error instanceof Refusal) return { kind: 'refused', failure: error.failure };
      throw error;
    }
  }

  #outcome(partition: number): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#waiting.set(partition, [...(this.#waiting.get(partition) ?? []), resolve]);
    return promise;
  }

  async #failoverReply({ partition }: FailoverWish, waited: Promise<Outcome>): Promise<FailoverReply> {
    const outcome = await within(FAILOVER_WAIT_MS, waited).catch(() => null);
    const record = this.#core.record();
    if (record === null || outcome?.kind === 'absent') return { kind: 'absent' };
    if (outcome !== null) return outcome.kind === 'done' ? { ...outcome, record } : outcome;
    const running = record.failovers.find((one) => one.partition === partition);
    if (running === undefined) return { kind: 'refused', failure: FORGOTTEN };
    return { kind: 'running', record, detail: running.detail };
  }

  async #run(event: DirectoryEvent): Promise<void> {
    await this.#perform(this.#step(event));
  }

  /**
   * Memory follows disk: a step that throws is rolled back in SQLite, so the core is read again from there. Not so where it refuses, before it has
   * changed anything: wishes that are refused would make a failover wait for a lease anew, each of them.
   */
  #step(event: DirectoryEvent): DirectoryEffect[] {
    try {
      const effects = this.#sql.transaction(() => this.#core.step(event));
      for (const effect of effects)
        if (effect.kind === 'outcome') this.#tell(effect.partition, effect.outcome);
      return effects;
    } catch (error) {
      if (!(error instanceof Refusal)) this.#core = new Core(this.#sql);
      throw error;
    }
  }

  /** Those who wait now, before anybody waits for what comes next. */
  #tell(partition: number, outcome: Outcome): void {
    const waiting = this.#waiting.get(partition) ?? [];
    this.#waiting.delete(partition);
    for (const tell of waiting) tell(outcome);
  }

  async #try(effects: readonly DirectoryEffect[]): Promise<void> {
    try {
      await this.#perform(effects);
    } catch (error) {
      console.error('a replica could not be told; the alarm tells it again', error);
    }
  }

  /**
   * All are begun in this turn, in their order; one that fails stops none of the others. One that takes too
   * long keeps nobody waiting, but goes on: what the replica says later still counts.
   */
  async #perform(effects: readonly DirectoryEffect[]): Promise<void> {
    const results = await Promise.allSettled(
      effects.map((effect) => within(CONFIRM_WAIT_MS, this.#performOne(effect))),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #performOne(effect: DirectoryEffect): Promise<void> {
    switch (effect.kind) {
      case 'assign':
        return this.#assign(effect.assignment);
      case 'erase':
        return this.#erase(effect.replica);
      case 'fence':
        // Nobody waits for one replica: one that does not answer is fenced again for as long as that matters.
        return void this.#fence(effect.fence).catch((error) => console.error('a fence was not noted', error));
      case 'ping':
        return this.#ping(effect.ping);
      case 'reaches':
        return this.#reaches(effect.reach);
      case 'timer':
        return this.#timer(effect.at, effect.ms);
      case 'outcome':
        return;
      case 'wake':
        return this.#sql.setAlarm(effect.at);
      case 'forget':
        return this.#sql.erase();
      default:
        return unreachable(effect);
    }
  }

  async #assign(assignment: Assignment): Promise<void> {
    const { self } = assignment;
    const asked = this.#replica(self).assign(assignment);
    const ended = Promise.allSettled([this.#assigning.get(self.name), asked]);
    this.#assigning.set(self.name, ended);
    void ended.then(() => {
      if (this.#assigning.get(self.name) === ended) this.#assigning.delete(self.name);
    });
    const reply = await asked;
    return this.#run({ kind: 'assigned', replica: self.name, reply, now: Date.now() });
  }

  /** After what the replica was told before: an assignment that came later than this would make storage that nobody deletes. */
  async #erase(replica: ReplicaRef): Promise<void> {
    const assigning = this.#assigning.get(replica.name);
    if (assigning !== undefined) await assigning;
    await this.#replica(replica).erase();
    return this.#run({ kind: 'erased', replica: replica.name });
  }

  async #fence(fence: Fence): Promise<void> {
    const { replica, epoch } = fence;
    const ask = async () => this.#replica(replica).fence({ version: LEASE_VERSION, epoch });
    const reply = await within(SEND_TIMEOUT_MS, ask()).catch(() => null);
    if (reply !== null) await this.#run({ kind: 'fenced', fence, reply, now: Date.now() });
  }

  async #ping(ping: Ping): Promise<void> {
    const ask = async () => (await this.#replica(ping.replica).status([])).kind;
    const status = await within(PING_MS, ask()).catch(() => null);
    return this.#run({ kind: 'pinged', ping, status, now: Date.now() });
  }

  /** It takes the other one PING_MS to find out. */
  async #reaches(reach: Reach): Promise<void> {
    const asked = within(2 * PING_MS, this.#replica(reach.via).reaches(reach.replica));
    const reaches = await asked.catch(() => null);
    return this.#run({ kind: 'reached', reach, reaches, now: Date.now() });
  }

  #timer(at: number, ms: number): void {
    const tick = async () => this.#run({ kind: 'tick', at, now: Date.now() });
    setTimeout(
      () => void tick().catch((error) => console.error('a failover goes on by the alarm', error)),
      ms,
    );
  }

  #replica({ name, region }: ReplicaRef) {
    return this.env.REPLICA.get(this.env.REPLICA.idFromName(name), { locationHint: region });
  }
}

const FORGOTTEN: Failure = {
  code: 'unavailable',
  detail:
    'What became of the failover is not known, because its directory was restarted meanwhile. ' +
    'See the replication status, and ask for it again where nothing has changed.',
};
