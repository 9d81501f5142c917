import { unreachable } from '../assert.ts';
import { LOG_LIMITS, type LogLimits } from '../limits.ts';
import { type ChainEnd, EntryFormatError } from '../log/entry.ts';
import { type LogSize, logSize } from '../log/lag.ts';
import { Log } from '../log/log.ts';
import { Retention } from '../log/retention.ts';
import { type Lsn, LSN_ZERO } from '../lsn.ts';
import type { Position } from '../position.ts';
import { type Sql, SqlError } from '../ports.ts';
import type { Assigned } from '../protocol/assigned.ts';
import { type Assignment, membershipOf } from '../protocol/assignment.ts';
import {
  type AppendReply,
  type Batch,
  type CopyReply,
  type FollowerState,
  type Gone,
  type JoinReport,
  MESSAGE_VERSION,
  type PullReply,
  type PullRequest,
  type ReadRequest,
  type ReplicaAnswer,
  type ReplicaStatus,
} from '../protocol/messages.ts';
import { Applier, DivergenceError } from '../tables/apply.ts';
import { keepRequest } from '../tables/requests.ts';
import { LeaderClock } from './clock.ts';
import { Copying, type CopyingEffect } from './copying.ts';
import { Installer } from './installer.ts';
import { type ReadOutcome, Reads, type ReadStanding } from './reads.ts';
import { type ReceivedEntry, receive } from './receive.ts';
import { Relay, type RelaySend } from './relay.ts';

/** `call` names the caller that waits; `now` is this replica's clock in milliseconds. */
export type FollowerEvent =
  | { readonly kind: 'append'; readonly call: number; readonly now: number; readonly batch: Batch }
  | { readonly kind: 'read'; readonly call: number; readonly now: number; readonly request: ReadRequest }
  | { readonly kind: 'pulled'; readonly now: number; readonly askedAt: number; readonly reply: PullReply }
  | { readonly kind: 'pull-failed'; readonly now: number }
  | { readonly kind: 'copied'; readonly now: number; readonly askedAt: number; readonly reply: CopyReply }
  | { readonly kind: 'copy-failed'; readonly now: number }
  /** A sibling answered what was relayed to it. */
  | { readonly kind: 'replied'; readonly follower: string; readonly now: number; readonly reply: AppendReply }
  | { readonly kind: 'send-failed'; readonly follower: string; readonly now: number }
  /** The replicas are others, or this one counts as a member now. */
  | { readonly kind: 'reassigned'; readonly now: number; readonly assignment: Assignment }
  | { readonly kind: 'alarm' | 'timer'; readonly now: number };

/** What the shell must do once the step is durable, in this order. */
export type FollowerEffect =
  | { readonly kind: 'answer'; readonly call: number; readonly answer: ReplicaAnswer }
  | { readonly kind: 'appended'; readonly call: number; readonly reply: AppendReply }
  | { readonly kind: 'pull'; readonly request: PullRequest }
  | RelaySend
  /** Tell the directory; nothing comes of it but, some time, a new assignment, or the end of this replica. */
  | { readonly kind: 'report'; readonly report: JoinReport }
  | CopyingEffect;

/** Applies the leader's entries in their order, and answers reads at the position it has applied. */
export class Follower {
  readonly #sql: Sql;
  #assignment: Assignment;
  readonly #log: Log;
  readonly #reads: Reads;
  readonly #clock: LeaderClock;
  readonly #retention: Retention;
  readonly #relay: Relay;
  readonly #installer: Installer;
  #applier: Applier;
  #head: Position;
  /** What this replica has up to here is as durable as the database asks, as far as it was told since it woke. */
  #settled: Lsn;
  /** The newest of what came from the leader since this replica woke, or has its tables; for the siblings. */
  #last: Batch | null = null;
  /** Why the last entries, or the last piece of a snapshot, could not be applied; null where they were. */
  #failure: string | null = null;
  #isPulling = false;
  readonly #copying: Copying;

  constructor(sql: Sql, { assignment, at }: Assigned, limits: LogLimits = LOG_LIMITS) {
    this.#sql = sql;
    this.#assignment = assignment;
    this.#log = new Log(sql, limits);
    this.#head = this.#log.position;
    this.#reads = new Reads(sql);
    this.#applier = new Applier(sql);
    this.#clock = new LeaderClock(this.#log.knownAt ?? at);
    this.#retention = new Retention(this.#log, limits);
    this.#relay = new Relay(assignment, this.#log, limits);
    this.#installer = new Installer(sql, this.#log);
    this.#copying = new Copying(this.#installer);
    this.#settled = this.#surelySettled();
  }

