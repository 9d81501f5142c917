import { DurableObject } from 'cloudflare:workers';
import { unreachable } from '../shared/assert.ts';
import {
  Directory as Core,
  type DirectoryEffect,
  type DirectoryEvent,
} from '../shared/directory/directory.ts';
import { Refusal } from '../shared/failure.ts';
import type { Assignment, ReplicaRef } from '../shared/protocol/assignment.ts';
import type {
  ChangeReply,
  CreateReply,
  DatabaseRecord,
  DirectoryRpc,
  FollowerWish,
  JoinReport,
} from '../shared/protocol/messages.ts';
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

  async report(report: JoinReport): Promise<void> {
    await this.#try(this.#step({ kind: 'report', report, now: Date.now() }));
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

  async #run(event: DirectoryEvent): Promise<void> {
    await this.#perform(this.#step(event));
  }

  /** Memory follows disk: a step that throws is rolled back in SQLite, so the core is read again from there. */
  #step(event: DirectoryEvent): DirectoryEffect[] {
    try {
      return this.#sql.transaction(() => this.#core.step(event));
    } catch (error) {
      this.#core = new Core(this.#sql);
      throw error;
    }
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

  #replica({ name, region }: ReplicaRef) {
    return this.env.REPLICA.get(this.env.REPLICA.idFromName(name), { locationHint: region });
  }
}
