import { unreachable } from '../../shared/assert.ts';
import type { FollowerEffect, FollowerEvent } from '../../shared/follower/follower.ts';
import { Leader, type LeaderEffect, type LeaderEvent } from '../../shared/leader/leader.ts';
import { LOG_LIMITS, type LogLimits } from '../../shared/limits.ts';
import type { Position } from '../../shared/position.ts';
import { assign } from '../../shared/protocol/assigned.ts';
import { type Assignment, type ReplicaRef, roleOf } from '../../shared/protocol/assignment.ts';
import { Asks } from './asks.ts';
import { Calls } from './calls.ts';
import { assignReplyOf, type Core, copyProgress, isCopying, loadCore, positionOf } from './core.ts';
import { Gate } from './gate.ts';
import type { Boot } from './history.ts';
import { Inbox } from './inbox.ts';
import { type CallEnvelope, type Envelope, isReplicaCall, type ReplicaCall } from './messages.ts';
import { finalState, labelOf, tablesIn } from './recorder.ts';
import { InjectedFault, type Storage } from './storage.ts';
import type { Faults, Surroundings } from './surroundings.ts';
import { Watch } from './watch.ts';

export interface HostParts {
  readonly self: ReplicaRef;
  readonly surroundings: Surroundings;
  readonly storage: Storage;
  readonly faults: Faults;
  readonly limits?: LogLimits;
}

/**
 * The second shell around the replica cores: what durable-objects/replica.ts does with Cloudflare's events, this
 * does with the simulator's. Its memory can be lost at any time; `Storage` and the alarm are what survives.
 */
export class Host {
  readonly self: ReplicaRef;
  readonly #name: string;
  readonly #surroundings: Surroundings;
  readonly #storage: Storage;
  readonly #faults: Faults;
  readonly #limits: LogLimits;
  readonly #gate: Gate;
  readonly #watch: Watch;
  readonly #inbox: Inbox;
  readonly #calls: Calls;
  readonly #asks: Asks;
  /** Null while nothing has woken the object since its memory was lost. */
  #core: Core | null = null;
  #isUp = true;
  #bootsAfter: Boot['after'] = 'assignment';
  /** Goes up when memory is lost: timers of an older life reach nobody. */
  #life = 0;

