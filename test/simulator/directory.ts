import { unreachable } from '../../shared/assert.ts';
import { Directory, type DirectoryEffect, type DirectoryEvent } from '../../shared/directory/directory.ts';
import { Refusal } from '../../shared/failure.ts';
import type { Assignment, ReplicaRef } from '../../shared/protocol/assignment.ts';
import type { DatabaseRecord } from '../../shared/protocol/messages.ts';
import { Calls } from './calls.ts';
import { DIRECTORY } from './edge.ts';
import { Gate } from './gate.ts';
import {
  type CallEnvelope,
  type DirectoryReply,
  type Envelope,
  isDirectoryCall,
  type Reply,
} from './messages.ts';
import { membersIn } from './recorder.ts';
import { Replaced, RevocableSql } from './revocable-sql.ts';
import { InjectedFault, type Storage } from './storage.ts';
import type { Faults, Surroundings } from './surroundings.ts';

/** As durable-objects/directory.ts waits for a replica, and how long a call lives that nobody answers. */
const CONFIRM_WAIT_MS = 10_000;
const CALL_MS_MAX = 60_000;

/** One instance: its core, and the replicas that it has asked to be something and that have not answered. */
interface Life {
  readonly sql: RevocableSql;
  core: Directory;
  /** By the replica's name: what waits until none of its assignments is on its way. */
  readonly assigning: Map<string, { left: number; waiting: (() => void)[] }>;
}

interface DirectoryParts {
  readonly surroundings: Surroundings;
  readonly storage: Storage;
  readonly faults: Faults;
}

type Outcome = 'done' | 'failed';

/**
 * The second shell around the directory's core: what durable-objects/directory.ts does. An instance that was replaced finds
 * out as soon as it touches its storage, which is at the next thing that it does.
 */
export class SimulatedDirectory {
  readonly name = DIRECTORY;
  readonly #parts: DirectoryParts;
  readonly #gate: Gate;
  readonly #calls: Calls;
  #life: Life | null = null;
  #isUp = true;
  #turns = 0;
  #known: number | null = null;

