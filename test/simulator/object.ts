import type { Sql } from '../../shared/ports.ts';
import { Gate } from './gate.ts';
import {
  type CallEnvelope,
  type Envelope,
  isSessionCall,
  type SessionCall,
  type SessionReply,
} from './messages.ts';
import { Replaced, RevocableSql } from './revocable-sql.ts';
import { InjectedFault, type Storage } from './storage.ts';
import type { Faults, Surroundings } from './surroundings.ts';

/** What an object does with a call. Its memory is what it closes over. */
export type Handle = (call: SessionCall) => SessionReply;

export interface ObjectParts {
  readonly name: string;
  readonly surroundings: Surroundings;
  readonly storage: Storage;
  readonly faults: Faults;
  /** Loads the object's core from its storage. */
  readonly load: (sql: Sql) => Handle;
}

/** One life of an object: what its core keeps in memory, over storage that it may lose. */
interface Life {
  readonly sql: RevocableSql;
  readonly handle: Handle;
}

/**
 * A Durable Object that answers calls one at a time and asks nobody: a user's session. Instances are
 * replaced as on the platform: the old one is not told, and finds out when it touches its storage.
 */
export class SimulatedObject {
  readonly name: string;
  readonly #parts: ObjectParts;
  readonly #gate: Gate;
  #life: Life | null = null;
  /** An instance that was replaced and does not know it. */
  #replaced: Life | null = null;
  /** Of those who called since: whether their calls still go to it. */
  readonly #strays = new Map<string, boolean>();
  #isUp = true;

  constructor(parts: ObjectParts) {
    this.name = parts.name;
    this.#parts = parts;
    const { surroundings, storage, faults } = parts;
    this.#gate = new Gate({
      clock: surroundings.clock,
      storage,
      faults,
      onAlarm: () => {},
      onCrash: () => this.crash(),
      onDurable: () => {},
    });
  }

  receive(envelope: Envelope): void {
    if (envelope.kind === 'call') this.#answer(envelope);
  }

  crash(): void {
    this.#isUp = false;
    this.#life = null;
    this.#replaced = null;
    this.#gate.lose();
  }

  restart(): void {
    this.#isUp = true;
  }

  /** Another instance takes over. A call that is on its way to the old one still reaches it. */
  replace(): void {
    if (!this.#isUp) return;
    this.#gate.flush();
    this.#life?.sql.revoke();
    this.#replaced = this.#life;
    this.#life = null;
    this.#strays.clear();
  }

  finish(): void {
    this.restart();
    this.#replaced = null;
    this.#gate.flush();
  }

  close(): void {
    this.#parts.storage.close();
  }

  #answer(envelope: CallEnvelope): void {
    if (!this.#isUp || !isSessionCall(envelope.call)) return this.#reply(envelope, null);
    const life = this.#instanceFor(envelope.from);
    const reply = this.#run(life, envelope.call);
    this.#gate.hold(() => this.#reply(envelope, reply));
    this.#gate.settle();
  }

  /** For some callers the old one, as long as there is one that has not noticed. */
  #instanceFor(caller: string): Life {
    const isStray = this.#strays.get(caller) ?? this.#parts.faults.meetsReplaced();
    this.#strays.set(caller, isStray);
    if (this.#replaced !== null && isStray) return this.#replaced;
    if (this.#life !== null) return this.#life;
    const sql = new RevocableSql(this.#parts.storage);
    this.#life = { sql, handle: this.#parts.load(sql) };
    return this.#life;
  }

  #run(life: Life, call: SessionCall): SessionReply | null {
    const { storage, faults } = this.#parts;
    storage.open();
    if (life === this.#life) storage.arm(faults.failStepAfter());
    try {
      const reply = life.handle(call);
      storage.fireArmed();
      return reply;
    } catch (error) {
      if (!(error instanceof InjectedFault || error instanceof Replaced)) throw error;
      if (life === this.#life) this.#life = null;
      else this.#replaced = null;
      return null;
    } finally {
      storage.arm(null);
    }
  }

  #reply({ id, from }: CallEnvelope, reply: SessionReply | null): void {
    this.#parts.surroundings.send({ kind: 'reply', id, from: this.name, to: from, reply });
  }
}
