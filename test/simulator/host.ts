import { present, unreachable } from '../../shared/assert.ts';
import { Follower, type FollowerEffect, type FollowerEvent } from '../../shared/follower/follower.ts';
import { Leader, type LeaderEffect, type LeaderEvent } from '../../shared/leader/leader.ts';
import { LOG_LIMITS, type LogLimits, SEND_TIMEOUT_MS } from '../../shared/limits.ts';
import type { Position } from '../../shared/position.ts';
import { assign, type Assigned, loadAssigned } from '../../shared/protocol/assigned.ts';
import { type Assignment, type ReplicaRef, roleOf } from '../../shared/protocol/assignment.ts';
import type { AppendReply, Batch, PullReply, PullRequest } from '../../shared/protocol/messages.ts';
import { Gate } from './gate.ts';
import type { Boot } from './history.ts';
import { Inbox } from './inbox.ts';
import { type CallEnvelope, type Envelope, isReplicaCall, type ReplicaCall, type Reply } from './messages.ts';
import { applied, digestAt, digestIfDue, finalState, sent } from './recorder.ts';
import { InjectedFault, type Storage } from './storage.ts';
import type { Faults, Surroundings } from './surroundings.ts';

type Core =
  | { readonly role: 'leader'; readonly leader: Leader; readonly assigned: Assigned }
  | { readonly role: 'follower'; readonly follower: Follower; readonly assigned: Assigned };

