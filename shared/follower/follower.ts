import { unreachable } from '../assert.ts';
import { LOG_LIMITS, type LogLimits } from '../limits.ts';
import { type ChainEnd, EntryFormatError } from '../log/entry.ts';
import { type LogSize, logSize } from '../log/lag.ts';
import { Log } from '../log/log.ts';
import type { Epoch, Lsn } from '../lsn.ts';
import type { Position } from '../position.ts';
import { type Sql, SqlError } from '../ports.ts';
import { type Assigned, raiseFence } from '../protocol/assigned.ts';
import { type Assignment, membershipOf } from '../protocol/assignment.ts';
import {
  type AppendReply,
  type Batch,
  type CopyReply,
  type Gone,
  MESSAGE_VERSION,
  type PullReply,
} from '../protocol/messages.ts';
import { type FenceReply, type FenceRequest, LEASE_VERSION } from '../protocol/directory.ts';
import type { FollowerState, ReplicaStatus } from '../protocol/status.ts';
import { DivergenceError } from '../tables/apply.ts';
import { Copying } from './copying.ts';
import type { FollowerEffect, FollowerEvent } from './events.ts';
import { Installer } from './installer.ts';
import { Intake } from './intake.ts';
import { type ReadOutcome, Reads, type ReadStanding } from './reads.ts';
import { Relay } from './relay.ts';
import { RollingBack } from './rolling-back.ts';

/** Applies the leader's entries in their order, and answers reads at the position it has applied. */
export class Follower {
  readonly #sql: Sql;
  #assignment: Assignment;
  #fence: Epoch;
  readonly #log: Log;
  readonly #reads: Reads;
  readonly #intake: Intake;
  readonly #relay: Relay;
  readonly #installer: Installer;
  readonly #copying: Copying;
  readonly #rollingBack: RollingBack;
  #isPulling = false;

  constructor(sql: Sql, assigned: Assigned, limits: LogLimits = LOG_LIMITS) {
    const { assignment, fence } = assigned;
    this.#sql = sql;
    this.#assignment = assignment;
    this.#fence = fence;
    this.#log = new Log(sql, limits);
    this.#reads = new Reads(sql);
    this.#intake = new Intake(sql, this.#log, { assigned, limits });
    this.#relay = new Relay(assignment, this.#log, limits);
    this.#installer = new Installer(sql, this.#log);
    this.#copying = new Copying(this.#installer);
    this.#rollingBack = new RollingBack(sql, this.#log, assignment);
  }

  get applied(): Position {
    const { epoch, lsn } = this.#installer.end ?? this.#log.end;
    return { epoch, lsn };
  }