  constructor({ self, surroundings, storage, faults, limits = LOG_LIMITS }: HostParts) {
    this.self = self;
    this.#name = labelOf(self);
    this.#surroundings = surroundings;
    this.#storage = storage;
    this.#faults = faults;
    this.#limits = limits;
    const { clock } = surroundings;
    this.#gate = new Gate({
      clock,
      storage,
      faults,
      onAlarm: () => this.#alarm(),
      onCrash: () => this.crash(),
      onDurable: () => this.#nowDurable(),
    });
    const record: Surroundings['record'] = (happening) => surroundings.record(happening);
    this.#watch = new Watch({ replica: this.#name, storage, gate: this.#gate, record });
    this.#inbox = new Inbox(this.#name, self.name, surroundings, this.#gate);
    this.#calls = new Calls(self.name, surroundings);
    this.#asks = new Asks({
      calls: this.#calls,
      clock,
      watch: this.#watch,
      leader: () => this.#leader(),
      tell: (event) => this.#tell(event),
      follow: (event) => this.#follow(event),
    });
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get core(): Core {
    return this.#awake();
  }

  get alarm(): number | null {
    return this.#gate.alarm;
  }

  get position(): Position {
    return positionOf(this.#awake());
  }

  get storage(): Storage {
    return this.#storage;
  }

  /** Told without a message: for a world that begins with its replicas. */
  assign(assignment: Assignment): void {
    this.#storage.transaction(() => {
      assign(this.#storage, assignment, this.#surroundings.clock.now);
      if (roleOf(assignment) === 'leader') Leader.begin(this.#storage);
    });
    this.#core = null;
    this.#awake();
  }

  receive(envelope: Envelope): void {
    if (envelope.kind === 'call') this.#called(envelope);
    else if (this.#isUp) this.#calls.told(envelope);
  }

  /** Power is cut: memory goes, and what was not durable with it. */
  crash(): void {
    if (!this.#isUp) return;
    this.#surroundings.record({ event: 'crash', replica: this.#name });
    this.#isUp = false;
    this.#gate.lose();
    this.#forget('crash');
  }

  restart(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#gate.planAlarm();
  }

  /** The object is put to sleep or moved: memory goes, after the disk has everything. */
  evict(): void {
    if (!this.#isUp) return;
    this.#gate.flush();
    if (this.#isUp) this.#forget('eviction');
  }

  /** Makes durable what is not yet, and lets out what is held. */
  flush(): void {
    this.#gate.flush();
  }

  /** `belongs`: it is one of the database's replicas. */
  finish(belongs: boolean): void {
    this.restart();
    this.#gate.flush();
    const [replica, storage, core] = [this.#name, this.#storage, this.#awake()];
    const state = core.role === 'follower' ? core.follower.state : core.role;
    if (belongs) this.#surroundings.record(finalState(replica, this.position, storage, state));
    else this.#surroundings.record({ event: 'left', replica, tables: tablesIn(storage) });
  }

  close(): void {
    this.#storage.close();
  }

  #forget(after: Boot['after']): void {
    this.#life += 1;
    this.#core = null;
    this.#bootsAfter = after;
    this.#calls.forget();
    this.#inbox.abandonAll();
  }

  /** Loads the core if it is not there. */
  #awake(): Core {
    if (this.#core !== null) return this.#core;
    const core = loadCore(this.#storage, this.#limits);
    this.#core = core;
    this.#watch.booted(core, this.#bootsAfter);
    return core;
  }

  #called(envelope: CallEnvelope): void {
    const call = this.#inbox.take(envelope);
    if (!this.#isUp || !isReplicaCall(envelope.call)) return this.#inbox.abandonAll();
    const asked = envelope.call;
    if (asked.kind === 'assign') return this.#assigned(call, asked.assignment);
    if (asked.kind === 'erase') return this.#erase(call);
    const core = this.#awake();
    if (core.role === 'leader') return this.#calledLeader(call, asked, envelope.op);
    if (core.role === 'follower') return this.#calledFollower(call, asked);
    this.#inbox.answer(call, { kind: 'unassigned' });
    this.#gate.settle();
  }

  #calledLeader(call: number, asked: ReplicaCall, op: number | null): void {
    const { now } = this.#surroundings.clock;
    switch (asked.kind) {
      case 'execute':
        return this.#lead({ kind: 'execute', call, now, request: asked.request }, op);
      case 'pull':
        return this.#lead({ kind: 'pull', call, now, request: asked.request });
      case 'copy':
        return this.#lead({ kind: 'copy', call, now, request: asked.request });
      default:
        this.#inbox.answer(call, { kind: 'unassigned' });
        this.#gate.settle();
    }
  }

  #calledFollower(call: number, asked: ReplicaCall): void {
    const { now } = this.#surroundings.clock;
    if (asked.kind === 'read') return this.#follow({ kind: 'read', call, now, request: asked.request });
    if (asked.kind === 'append') return this.#follow({ kind: 'append', call, now, batch: asked.batch });
    const core = this.#awake();
    if (core.role === 'follower')
      this.#inbox.answer(call, { kind: 'not-leader', epoch: core.assigned.assignment.epoch });
    this.#gate.settle();
  }

  #assigned(call: number, assignment: Assignment): void {
    const { now } = this.#surroundings.clock;
    const before = this.#awake();
    const isNew = this.#step(() => {
      const isNews = assign(this.#storage, assignment, now);
      if (isNews && before.role === 'none' && roleOf(assignment) === 'leader') Leader.begin(this.#storage);
      return isNews;
    });
    if (isNew === null) return this.#stepFailed(false);
    if (isNew) this.#reassigned(before, assignment);
    const core = this.#awake();
    if (core.role === 'none') return this.#stepFailed(false);
    const reply = assignReplyOf(core);
    if (!reply.isSettled) this.#lead({ kind: 'alarm', now });
    this.#inbox.answer(call, { kind: 'assigned', ...reply });
    this.#gate.settle();
  }

  #reassigned(before: Core, assignment: Assignment): void {
    const { now } = this.#surroundings.clock;
    if (before.role === 'none') {
      this.#bootsAfter = 'assignment';
      this.#core = null;
      this.#awake();
    } else {
      this.#told({ ...before, assigned: { ...before.assigned, assignment } });
      this.#lead({ kind: 'reassigned', now, assignment });
    }
    this.#follow({ kind: 'reassigned', now, assignment });
  }

  #told(core: Core): void {
    this.#core = core;
    this.#watch.told(core);
  }

  /** What was written before is on disk by then, and what was held has left. */
  #erase(call: number): void {
    this.#gate.flush();
    if (!this.#isUp) return;
    this.#life += 1;
    this.#calls.forget();
    this.#inbox.abandonAll(call);
    this.#storage.erase();
    this.#gate.erased();
    this.#core = { role: 'none' };
    this.#watch.erased();
    this.#inbox.answer(call, { kind: 'ok' });
    this.#gate.settle();
  }

  #alarm(): void {
    if (!this.#isUp) return;
    this.#wake();
    if (this.#isUp && this.#faults.alarmTwice()) this.#wake();
  }

  #wake(): void {
    const { now } = this.#surroundings.clock;
    this.#lead({ kind: 'alarm', now });
    this.#follow({ kind: 'alarm', now });
  }

  #lead(event: LeaderEvent, op: number | null = null): void {
    const core = this.#awake();
    if (core.role !== 'leader') return;
    const before = this.#watch.before(core, false);
    const effects = this.#step(() => core.leader.step(event));
    if (effects === null) return this.#stepFailed(event.kind === 'alarm');
    this.#watch.led(core, before, op);
    for (const effect of effects) this.#performLeader(effect);
    this.#gate.settle();
  }

  #follow(event: FollowerEvent): void {
    const core = this.#awake();
    if (core.role !== 'follower') return;
    const before = this.#watch.before(core, event.kind === 'copied');
    const effects = this.#step(() => core.follower.step(event));
    if (effects === null) return this.#stepFailed(event.kind === 'alarm');
    if (event.kind === 'copied') this.#watch.copied(core, before, event.reply);
    else if (!isCopying(core)) this.#watch.followed(core, before, event);
    for (const effect of effects) this.#performFollower(effect);
    this.#gate.settle();
  }

  /** Null where the world made the step fail: SQLite is as before it, and the core is loaded again. */
  #step<T>(step: () => T): T | null {
    this.#storage.open();
    this.#storage.arm(this.#faults.failStepAfter());
    try {
      return this.#storage.transaction(() => {
        const effects = step();
        this.#storage.fireArmed();
        return effects;
      });
    } catch (error) {
      if (!(error instanceof InjectedFault)) throw error;
      if (this.#faults.crashesInStep()) {
        this.crash();
        return null;
      }
      this.#core = null;
      this.#bootsAfter = 'rollback';
      this.#awake();
      this.#inbox.abandonUnanswered();
      return null;
    } finally {
      this.#storage.arm(null);
    }
  }

  #stepFailed(wasAlarm: boolean): void {
    if (!this.#isUp) return;
    if (wasAlarm) this.#gate.retryAlarm();
    this.#gate.settle();
  }

  #performLeader(effect: LeaderEffect): void {
    switch (effect.kind) {
      case 'answer':
        return this.#inbox.answer(effect.call, effect.answer);
      case 'pulled':
        return this.#inbox.answer(effect.call, effect.reply);
      case 'copied':
        this.#watch.gave(this.#awake(), effect.reply);
        return this.#inbox.answer(effect.call, effect.reply);
      case 'send':
        return this.#gate.hold(() => this.#asks.send(effect.to, effect.batch));
      case 'timer':
        return this.#wakeAt(effect.at, (now) => this.#lead({ kind: 'timer', now }));
      case 'alarm':
        return this.#gate.setAlarm(effect.at);
      default:
        return unreachable(effect);
    }
  }

  #performFollower(effect: FollowerEffect): void {
    const askedAt = this.#surroundings.clock.now;
    switch (effect.kind) {
      case 'answer': {
        const { call, answer } = effect;
        // One that was made before the copy began, and held, is of another position.
        const isOfNow = answer.kind === 'done' && answer.position.lsn === this.position.lsn;
        return this.#inbox.answer(call, answer, isOfNow && copyProgress(this.#storage) !== null);
      }
      case 'appended':
        return this.#inbox.answer(effect.call, effect.reply);
      case 'pull':
        return this.#gate.hold(() => this.#asks.pull(effect.request, askedAt));
      case 'copy':
        return this.#gate.hold(() => this.#asks.copy(effect.request, askedAt));
      case 'send':
        return this.#gate.hold(() => this.#asks.send(effect.to, effect.batch));
      case 'report':
        return this.#gate.hold(() => this.#asks.report(effect.report));
      case 'timer':
        return this.#wakeAt(effect.at, (now) => this.#follow({ kind: 'timer', now }));
      case 'alarm':
        return this.#gate.setAlarm(effect.at);
      default:
        return unreachable(effect);
    }
  }

  /** A timer that fired has come due, whatever the clock says: one that was set back would keep its waiters for ever. */
  #wakeAt(at: number, wake: (now: number) => void): void {
    const { clock } = this.#surroundings;
    const life = this.#life;
    clock.at(at, () => {
      if (life === this.#life) wake(Math.max(at, clock.now));
    });
  }

  #leader(): string | null {
    const core = this.#awake();
    return core.role === 'follower' ? core.assigned.assignment.leader.name : null;
  }

  #tell(event: Extract<LeaderEvent, FollowerEvent>): void {
    this.#lead(event);
    this.#follow(event);
  }

  #nowDurable(): void {
    if (this.#core !== null) this.#watch.durable(this.#core);
  }
}