/** A call that this replica made: what to do with its answer, or without one. */
interface Outgoing {
  readonly answered: (reply: Reply) => void;
  readonly failed: () => void;
}

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
  readonly #surroundings: Surroundings;
  readonly #storage: Storage;
  readonly #faults: Faults;
  readonly #limits: LogLimits;
  readonly #gate: Gate;
  /** Null while nothing has woken the object since its memory was lost. */
  #core: Core | null = null;
  #isUp = true;
  #bootsAfter: Boot['after'] = 'assignment';
  /** Goes up when memory is lost: timers and answers of an older life reach nobody. */
  #life = 0;
  #lastAsk = 0;
  readonly #inbox: Inbox;
  readonly #outgoing = new Map<number, Outgoing>();
  #durable: Position | null = null;

  constructor({ self, surroundings, storage, faults, limits = LOG_LIMITS }: HostParts) {
    this.self = self;
    this.#surroundings = surroundings;
    this.#storage = storage;
    this.#faults = faults;
    this.#limits = limits;
    const { clock } = surroundings;
    const onAlarm = () => this.#alarm();
    this.#gate = new Gate({
      clock,
      storage,
      faults,
      onAlarm,
      onCrash: () => this.crash(),
      onDurable: () => this.#nowDurable(),
    });
    this.#inbox = new Inbox(self.name, surroundings, this.#gate);
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

  assign(assignment: Assignment): void {
    this.#storage.transaction(() => {
      assign(this.#storage, assignment, this.#surroundings.clock.now);
      if (roleOf(assignment) === 'leader') Leader.begin(this.#storage);
    });
    this.#durable = positionOf(this.#awake());
  }

  receive(envelope: Envelope): void {
    if (envelope.kind === 'call') return this.#called(envelope);
    const outgoing = this.#outgoing.get(envelope.id);
    if (!this.#isUp || outgoing === undefined) return;
    this.#outgoing.delete(envelope.id);
    if (envelope.reply === null) return outgoing.failed();
    outgoing.answered(envelope.reply);
  }

  /** Power is cut: memory goes, and what was not durable with it. */
  crash(): void {
    if (!this.#isUp) return;
    this.#surroundings.record({ event: 'crash', replica: this.self.name });
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

  finish(): void {
    this.restart();
    this.#gate.flush();
    this.#surroundings.record(finalState(this.self.name, this.position, this.#storage));
  }

  close(): void {
    this.#storage.close();
  }

  #forget(after: Boot['after']): void {
    this.#life += 1;
    this.#core = null;
    this.#bootsAfter = after;
    this.#outgoing.clear();
    this.#inbox.abandonAll();
  }

  /** Loads the core if it is not there: constructors only read, so this needs no transaction. */
  #awake(): Core {
    if (this.#core !== null) return this.#core;
    const assigned = present(loadAssigned(this.#storage), 'an assignment');
    const core: Core =
      roleOf(assigned.assignment) === 'leader'
        ? { role: 'leader', leader: new Leader(this.#storage, assigned.assignment, this.#limits), assigned }
        : { role: 'follower', follower: new Follower(this.#storage, assigned, this.#limits), assigned };
    this.#core = core;
    const position = positionOf(core);
    this.#surroundings.record({
      event: 'boot',
      replica: this.self.name,
      role: core.role,
      position,
      after: this.#bootsAfter,
    });
    if (this.#bootsAfter === 'eviction' || this.#bootsAfter === 'crash')
      this.#surroundings.record(digestAt(this.self.name, position, this.#storage));
    return core;
  }

  #called(envelope: CallEnvelope): void {
    const call = this.#inbox.take(envelope);
    if (!this.#isUp || !isReplicaCall(envelope.call)) return this.#inbox.abandonAll();
    const core = this.#awake();
    if (core.role === 'leader') return this.#calledLeader(call, envelope.call, envelope.op);
    return this.#calledFollower(call, envelope.call);
  }

  #calledLeader(call: number, asked: ReplicaCall, op: number | null): void {
    const { now } = this.#surroundings.clock;
    if (asked.kind === 'execute')
      return this.#lead({ kind: 'execute', call, now, request: asked.request }, op);
    if (asked.kind === 'pull') return this.#lead({ kind: 'pull', call, now, request: asked.request });
    this.#inbox.answer(call, { kind: 'unassigned' });
    this.#gate.settle();
  }

  #calledFollower(call: number, asked: ReplicaCall): void {
    const { now } = this.#surroundings.clock;
    if (asked.kind === 'read') return this.#follow({ kind: 'read', call, now, request: asked.request }, null);
    if (asked.kind === 'append')
      return this.#follow({ kind: 'append', call, now, batch: asked.batch }, asked.batch);
    this.#inbox.answer(call, { kind: 'not-leader', epoch: this.#awake().assigned.assignment.epoch });
    this.#gate.settle();
  }

  #alarm(): void {
    if (!this.#isUp) return;
    this.#lead({ kind: 'alarm', now: this.#surroundings.clock.now });
    if (this.#isUp && this.#faults.alarmTwice())
      this.#lead({ kind: 'alarm', now: this.#surroundings.clock.now });
  }

  #lead(event: LeaderEvent, op: number | null = null): void {
    const core = this.#awake();
    if (core.role !== 'leader') return;
    const before = core.leader.position;
    const effects = this.#step(() => core.leader.step(event));
    if (effects === null) return this.#stepFailed(event.kind === 'alarm');
    const { position } = core.leader;
    if (position.lsn !== before.lsn) {
      this.#surroundings.record({ event: 'append', replica: this.self.name, position, op });
      this.#takeDigest(position);
    }
    for (const effect of effects) this.#performLeader(effect);
    this.#gate.settle();
  }

  #follow(event: FollowerEvent, batch: Batch | null): void {
    const core = this.#awake();
    if (core.role !== 'follower') return;
    const before = core.follower.applied;
    const effects = this.#step(() => core.follower.step(event));
    if (effects === null) return this.#stepFailed(false);
    const after = core.follower.applied;
    if (batch !== null && after.lsn !== before.lsn) {
      for (const apply of applied(this.self.name, batch, { before, after })) this.#surroundings.record(apply);
      this.#takeDigest(after);
    }
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

  #takeDigest(position: Position): void {
    const taken = digestIfDue(this.self.name, position, this.#storage);
    if (taken !== null) this.#gate.hold(() => this.#surroundings.record(taken));
  }

  #performLeader(effect: LeaderEffect): void {
    switch (effect.kind) {
      case 'answer':
        return this.#inbox.answer(effect.call, effect.answer);
      case 'pulled':
        return this.#inbox.answer(effect.call, effect.reply);
      case 'send':
        return this.#gate.hold(() => this.#send(effect.to, effect.batch));
      case 'timer': {
        const { clock } = this.#surroundings;
        const wake = () => this.#lead({ kind: 'timer', now: Math.max(effect.at, clock.now) });
        return clock.at(effect.at, this.#inThisLife(wake));
      }
      case 'alarm':
        return this.#gate.setAlarm(effect.at);
      default:
        return unreachable(effect);
    }
  }

  #performFollower(effect: FollowerEffect): void {
    const { clock } = this.#surroundings;
    switch (effect.kind) {
      case 'answer':
        return this.#inbox.answer(effect.call, effect.answer);
      case 'appended':
        return this.#inbox.answer(effect.call, effect.reply);
      case 'pull': {
        const askedAt = clock.now;
        return this.#gate.hold(() => this.#pull(effect.request, askedAt));
      }
      case 'timer':
        return clock.at(
          effect.at,
          this.#inThisLife(() => this.#follow({ kind: 'timer', now: Math.max(effect.at, clock.now) }, null)),
        );
      default:
        return unreachable(effect);
    }
  }

  #send(to: ReplicaRef, batch: Batch): void {
    const { clock } = this.#surroundings;
    const follower = to.name;
    const event = sent(this.self.name, follower, batch);
    if (event !== null) this.#surroundings.record(event);
    this.#ask(
      to,
      { kind: 'append', batch },
      {
        answered: (reply) =>
          this.#lead({ kind: 'replied', follower, now: clock.now, reply: reply as AppendReply }),
        failed: () => this.#lead({ kind: 'send-failed', follower, now: clock.now }),
      },
    );
  }

  #pull(request: PullRequest, askedAt: number): void {
    const { clock } = this.#surroundings;
    this.#ask(
      this.#awake().assigned.assignment.leader,
      { kind: 'pull', request },
      {
        answered: (reply) => {
          const pulled = reply as PullReply;
          const batch = pulled.kind === 'batch' ? pulled.batch : null;
          this.#follow({ kind: 'pulled', now: clock.now, askedAt, reply: pulled }, batch);
        },
        failed: () => this.#follow({ kind: 'pull-failed', now: clock.now }, null),
      },
    );
  }

  #ask(to: ReplicaRef, call: ReplicaCall, outgoing: Outgoing): void {
    const id = (this.#lastAsk += 1);
    this.#outgoing.set(id, outgoing);
    this.#surroundings.send({ kind: 'call', id, from: this.self.name, to: to.name, call, op: null });
    const late = this.#inThisLife(() => {
      if (this.#outgoing.delete(id)) outgoing.failed();
    });
    this.#surroundings.clock.after(SEND_TIMEOUT_MS, late);
  }

  #inThisLife(run: () => void): () => void {
    const life = this.#life;
    return () => {
      if (life === this.#life) run();
    };
  }

  #nowDurable(): void {
    if (this.#core === null) return;
    const position = positionOf(this.#core);
    if (position.lsn === this.#durable?.lsn) return;
    this.#durable = position;
    this.#surroundings.record({ event: 'durable', replica: this.self.name, position });
  }
}

function positionOf(core: Core): Position {
  return core.role === 'leader' ? core.leader.position : core.follower.applied;
}
