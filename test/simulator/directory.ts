import { unreachable } from '../../shared/assert.ts';
import { Directory } from '../../shared/directory/directory.ts';
import type {
  DirectoryEffect,
  DirectoryEvent,
  Outcome as FailoverOutcome,
} from '../../shared/directory/events.ts';
import { type Failure, Refusal } from '../../shared/failure.ts';
import { FAILOVER_WAIT_MS } from '../../shared/limits.ts';
import type { Leadership } from '../../shared/protocol/assignment.ts';
import type { DatabaseRecord, FailoverReply, FailoverWish } from '../../shared/protocol/directory.ts';
import { Calls } from './calls.ts';
import { DirectoryPerformer, type Life, type Outcome } from './directory-perform.ts';
import { DIRECTORY } from './edge.ts';
import { Gate } from './gate.ts';
import { type CallEnvelope, type DirectoryReply, type Envelope, isDirectoryCall } from './messages.ts';
import { labelOf, membersIn } from './recorder.ts';
import { Replaced, RevocableSql } from './revocable-sql.ts';
import { InjectedFault, type Storage } from './storage.ts';
import type { Faults, Surroundings } from './surroundings.ts';

interface DirectoryParts {
  readonly surroundings: Surroundings;
  readonly storage: Storage;
  readonly faults: Faults;
}

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
  #known = '';
  #epoch: number | null = null;
  readonly #performer: DirectoryPerformer;

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
    this.#performer = new DirectoryPerformer({
      clock: surroundings.clock,
      gate: this.#gate,
      calls: this.#calls,
      isNow: (life) => life === this.#life,
      turn: (run) => this.#turn(run),
      run: (event, ended) => this.#run(event, ended),
    });
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
      this.#life = { sql, core: new Directory(sql), assigning: new Map(), waiting: [] };
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
      case 'lease': {
        const { request } = call;
        // The asker is kept waiting for nothing else.
        const told = this.#stepped({ kind: 'lease', request, now }, (life) =>
          reply(life.core.leaseReply(request)),
        );
        return told ? undefined : reply(null);
      }
      case 'suspect':
        this.#stepped({ kind: 'suspect', suspicion: call.suspicion, now }, () => {});
        return reply({ kind: 'ok' });
      case 'failover':
        // After what was decided before and is not on disk yet.
        if (call.wish.accept_loss)
          this.#gate.hold(() => this.#parts.surroundings.record({ event: 'accepts-loss' }));
        return this.#failover(call.wish, reply);
      default:
        return unreachable(call);
    }
  }

  /** Whether it was done; what it leads to is performed, and nobody waits for that. */
  #stepped(event: DirectoryEvent, done: (life: Life) => void): boolean {
    const life = this.#awake();
    const effects = this.#step(life, event);
    if (effects === null) return false;
    done(life);
    this.#performer.all(life, effects, () => {});
    return true;
  }

  /** What is waited for is what it comes to. */
  #failover(wish: FailoverWish, reply: (answer: DirectoryReply | null) => void): void {
    const { clock } = this.#parts.surroundings;
    const life = this.#awake();
    const waiter = { partition: wish.partition, tell: (answer: FailoverReply) => reply(answer) };
    try {
      const effects = this.#step(life, { kind: 'failover', wish, now: clock.now });
      if (effects === null) return reply(null);
      if (life.core.record() === null) return reply({ kind: 'absent' });
      life.waiting.push(waiter);
      // One that ripe replies were waiting for comes to its end with the wish itself.
      const done = effects.find((effect) => effect.kind === 'outcome' && effect.outcome.kind === 'done');
      if (done?.kind === 'outcome') tellOutcome(life, wish.partition, done.outcome);
      this.#performer.all(life, effects, () => {});
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return reply({ kind: 'refused', failure: error.failure });
    }
    clock.after(FAILOVER_WAIT_MS, () => {
      if (life !== this.#life || !life.waiting.includes(waiter)) return;
      this.#turn(() => reply(runningReply(life.core.record(), wish.partition)));
    });
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
      this.#performer.all(life, effects, () => reply(answer));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
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
    if (effects !== null) return this.#performer.all(life, effects, (outcome) => ended(outcome, life));
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
      for (const effect of effects)
        if (effect.kind === 'outcome') tellOutcome(life, effect.partition, effect.outcome);
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

  /** What is decided counts from when it is on disk, and nobody is told of it before. */
  #note(record: DatabaseRecord | null): void {
    const leadership = record?.partitions[0];
    if (record === null || leadership === undefined) return;
    const members = membersIn(leadership, record.settings.durability);
    this.#gate.hold(() => {
      const known = `${members.epoch}:${members.revision}`;
      if (this.#known === known) return;
      this.#known = known;
      this.#begin(leadership);
      this.#parts.surroundings.record({ event: 'members', ...members });
    });
  }

  #begin({ epoch, leader, history }: Leadership): void {
    const isNew = this.#epoch !== null && epoch !== this.#epoch;
    this.#epoch = epoch;
    const begin = history.at(-1);
    if (!isNew || begin === undefined) return;
    const { mode, after, heard } = begin;
    const position = { epoch: after.epoch, lsn: after.lsn };
    this.#parts.surroundings.record({
      event: 'failover',
      epoch,
      leader: labelOf(leader),
      mode,
      after: position,
      heard,
    });
  }

  #reply({ id, from }: CallEnvelope, reply: DirectoryReply | null): void {
    this.#parts.surroundings.send({ kind: 'reply', id, from: this.name, to: from, reply });
  }
}

/** Those who wait now, before anybody waits for what comes next. */
function tellOutcome(life: Life, partition: number, outcome: FailoverOutcome): void {
  const told = life.waiting.filter((one) => one.partition === partition);
  life.waiting = life.waiting.filter((one) => one.partition !== partition);
  const record = life.core.record();
  for (const { tell } of told) {
    if (outcome.kind === 'absent' || record === null) tell({ kind: 'absent' });
    else tell(outcome.kind === 'done' ? { ...outcome, record } : outcome);
  }
}

function runningReply(record: DatabaseRecord | null, partition: number): FailoverReply {
  if (record === null) return { kind: 'absent' };
  const running = record.failovers.find((one) => one.partition === partition);
  return running === undefined
    ? { kind: 'refused', failure: FORGOTTEN }
    : { kind: 'running', record, detail: running.detail };
}

const FORGOTTEN: Failure = { code: 'unavailable', detail: 'What became of the failover is not known.' };