  constructor(parts: DirectoryParts) {
    this.#parts = parts;
    const { surroundings, storage, faults } = parts;
    this.#gate = new Gate({
      clock: surroundings.clock,
      storage,
      faults,
      onAlarm: () => this.#turn(() => this.#alarm()),
      onCrash: () => this.crash(),
      onDurable: () => {},
    });
    this.#calls = new Calls(this.name, surroundings);
  }

  /** As it is now, durable or not; null where there is no database. */
  get record(): DatabaseRecord | null {
    return new Directory(this.#parts.storage).record();
  }

  receive(envelope: Envelope): void {
    if (envelope.kind === 'call') this.#turn(() => this.#answer(envelope));
    else if (this.#isUp) this.#calls.told(envelope);
  }

  /** Whatever happens in one turn becomes durable together, and then what it sent leaves. */
  #turn(run: () => void): void {
    this.#turns += 1;
    run();
    this.#turns -= 1;
    if (this.#turns === 0 && this.#isUp) this.#gate.settle();
  }

  crash(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#gate.lose();
    this.#forget();
  }

  restart(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#gate.planAlarm();
  }

  /** Another instance takes over. What the old one is told comes to nothing. */
  replace(): void {
    if (!this.#isUp) return;
    this.#gate.flush();
    if (this.#isUp) this.#forget();
  }

  finish(): void {
    this.restart();
    this.#gate.flush();
  }

  close(): void {
    this.#parts.storage.close();
  }

  #forget(): void {
    this.#life?.sql.revoke();
    this.#life = null;
    this.#calls.forget();
  }

  #awake(): Life {
    if (this.#life === null) {
      const sql = new RevocableSql(this.#parts.storage);
      this.#life = { sql, core: new Directory(sql), assigning: new Map() };
    }
    return this.#life;
  }

  #answer(envelope: CallEnvelope): void {
    const { call } = envelope;
    if (!this.#isUp || !isDirectoryCall(call)) return this.#reply(envelope, null);
    const { now } = this.#parts.surroundings.clock;
    const reply = (answer: DirectoryReply | null) => this.#gate.hold(() => this.#reply(envelope, answer));
    switch (call.kind) {
      case 'look-up':
        return this.#run({ kind: 'lookup', now }, (outcome, life) =>
          reply(outcome === 'failed' ? null : { kind: 'record', record: life.core.record() }),
        );
      case 'report':
        return this.#run({ kind: 'report', report: call.report, now }, () => reply({ kind: 'ok' }));
      case 'add-follower':
        return this.#change({ kind: 'add-follower', wish: call.wish, now }, reply);
      case 'remove-follower':
        return this.#change(
          { kind: 'remove-follower', region: call.region, replica: call.replica, now },
          reply,
        );
      default:
        return unreachable(call);
    }
  }

  /** A wish is fulfilled once it is durable: the alarm tells the replicas that could not be told now. */
  #change(event: DirectoryEvent, reply: (answer: DirectoryReply | null) => void): void {
    const life = this.#awake();
    let record: DatabaseRecord | null = null;
    try {
      const effects = this.#step(life, event);
      if (effects === null) return reply(null);
      record = life.core.record();
      const answer: DirectoryReply = record === null ? { kind: 'absent' } : { kind: 'changed', record };
      this.#perform(life, effects, () => reply(answer));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      life.core = new Directory(life.sql);
      reply({ kind: 'refused', failure: error.failure });
    }
  }

  #alarm(): void {
    if (!this.#isUp) return;
    const { clock } = this.#parts.surroundings;
    const run = () => this.#run({ kind: 'alarm', now: clock.now }, () => {});
    run();
    if (this.#isUp && this.#parts.faults.alarmTwice()) run();
  }

  /** `ended` is not called where the instance is gone meanwhile. */
  #run(event: DirectoryEvent, ended: (outcome: Outcome, life: Life) => void): void {
    const life = this.#awake();
    const effects = this.#step(life, event);
    if (effects !== null) return this.#perform(life, effects, (outcome) => ended(outcome, life));
    if (event.kind === 'alarm') this.#gate.retryAlarm();
    if (life === this.#life) ended('failed', life);
  }

  /** Null where the world made the step fail. Memory follows disk, so the core is read again from there. */
  #step(life: Life, event: DirectoryEvent): DirectoryEffect[] | null {
    const { storage, faults } = this.#parts;
    storage.open();
    storage.arm(faults.failStepAfter());
    try {
      const effects = life.sql.transaction(() => {
        const wanted = life.core.step(event);
        storage.fireArmed();
        return wanted;
      });
      this.#note(life.core.record());
      return effects;
    } catch (error) {
      if (error instanceof Replaced) return null;
      if (!(error instanceof InjectedFault)) throw error;
      if (faults.crashesInStep()) this.crash();
      else life.core = new Directory(life.sql);
      return null;
    } finally {
      storage.arm(null);
    }
  }

  #note(record: DatabaseRecord | null): void {
    const leadership = record?.partitions[0];
    if (record === null || leadership === undefined) return;
    const members = membersIn(leadership, record.settings.durability);
    this.#gate.hold(() => {
      if (this.#known === members.revision) return;
      this.#known = members.revision;
      this.#parts.surroundings.record({ event: 'members', ...members });
    });
  }

  /** All are begun in this turn, in their order; one that takes too long keeps nobody waiting, but goes on. */
  #perform(life: Life, effects: readonly DirectoryEffect[], ended: (outcome: Outcome) => void): void {
    let left = effects.length;
    let outcome: Outcome = 'done';
    if (left === 0) return ended(outcome);
    for (const effect of effects) {
      let isOver = false;
      const over = (its: Outcome) => {
        if (isOver || life !== this.#life) return;
        isOver = true;
        if (its === 'failed') outcome = its;
        if ((left -= 1) === 0) ended(outcome);
      };
      const late = () => this.#turn(() => over('failed'));
      this.#parts.surroundings.clock.after(CONFIRM_WAIT_MS, late);
      this.#performOne(life, effect, over);
    }
  }

  #performOne(life: Life, effect: DirectoryEffect, over: (outcome: Outcome) => void): void {
    switch (effect.kind) {
      case 'assign':
        return this.#assign(life, effect.assignment, over);
      case 'erase':
        return this.#erase(life, effect.replica, over);
      case 'wake':
        this.#gate.setAlarm(effect.at);
        return over('done');
      case 'forget':
        throw new Error('no database is erased here');
      default:
        return unreachable(effect);
    }
  }

  #assign(life: Life, assignment: Assignment, over: (outcome: Outcome) => void): void {
    const { self } = assignment;
    const known = life.assigning.get(self.name) ?? { left: 0, waiting: [] };
    life.assigning.set(self.name, known);
    known.left += 1;
    const ended = () => {
      known.left -= 1;
      if (known.left === 0) for (const go of known.waiting.splice(0)) go();
    };
    this.#ask(life, { to: self.name, call: { kind: 'assign', assignment } }, (reply) => {
      ended();
      if (reply?.kind !== 'assigned') return over('failed');
      const { now } = this.#parts.surroundings.clock;
      this.#run({ kind: 'assigned', replica: self.name, reply, now }, over);
    });
  }

  /** After what the replica was told before: an assignment that came later than this would make storage that nobody deletes. */
  #erase(life: Life, replica: ReplicaRef, over: (outcome: Outcome) => void): void {
    const erase = () =>
      this.#ask(life, { to: replica.name, call: { kind: 'erase' } }, (reply) => {
        if (reply === null) return over('failed');
        this.#run({ kind: 'erased', replica: replica.name }, over);
      });
    const assigning = life.assigning.get(replica.name);
    if (assigning === undefined || assigning.left === 0) return erase();
    assigning.waiting.push(erase);
  }

  #ask(
    life: Life,
    { to, call }: Pick<Parameters<Calls['ask']>[0], 'to' | 'call'>,
    ended: (reply: Reply | null) => void,
  ): void {
    const inThisLife = (reply: Reply | null) => {
      if (life === this.#life) this.#turn(() => ended(reply));
    };
    this.#gate.hold(() =>
      this.#calls.ask(
        { to, call, timeoutMs: CALL_MS_MAX },
        { answered: inThisLife, failed: () => inThisLife(null) },
      ),
    );
  }

  #reply({ id, from }: CallEnvelope, reply: DirectoryReply | null): void {
    this.#parts.surroundings.send({ kind: 'reply', id, from: this.name, to: from, reply });
  }
}
