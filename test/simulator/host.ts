import type { FollowerEvent } from '../../shared/follower/events.ts';
import type { LeaderEvent } from '../../shared/leader/events.ts';
import { LOG_LIMITS, type LogLimits } from '../../shared/limits.ts';
import type { Epoch } from '../../shared/lsn.ts';
import type { Position } from '../../shared/position.ts';
import { assign } from '../../shared/protocol/assigned.ts';
import type { Assignment, ReplicaRef } from '../../shared/protocol/assignment.ts';
import { Asks } from './asks.ts';
import { Calls } from './calls.ts';
import { assignReplyOf, type Core, isCopying, loadCore, positionOf, statusOf } from './core.ts';
import { Gate } from './gate.ts';
import type { Boot } from './history.ts';
import { Inbox } from './inbox.ts';
import { type CallEnvelope, type Envelope, isReplicaCall, type ReplicaCall } from './messages.ts';
import { Performer } from './perform.ts';
import { finalState, keptOf, labelOf, tablesIn } from './recorder.ts';
import { Runs } from './runs.ts';
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
  readonly #performer: Performer;
  readonly #runs = new Runs(() => positionOf(this.#awake()).lsn);
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
      epoch: () => this.#epoch(),
      tell: (event) => this.#tell(event),
      lead: (event) => this.#lead(event),
      follow: (event) => this.#follow(event),
    });
    this.#performer = new Performer({
      clock,
      storage,
      gate: this.#gate,
      inbox: this.#inbox,
      asks: this.#asks,
      watch: this.#watch,
      core: () => this.#awake(),
      life: () => this.#life,
      lead: (event) => this.#lead(event),
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
    this.#storage.transaction(() => assign(this.#storage, assignment, this.#surroundings.clock.now));
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
    if (belongs) {
      this.#surroundings.record({ event: 'kept', replica, entries: keptOf(storage) });
      this.#surroundings.record(finalState(replica, this.position, storage, state));
    } else this.#surroundings.record({ event: 'left', replica, tables: tablesIn(storage) });
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
    if (asked.kind === 'reaches') return this.#reaches(call, asked.replica);
    const core = this.#awake();
    if (asked.kind === 'status') {
      const status = statusOf(core, this.#surroundings.clock.now);
      this.#inbox.answer(call, { kind: 'status', status });
      return this.#gate.settle();
    }
    if (core.role === 'leader') return this.#calledLeader(call, asked, envelope.op);
    if (core.role === 'follower') return this.#calledFollower(call, asked);
    this.#inbox.answer(call, { kind: 'unassigned' });
    this.#gate.settle();
  }

  #calledLeader(call: number, asked: ReplicaCall, op: number | null): void {
    const { now } = this.#surroundings.clock;
    switch (asked.kind) {
      case 'execute':
        return this.#lead({ kind: 'execute', call, now, request: this.#runs.watched(asked.request, op) });
      case 'pull':
        return this.#lead({ kind: 'pull', call, now, request: asked.request });
      case 'copy':
        return this.#lead({ kind: 'copy', call, now, request: asked.request });
      case 'fence':
        return this.#lead({ kind: 'fence', call, now, request: asked.request });
      default:
        this.#inbox.answer(call, { kind: 'unassigned' });
        this.#gate.settle();
    }
  }

  #calledFollower(call: number, asked: ReplicaCall): void {
    const { now } = this.#surroundings.clock;
    if (asked.kind === 'read') return this.#follow({ kind: 'read', call, now, request: asked.request });
    if (asked.kind === 'append') return this.#follow({ kind: 'append', call, now, batch: asked.batch });
    if (asked.kind === 'fence') return this.#follow({ kind: 'fence', call, now, request: asked.request });
    const core = this.#awake();
    if (core.role === 'follower')
      this.#inbox.answer(call, { kind: 'not-leader', epoch: core.assigned.assignment.epoch });
    this.#gate.settle();
  }

  #reaches(call: number, replica: ReplicaRef): void {
    this.#asks.reaches(replica, (isReached) => {
      this.#inbox.answer(call, { kind: 'reached', isReached });
      this.#gate.settle();
    });
  }

  #assigned(call: number, assignment: Assignment): void {
    const { now } = this.#surroundings.clock;
    this.#awake();
    const outcome = this.#step(() => assign(this.#storage, assignment, now));
    if (outcome === null) return this.#stepFailed(false);
    if (outcome === 'told') this.#reassigned(assignment);
    if (outcome === 'new epoch') this.#becomes(assignment);
    if (!this.#isUp) return;
    const core = this.#awake();
    if (core.role === 'none') return this.#stepFailed(false);
    const reply = assignReplyOf(core);
    const { successor } = core.assigned.assignment;
    if (outcome === 'known' && (!reply.isSettled || successor !== null)) this.#lead({ kind: 'alarm', now });
    this.#inbox.answer(call, { kind: 'assigned', ...reply });
    this.#gate.settle();
  }

  #reassigned(assignment: Assignment): void {
    const { now } = this.#surroundings.clock;
    const before = this.#awake();
    if (before.role !== 'none') this.#core = { ...before, assigned: { ...before.assigned, assignment } };
    this.#watch.told(this.#awake());
    this.#tell({ kind: 'reassigned', now, assignment });
  }

  /** Those who wait for the core of before are answered by it; the next is loaded from disk, whatever its role. */
  #becomes(assignment: Assignment): void {
    const { now } = this.#surroundings.clock;
    const before = this.#awake();
    this.#tell({ kind: 'retire', now, epoch: assignment.epoch });
    // That step may fail, and then the next core is there already.
    if (this.#core !== before) return;
    this.#core = null;
    if (before.role === 'none') {
      this.#bootsAfter = 'assignment';
      this.#awake();
    } else {
      this.#core = loadCore(this.#storage, this.#limits);
      this.#watch.becomes(this.#core);
      this.#lead({ kind: 'begin', now });
    }
    this.#follow({ kind: 'begin', now });
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

  #lead(event: LeaderEvent): void {
    const core = this.#awake();
    if (core.role !== 'leader') return;
    this.#runs.begin();
    const effects = this.#step(() => core.leader.step(event));
    if (effects === null) return this.#stepFailed(event.kind === 'alarm');
    this.#watch.led(core, this.#runs.end());
    for (const effect of effects) this.#performer.leader(effect);
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
    for (const effect of effects) this.#performer.follower(effect);
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

  #epoch(): Epoch | null {
    const core = this.#awake();
    return core.role === 'none' ? null : core.assigned.assignment.epoch;
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