  get applied(): Position {
    const { epoch, lsn } = this.#installer.end ?? this.#log.end;
    return { epoch, lsn };
  }

  get state(): FollowerState {
    if (this.#installer.isNeeded) {
      const isNew = membershipOf(this.#assignment) === 'joining';
      return isNew || this.#installer.isRunning ? 'installing' : 'stranded';
    }
    if (this.#failure !== null) return 'failed';
    return this.applied.lsn < this.#head.lsn ? 'catching-up' : 'streaming';
  }

  /** Whether the tables are those of a position. */
  get hasTables(): boolean {
    return !this.#installer.isRunning && this.state !== 'installing';
  }

  step(event: FollowerEvent): FollowerEffect[] {
    switch (event.kind) {
      case 'append':
        return this.#appended(event);
      case 'read':
        return this.#read(event);
      case 'pulled':
        return this.#pulled(event.reply, event);
      case 'pull-failed':
        this.#isPulling = false;
        return this.#reads.giveUp(Infinity, this.#standing(event.now));
      case 'copied':
        return this.#copied(event.reply, event);
      case 'copy-failed':
        return this.#copying.failed(event.now);
      case 'replied':
        this.#relay.replied(event.follower, event.reply, event.now);
        return this.#relayOn(this.applied.lsn, event.now);
      case 'send-failed':
        this.#relay.sendFailed(event.follower, event.now);
        return [];
      case 'reassigned':
        this.#assignment = event.assignment;
        this.#relay.reassign(event.assignment);
        return this.#goOn(event.now);
      case 'timer':
        return [
          ...this.#reads.giveUp(-Infinity, this.#standing(event.now)),
          ...(this.#installer.isNeeded ? this.#goOn(event.now) : []),
          ...(this.#reads.wantEntries ? this.#pull() : []),
        ];
      case 'alarm':
        this.#copying.fired();
        return this.#goOn(event.now);
      default:
        return unreachable(event);
    }
  }

  stalenessMs(now: number): number {
    return this.#clock.stalenessMs(now);
  }

  status(now: number): FollowerStatus {
    return {
      applied: this.hasTables ? this.applied : null,
      head: this.#head,
      state: this.state,
      detail: this.#failure ?? this.#installer.detail,
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
    const { version, epoch, text } = batch;
    if (version !== MESSAGE_VERSION) return { kind: 'unknown-version', version };
    if (epoch < this.#assignment.epoch) return { kind: 'fenced', epoch: this.#assignment.epoch };
    if (batch.heard !== null) this.#clock.exchanged(batch.heard.follower_now, batch.heard.leader_now);
    // Said of a place that this replica has left since, it means nothing.
    const isGone = batch.gone !== null && isSamePlace(batch.gone.end, this.#log.end);
    if (isGone && !this.#installer.isNeeded) this.#installer.need(WHY_GONE[batch.gone.why]);
    if (this.#installer.isNeeded) return { kind: 'installing', has: this.#installer.has };
    const received = text === null ? ({ kind: 'next', entries: [] } as const) : receive(text, this.#log.end);
    if (received.kind === 'gap') return { kind: 'gap', applied: this.#log.end };
    const failure = received.kind === 'refused' ? received.detail : this.#apply(received.entries, batch, now);
    this.#failure = failure;
    if (failure !== null) return { kind: 'failed', detail: failure };
    this.#head = batch.head;
    this.#last = batch;
    if (batch.settled > this.#settled) this.#settled = batch.settled;
    this.#clock.caughtUp(this.#knownThen(batch, this.#log.end.lsn, now));
    return {
      kind: 'appended',
      applied: this.#log.end,
      follower_now: now,
      relayed: this.#relay.relayed,
    };
  }

  /** What will be known of the leader once this replica is at `lsn`. */
  #knownThen({ head, leader_now }: Batch, lsn: Lsn, now: number): number {
    return lsn >= head.lsn ? this.#clock.knownThen(leader_now, now) : this.#clock.knownAt;
  }

  /** Rows, request ids and log in one transaction. Null, or why nothing was applied. */
  #apply(entries: readonly ReceivedEntry[], batch: Batch, now: number): string | null {
    const last = entries.at(-1);
    if (last === undefined) return null;
    try {
      this.#sql.transaction(() => {
        this.#applier.apply(entries.map(({ entry }) => entry.changes));
        for (const { entry } of entries) {
          if (entry.request === null) continue;
          keepRequest(this.#sql, entry.request, { lsn: entry.position.lsn, time: entry.time, in: 'log' });
        }
        this.#log.append(entries, this.#knownThen(batch, last.end.lsn, now));
      });
    } catch (error) {
      if (!(error instanceof DivergenceError || error instanceof SqlError)) throw error;
      this.#applier = new Applier(this.#sql);
      return error.message;
    }
    if (entries.some(({ entry }) => entry.changes.some((line) => line.startsWith('\t'))))
      this.#reads.forgetPlans();
    this.#relay.added(entries);
    this.#retention.grown(() => [batch.kept_after], now);
    return null;
  }

  /** Of what is here, without asking: how many copies a majority or all are, only the leader knows for sure. */
  #surelySettled(): Lsn {
    const { durability } = this.#assignment;
    const isEnough = durability === 'async' || durability === 'semi-sync';
    return isEnough ? this.#log.end.lsn : LSN_ZERO;
  }

  #relayOn(before: Lsn, now: number): FollowerEffect[] {
    if (this.#last === null || this.#installer.isNeeded) return [];
    return this.#relay.send({ ...this.#last, settled: this.#settled }, before, now);
  }

  #read({ call, now, request }: Extract<FollowerEvent, { kind: 'read' }>): FollowerEffect[] {
    return this.#outcomes([this.#reads.begin(call, request, this.#standing(now))]);
  }

  #standing(now: number): ReadStanding {
    const { state } = this;
    return {
      by: this.#assignment,
      applied: this.applied,
      settled: this.#settled,
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
    this.#clock.exchanged(askedAt, reply.batch.leader_now);
    const before = this.#log.end.lsn;
    const appended = this.#append(reply.batch, now);
    const answers = this.#outcomes(this.#reads.wake(this.#standing(now)));
    const isThereMore = appended.kind === 'appended' && this.applied.lsn < this.#head.lsn;
    // Of what came after the leader was asked, its answer says nothing.
    const given = this.#reads.giveUp(isThereMore ? -Infinity : askedAt, this.#standing(now));
    // Not in this turn: others of this process have theirs first.
    const more: FollowerEffect[] = this.#reads.wantEntries ? [{ kind: 'timer', at: now + 1 }] : [];
    return [...answers, ...given, ...more, ...this.#relayOn(before, now), ...this.#goOn(now)];
  }

  #pull(): FollowerEffect[] {
    if (this.#isPulling || this.#installer.isNeeded) return [];
    this.#isPulling = true;
    const { epoch, self } = this.#assignment;
    return [
      {
        kind: 'pull',
        request: { version: MESSAGE_VERSION, follower: self.name, epoch, after: this.#log.end },
      },
    ];
  }

  /** What this replica has to do by itself: take a snapshot over, and tell that it has joined. */
  #goOn(now: number): FollowerEffect[] {
    if (this.#installer.isNeeded) return this.#copying.ask(this.#assignment, now);
    if (membershipOf(this.#assignment) === 'member') return [];
    const isCaughtUp = this.#last !== null && this.state === 'streaming';
    const next = isCaughtUp ? [this.#report('joined')] : this.#pull();
    return [...next, ...this.#copying.alarm(now)];
  }

  #report(kind: JoinReport['kind']): FollowerEffect {
    return { kind: 'report', report: { kind, replica: this.#assignment.self } };
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
        this.#take(reply, askedAt, now);
        // The leader sends again to whoever asks for entries.
        return this.#installer.isNeeded ? this.#goOn(now) : this.#pull();
      case 'gone':
        this.#installer.startOver();
        return this.#goOn(now);
      case 'unassigned':
        // Assigned after it was removed, it would ask for ever.
        return [this.#report('unknown to the leader'), ...this.#copying.failed(now)];
      default:
        return this.#copying.failed(now);
    }
  }

  /** Nothing of it stays where it cannot be taken; then the copy starts over. */
  #take(reply: Extract<CopyReply, { kind: 'start' | 'piece' }>, askedAt: number, now: number): void {
    if (reply.kind === 'piece') this.#clock.exchanged(askedAt, reply.leader_now);
    const knownAt = reply.kind === 'piece' ? this.#clock.knownThen(reply.leader_now, now) : 0;
    try {
      if (!this.#sql.transaction(() => this.#installer.take(reply, knownAt))) return;
    } catch (error) {
      const isKnown =
        error instanceof DivergenceError || error instanceof EntryFormatError || error instanceof SqlError;
      if (!isKnown) throw error;
      return this.#installer.broke(error.message, now);
    }
    this.#failure = null;
    this.#applier = new Applier(this.#sql);
    this.#reads.forgetPlans();
    this.#clock.caughtUp(knownAt);
    this.#last = null;
    this.#head = this.#log.position;
    this.#settled = this.#surelySettled();
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
