import { DurableObject } from 'cloudflare:workers';
import { unreachable } from '../shared/assert.ts';
import {
  Directory as Core,
  type DirectoryEffect,
  type DirectoryEvent,
} from '../shared/directory/directory.ts';
import type { ReplicaRef } from '../shared/protocol/assignment.ts';
import type { CreateReply, DatabaseRecord, DirectoryRpc } from '../shared/protocol/messages.ts';
import type { Settings } from '../shared/protocol/settings.ts';
import { within } from './deadline.ts';
import type { ObjectsEnv } from './env.ts';
import { StorageSql } from './sql.ts';

/** The router waits longer for a lookup, and more than twice as long for a creation or a deletion. */
const CONFIRM_WAIT_MS = 10_000;

/** One database's directory. */
export class Directory extends DurableObject<ObjectsEnv> implements DirectoryRpc {
  readonly #sql: StorageSql;
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

  override async alarm(): Promise<void> {
    await this.#run({ kind: 'alarm', now: Date.now() });
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
        await this.#replica(effect.assignment.self).assign(effect.assignment);
        return this.#run({ kind: 'assigned', replica: effect.assignment.self.name });
      case 'erase':
        await this.#replica(effect.replica).erase();
        return this.#run({ kind: 'erased', replica: effect.replica.name });
      case 'wake':
        return this.#sql.setAlarm(effect.at);
      case 'forget':
        return this.#sql.erase();
      default:
        return unreachable(effect);
    }
  }

  #replica({ name, region }: ReplicaRef) {
    return this.env.REPLICA.get(this.env.REPLICA.idFromName(name), { locationHint: region });
  }
}