  get state(): FollowerState {
    if (this.#mustRollBack) return 'rolling-back';
    if (this.#installer.isNeeded) {
      const isNew = membershipOf(this.#assignment) === 'joining';
      return isNew || this.#installer.isRunning ? 'installing' : 'stranded';
    }
    if (this.#intake.failure !== null) return 'failed';
    return this.applied.lsn < this.#intake.head.lsn ? 'catching-up' : 'streaming';
  }

  /** Whether the tables are those of a position of the log of this epoch. */
  get hasTables(): boolean {
    const isOfThisLog = !this.#installer.isRunning && !this.#rollingBack.isCutOff;
    return isOfThisLog && this.state !== 'installing';
  }

  /** One that copies a snapshot has let go of what it had. */
  get #mustRollBack(): boolean {
    return !this.#installer.isRunning && this.#rollingBack.isNeeded;
  }

  step(event: FollowerEvent): FollowerEffect[] {
    const { now } = event;
    switch (event.kind) {
      case 'append':
        return this.#appended(event);
      case 'read':
        return this.#outcomes([this.#reads.begin(event.call, event.request, this.#standing(now))]);
      case 'fence':
        return [{ kind: 'fenced', call: event.call, reply: this.#fenced(event.request) }];
      case 'pulled':
        return this.#pulled(event.reply, event);
      case 'pull-failed':
        this.#isPulling = false;
        return this.#reads.giveUp(Infinity, this.#standing(now));
      case 'copied':
        return this.#copied(event.reply, event);
      case 'copy-failed':
        return this.#copying.failed(now);
      case 'replied':
        this.#relay.replied(event.follower, event.reply, now);
        return this.#relayOn(this.applied.lsn, now);
      case 'send-failed':
        this.#relay.sendFailed(event.follower, now);
        return [];
      case 'begin':
        return [...this.#goOn(now), ...this.#presents()];
      case 'reassigned':
        this.#assignment = event.assignment;
        this.#relay.reassign(event.assignment);
        return this.#goOn(now);
      case 'retire':
        return this.#reads.giveUp(Infinity, this.#standing(now));
      case 'timer':
        return [
          ...this.#reads.giveUp(-Infinity, this.#standing(now)),
          ...(this.#installer.isNeeded || this.#mustRollBack ? this.#goOn(now) : []),
          ...(this.#reads.wantEntries ? this.#pull() : []),
        ];
      case 'alarm':
        this.#copying.fired();
        return this.#goOn(now);
      default:
        return unreachable(event);
    }
  }

  stalenessMs(now: number): number {
    return this.#intake.clock.stalenessMs(now);
  }

  status(now: number): FollowerStatus {
    return {
      applied: this.hasTables ? this.applied : null,
      head: this.#intake.head,
      state: this.state,
      detail: this.#intake.failure ?? this.#installer.detail,
      staleness_ms: this.hasTables ? this.stalenessMs(now) : null,
      waiting: this.#reads.waiting,
      log: logSize(this.#log),
    };
  }

  #appended({ call, batch, now }: Extract<FollowerEvent, { kind: 'append' }>): FollowerEffect[] {
    const before = this.#log.end.lsn;
    const reply = this.#append(batch, now);
    const effects: FollowerEffect[] = [
      { kind: 'appended', call, reply },
      ...this.#outcomes(this.#reads.wake(this.#standing(now))),
    ];
    if (reply.kind === 'installing') return [...effects, ...this.#goOn(now)];
    return [...effects, ...this.#relayOn(before, now)];
  }

  #append(batch: Batch, now: number): AppendReply {
    const refused = this.#refusal(batch);
    if (refused !== null) return refused;
    if (batch.heard !== null) this.#intake.clock.exchanged(batch.heard.follower_now, batch.heard.leader_now);
    // Said of a place that this replica has left since, it means nothing.
    const isGone = batch.gone !== null && isSamePlace(batch.gone.end, this.#log.end);
    if (isGone && !this.#installer.isNeeded) this.#installer.need(WHY_GONE[batch.gone.why]);
    if (this.#installer.isNeeded) return { kind: 'installing', has: this.#installer.has };
    const taken = this.#intake.take(batch, now);
    if (taken.kind === 'not taken') return taken.reply;
    const { entries } = taken;
    if (entries.some(({ entry }) => entry.changes.some((line) => line.startsWith('\t'))))
      this.#reads.forgetPlans();
    this.#relay.added(entries);
    return {
      kind: 'appended',
      applied: this.#log.end,
      follower_now: now,
      relayed: this.#relay.relayed,
    };
  }

  /** Only of exactly the epoch that it was told of: of an older one nothing counts any more, of a newer one it does not know where it began. */
  #refusal({ version, epoch }: Batch): AppendReply | null {
    if (version !== MESSAGE_VERSION) {
      this.#intake.failed(
        `messages of version ${version} are unknown here: upgrade the older of the two replicas`,
      );
      return { kind: 'unknown-version', version };
    }
    if (epoch < this.#fence) return { kind: 'fenced', epoch: this.#fence };
    if (epoch > this.#assignment.epoch) return { kind: 'not-told', epoch: this.#assignment.epoch };
    return this.#mustRollBack ? { kind: 'failed', detail: 'rolls back what a failover cut off' } : null;
  }

  #fenced({ version, epoch }: FenceRequest): FenceReply {
    if (version !== LEASE_VERSION) return { kind: 'unknown-version', version };
    this.#fence = raiseFence(this.#sql, epoch);
    return {
      kind: 'fenced',
      fence: this.#fence,
      epoch: this.#assignment.epoch,
      revision: this.#assignment.revision,
      end: this.#installer.end ?? this.#log.end,
      isWhole: this.hasTables,
      heard: this.#intake.head.lsn,
    };
  }

  #relayOn(before: Lsn, now: number): FollowerEffect[] {
    const { last, settled } = this.#intake;
    if (last === null || this.#installer.isNeeded) return [];
    return this.#relay.send({ ...last, settled }, before, now);
  }

  #standing(now: number): ReadStanding {
    const { state } = this;
    return {
      by: this.#assignment,
      applied: this.applied,
      settled: this.#intake.settled,
      staleness_ms: this.stalenessMs(now),
      isFollowing: state === 'streaming' || state === 'catching-up',
      hasTables: this.hasTables,
      now,
    };
  }

  /** Whoever waits, waits for something that the leader has or knows. */
  #outcomes(outcomes: readonly ReadOutcome[]): FollowerEffect[] {
    return outcomes.flatMap((outcome): FollowerEffect[] =>
      outcome.kind === 'answer' ? [outcome] : [{ kind: 'timer', at: outcome.until }, ...this.#pull()],
    );
  }

  #pulled(
    reply: PullReply,
    { now, askedAt }: { readonly now: number; readonly askedAt: number },
  ): FollowerEffect[] {
    this.#isPulling = false;
    if (reply.kind !== 'batch') return this.#reads.giveUp(Infinity, this.#standing(now));
    if (reply.batch.epoch === this.#assignment.epoch)
      this.#intake.clock.exchanged(askedAt, reply.batch.leader_now);
    const before = this.#log.end.lsn;
    const appended = this.#append(reply.batch, now);
    const answers = this.#outcomes(this.#reads.wake(this.#standing(now)));
    const isThereMore = appended.kind === 'appended' && this.applied.lsn < this.#intake.head.lsn;
    // Of what came after the leader was asked, its answer says nothing.
    const given = this.#reads.giveUp(isThereMore ? -Infinity : askedAt, this.#standing(now));
    // Not in this turn: others of this process have theirs first.
    const more: FollowerEffect[] = this.#reads.wantEntries ? [{ kind: 'timer', at: now + 1 }] : [];
    return [...answers, ...given, ...more, ...this.#relayOn(before, now), ...this.#goOn(now)];
  }

  #pull(): FollowerEffect[] {
    if (this.#isPulling || this.#installer.isNeeded || this.#mustRollBack) return [];
    this.#isPulling = true;
    const { epoch, self } = this.#assignment;
    return [
      {
        kind: 'pull',
        request: { version: MESSAGE_VERSION, follower: self.name, epoch, after: this.#log.end },
      },
    ];
  }

  /** What this replica has to do by itself: roll back, take a snapshot over, and tell that it has joined. */
  #goOn(now: number): FollowerEffect[] {
    const rolledBack = this.#mustRollBack;
    if (rolledBack) this.#rollBack();
    if (this.#mustRollBack) return [{ kind: 'timer', at: now + 1 }, ...this.#copying.alarm(now)];
    if (this.#installer.isNeeded) return this.#copying.ask(this.#assignment, now);
    if (membershipOf(this.#assignment) === 'member') return rolledBack ? this.#presents() : [];
    const isCaughtUp = this.#intake.last !== null && this.state === 'streaming';
    const { self, epoch } = this.#assignment;
    const next: FollowerEffect[] = isCaughtUp
      ? [{ kind: 'report', report: { kind: 'joined', replica: self, epoch } }]
      : this.#pull();
    return [...next, ...this.#copying.alarm(now)];
  }

  /** A leader that was refused before would try again only later and later: one that asks for entries is there. */
  #presents(): FollowerEffect[] {
    return this.#assignment.history.length > 0 ? this.#pull() : [];
  }

  /** Some of it, or all; where it cannot be undone, a snapshot takes its place. */
  #rollBack(): void {
    const impossible = this.#rollingBack.goOn();
    if (impossible !== null && !this.#installer.isNeeded) this.#installer.need(impossible);
    this.#intake.begun(null);
    this.#reads.forgetPlans();
  }

  #copied(
    reply: CopyReply,
    { now, askedAt }: { readonly now: number; readonly askedAt: number },
  ): FollowerEffect[] {
    // The one that counts is still on its way, or has come.
    if (this.#installer.isNeeded && this.#installer.isLate(reply)) return [];
    this.#copying.answered(reply, now);
    if (!this.#installer.isNeeded) return [];
    switch (reply.kind) {
      case 'start':
      case 'piece':
        if (reply.epoch !== this.#assignment.epoch || reply.epoch < this.#fence)
          return this.#copying.failed(now);
        this.#take(reply, askedAt, now);
        // The leader sends again to whoever asks for entries.
        return this.#installer.isNeeded ? this.#goOn(now) : this.#pull();
      case 'gone':
        this.#installer.startOver();
        return this.#goOn(now);
      case 'unassigned': {
        // Assigned after it was removed, it would ask for ever.
        const { self, epoch } = this.#assignment;
        const report = { kind: 'unknown to the leader', replica: self, epoch } as const;
        return [{ kind: 'report', report }, ...this.#copying.failed(now)];
      }
      default:
        return this.#copying.failed(now);
    }
  }

  /** Nothing of it stays where it cannot be taken; then the copy starts over. */
  #take(reply: Extract<CopyReply, { kind: 'start' | 'piece' }>, askedAt: number, now: number): void {
    const { clock } = this.#intake;
    if (reply.kind === 'piece') clock.exchanged(askedAt, reply.leader_now);
    const isKnown = reply.kind === 'piece' && reply.is_leased;
    const knownAt = isKnown ? clock.knownThen(reply.leader_now, now) : 0;
    try {
      if (!this.#sql.transaction(() => this.#installer.take(reply, knownAt))) return;
    } catch (error) {
      const isExpected =
        error instanceof DivergenceError || error instanceof EntryFormatError || error instanceof SqlError;
      if (!isExpected) throw error;
      return this.#installer.broke(error.message, now);
    }
    this.#reads.forgetPlans();
    this.#intake.begun(knownAt);
  }
}

const WHY_GONE: Readonly<Record<Gone['why'], string>> = {
  cut: "the leader's log no longer holds what follows here",
  'other branch': "what is here is not of the leader's log",
};

function isSamePlace(a: ChainEnd, b: ChainEnd): boolean {
  return a.epoch === b.epoch && a.lsn === b.lsn && a.hash === b.hash;
}

export type FollowerStatus = Pick<
  Extract<ReplicaStatus, { kind: 'follower' }>,
  'applied' | 'head' | 'state' | 'detail' | 'staleness_ms' | 'waiting'
> & { readonly log: LogSize };
