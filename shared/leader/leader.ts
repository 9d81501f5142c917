import { unreachable } from '../assert.ts';
import type { Failure } from '../failure.ts';
import { LEASE_WAIT_MS, LOG_LIMITS, type LogLimits } from '../limits.ts';
import { Log } from '../log/log.ts';
import { Retention } from '../log/retention.ts';
import type { Epoch, Lsn } from '../lsn.ts';
import type { Position } from '../position.ts';
import { run, type Sql } from '../ports.ts';
import { type Assigned, raiseFence } from '../protocol/assigned.ts';
import type { Assignment } from '../protocol/assignment.ts';
import { copiesNeeded } from '../protocol/durability.ts';
import {
  type CopyRequest,
  type Misdirected,
  type PullReply,
  type PullRequest,
  type Relayed,
  type ReplicaAnswer,
} from '../protocol/messages.ts';
import { type FenceReply, type FenceRequest, LEASE_VERSION } from '../protocol/directory.ts';
import { type Leading, misdirectedFor, refusalOf, turnedAway } from './admission.ts';
import { Answers } from './answers.ts';
import { Copies } from './copies.ts';
import type { LeaderEffect, LeaderEvent, RequestEvent } from './events.ts';
import { NO_LEASE, TOO_MANY_QUEUED } from './failures.ts';
import { Fanout, type Send, type Timer } from './fanout.ts';
import { HandOver } from './hand-over.ts';
import type { Released } from './holding.ts';
import { Lease } from './lease.ts';
import { Lines } from './lines.ts';
import { charsOf, Queue } from './queue.ts';
import { type LeaderStatus, leaderStatus } from './status.ts';
import { type Committed, Writer } from './writer.ts';

/** Accepts the writes of one partition, makes each an entry, and sends the entries to the followers. */
export class Leader {
  readonly #sql: Sql;
  #assignment: Assignment;
  readonly #log: Log;
  readonly #writer: Writer;
  readonly #lines: Lines;
  readonly #fanout: Fanout;
  readonly #retention: Retention;
  readonly #copies: Copies;
  readonly #answers: Answers;
  readonly #lease: Lease;
  readonly #queue = new Queue<RequestEvent>();
  readonly #handOver = new HandOver();
  /** The newest epoch that it has heard of, where that is not its own: it leads no more. */
  #over: Epoch | null;
  /** The alarm that is set, as far as this leader knows since it woke. */
  #alarmAt: number | null = null;
  /** When the timer fires that looks after those who wait; null where none does. */
  #timerAt: number | null = null;
  /** Where the log ended when this leader learnt of its followers, or woke. */
  #hadThen: Lsn;

  constructor(sql: Sql, { assignment, fence }: Assigned, limits: LogLimits = LOG_LIMITS) {
    this.#sql = sql;
    this.#assignment = assignment;
    this.#over = fence > assignment.epoch ? fence : null;
    run(sql, 'PRAGMA ignore_check_constraints = OFF');
    const log = new Log(sql, limits);
    this.#log = log;
    this.#writer = new Writer(sql, log);
    const lines = new Lines(assignment, log);
    this.#lines = lines;
    const { epoch } = assignment;
    this.#lease = new Lease(assignment);
    const isLeading = (now: number) => this.#mayRun(now);
    const fanout = new Fanout({ lines, epoch, log, limits, isLeading });
    this.#fanout = fanout;
    this.#retention = new Retention(log, limits);
    this.#copies = new Copies({ sql, epoch, log, lines, fanout, limits, isLeading });
    this.#answers = new Answers(assignment, lines, () => log.position);
    this.#hadThen = log.end.lsn;
  }

  get position(): Position {
    return this.#log.position;
  }

  step(event: LeaderEvent): LeaderEffect[] {
    const { now } = event;
    switch (event.kind) {
      case 'execute':
      case 'reapply':
        return this.#asked(event);
      case 'pull': {
        const reply = this.#pull(event.request, now);
        // Somebody wants to know how fresh a follower is, which only a leader with a lease can say.
        const asks = reply.kind === 'batch' ? this.#lease.ask(now) : [];
        return [{ kind: 'pulled', call: event.call, reply }, ...asks, ...this.#heard([], now)];
      }
      case 'copy':
        return this.#copied(event);
      case 'fence':
        return this.#fenced(event.call, event.request, now);
      case 'replied':
        if (event.reply.kind === 'fenced') return this.#doubt(event.follower, now);
        return this.#heard(this.#fanout.replied(event.follower, event.reply, now), now);
      case 'send-failed':
        this.#fanout.sendFailed(event.follower, now);
        return this.#withAlarm([], now);
      case 'leased':
        return this.#leased(event);
      case 'lease-failed':
        this.#lease.failed(event.askedAt, now);
        return this.#timer(now);
      case 'begin':
        return [...this.#lease.ask(now), ...this.#heard(this.#fanout.retry(now), now)];
      case 'reassigned':
        return this.#reassigned(event.assignment, now);
      case 'retire':
        return this.#end(event.epoch);
      case 'timer':
        return this.#timer(now);
      case 'alarm':
        this.#alarmAt = null;
        return this.#heard(this.#fanout.retry(now), now);
      default:
        return unreachable(event);
    }
  }

  /** How this leader and its followers stand; `appliedOf`: where some of them say that they are. */
  status(appliedOf: readonly Relayed[], now: number): LeaderStatus {
    const held = this.#answers.held + this.#queue.size;
    const detail = this.#detail(now);
    return leaderStatus({ log: this.#log, lines: this.#lines, appliedOf, held, detail, now });
  }

  /**
   * Whether what this leader had when it learnt of its followers is at as many of them as the database asks, and as a quorum, for
   * which a request may have asked: then those who left are not needed for it any more.
   */
  get isSettled(): boolean {
    const copies = Math.max(this.#lines.copies, copiesNeeded('quorum', this.#assignment));
    return this.#lines.durableAt(copies) >= this.#hadThen;
  }

  /** Runs the request under the lease, or has it wait for one. */
  #asked(event: RequestEvent): LeaderEffect[] {
    const { call, now } = event;
    const away = turnedAway(event, this.#leading);
    if (away !== null) return [{ kind: 'answer', call, answer: away }];
    if (this.#mayRun(now)) return [...this.#run(event), ...this.#lease.ask(now)];
    if (this.#queue.isFull) return [{ kind: 'answer', call, answer: unconfirmed(TOO_MANY_QUEUED) }];
    const chars = event.kind === 'execute' ? charsOf(event.request.statements) : event.request.text.length;
    this.#queue.add({ event, deadline: now + LEASE_WAIT_MS, chars });
    return [...this.#lease.ask(now), ...this.#wakeForWaiting(now)];
  }

  /** One that hands over runs nothing more: what comes waits until another leads, or it goes on itself. */
  #mayRun(now: number): boolean {
    return this.#over === null && this.#assignment.successor === null && this.#lease.isHeld(now);
  }

  #run(event: RequestEvent): LeaderEffect[] {
    const { call, now } = event;
    const by = this.#assignment;
    this.#copies.executed(now);
    const failure = refusalOf(event, by, { answers: this.#answers, position: this.position });
    if (failure !== null) {
      const position = this.#answers.shown;
      return [{ kind: 'answer', call, answer: { kind: 'failed', failure, position } }];
    }
    if (event.kind === 'reapply') {
      const { durability, hold_ms, text, was_applied: wasApplied } = event.request;
      const done = this.#writer.commitAgain(text, { by, durability, wasApplied, now });
      return this.#done({ call, durability, shows: 'settled', hold_ms, now }, done);
    }
    const { request } = event;
    const done = this.#writer.knownAnswer(request, by) ?? this.#writer.commit(request, by, now);
    const { durability, shows, hold_ms } = request;
    return this.#done({ call, durability, shows, hold_ms, now }, done);
  }

  #done(asked: Parameters<Answers['give']>[0], done: Committed): LeaderEffect[] {
    const { now } = asked;
    if (done.entry !== null) {
      this.#fanout.added(done.entry, now);
      this.#retention.grown(() => this.#lines.claims, now);
    }
    const given = this.#answers.give(asked, done);
    const answered =
      given === null
        ? [...this.#wakeForWaiting(now), ...this.#fanout.urge(done.lsn, now)]
        : [toAnswer(given)];
    return done.entry === null ? answered : [...answered, ...this.#withAlarm(this.#fanout.send(now), now)];
  }

  #leased({ epoch, askedAt, reply, now }: Extract<LeaderEvent, { kind: 'leased' }>): LeaderEffect[] {
    if (epoch !== this.#assignment.epoch || !this.#lease.answered(askedAt, reply, now)) return [];
    if (reply.kind === 'ended') return this.#end(reply.epoch);
    return [...this.#runQueued(now), ...this.#heard([], now)];
  }

  /** A lease was granted, perhaps: those who waited for it have their turn. */
  #runQueued(now: number): LeaderEffect[] {
    if (!this.#mayRun(now)) return [];
    return this.#queue.takeAll().flatMap((event) => this.#asked({ ...event, now }));
  }

  /** Something was heard of followers, or of the lease: some answers may leave. */
  #heard(sends: readonly (Send | Timer)[], now: number): LeaderEffect[] {
    const released = this.#answers.held === 0 || !this.#lease.isHeld(now) ? [] : this.#answers.release();
    const asks = this.#answers.held + this.#queue.size > 0 ? this.#lease.ask(now) : [];
    return [...released.map(toAnswer), ...asks, ...this.#handsOver(now), ...this.#withAlarm(sends, now)];
  }

  /** One timer serves all who wait, and all gathering followers. */
  #timer(now: number): LeaderEffect[] {
    if (this.#timerAt !== null && this.#timerAt <= now) this.#timerAt = null;
    const late = this.#answers.expire(now).map(toAnswer);
    const unleased = this.#queue
      .takeLate(now)
      .map(({ call }) => toAnswer({ call, answer: unconfirmed(NO_LEASE) }));
    const heard = this.#heard(this.#fanout.gathered(now), now);
    return [...late, ...unleased, ...heard, ...this.#wakeForWaiting(now)];
  }

  #wakeForWaiting(now: number): Timer[] {
    const times = [this.#answers.nextDeadline()];
    const nextAsk = this.#lease.isHeld(now) ? Infinity : this.#lease.nextAsk(now);
    // A timer would keep the object awake, and is not needed: what becomes of the ask is told in time.
    if (this.#queue.size > 0 && nextAsk !== null) times.push(this.#queue.nextDeadline(), nextAsk);
    if (this.#assignment.successor !== null) times.push(this.#handOver.nextLook(now));
    const next = Math.min(...times.map((at) => at ?? Infinity));
    if (next === Infinity || (this.#timerAt !== null && this.#timerAt <= next)) return [];
    this.#timerAt = next;
    return [{ kind: 'timer', at: next }];
  }

  /** Requests that have not begun are told to go elsewhere; what was begun, that nobody knows whether it stays. */
  #end(epoch: Epoch): LeaderEffect[] {
    this.#over = epoch;
    this.#lease.void();
    const answer: ReplicaAnswer = { kind: 'not-leader', epoch };
    const queued = this.#queue.takeAll().map(({ call }) => toAnswer({ call, answer }));
    return [...queued, ...this.#answers.expire(Infinity).map(toAnswer)];
  }

  #fenced(call: number, { version, epoch }: FenceRequest, now: number): LeaderEffect[] {
    if (version !== LEASE_VERSION)
      return [{ kind: 'fenced', call, reply: { kind: 'unknown-version', version } }];
    const fence = raiseFence(this.#sql, epoch);
    const ended = fence > this.#assignment.epoch ? this.#end(fence) : [];
    const { end } = this.#log;
    const reply: FenceReply = {
      kind: 'fenced',
      fence,
      epoch: this.#assignment.epoch,
      revision: this.#assignment.revision,
      end,
      isWhole: true,
      heard: end.lsn,
    };
    return [...ended, { kind: 'fenced', call, reply }, ...this.#withAlarm([], now)];
  }

  /** A follower knows of a newer epoch. The directory says whether that is so. */
  #doubt(follower: string, now: number): LeaderEffect[] {
    this.#fanout.sendFailed(follower, now);
    this.#lease.void();
    return [...this.#lease.ask(now), ...this.#withAlarm([], now)];
  }

  #reassigned(assignment: Assignment, now: number): LeaderEffect[] {
    this.#assignment = assignment;
    this.#hadThen = this.position.lsn;
    this.#lines.reassign(assignment);
    this.#answers.reassign(assignment);
    this.#handOver.over();
    const { successor } = assignment;
    if (successor === null) return [...this.#runQueued(now), ...this.#heard(this.#fanout.retry(now), now)];
    const sends = [...this.#fanout.hurry(successor.name, now), ...this.#fanout.urge(this.#log.end.lsn, now)];
    return [...this.#heard(sends, now), ...this.#wakeForWaiting(now)];
  }

  /** Tells the directory once the successor has everything and nobody is owed an answer. */
  #handsOver(now: number): LeaderEffect[] {
    const { successor, self, epoch, revision } = this.#assignment;
    if (successor === null || this.#over !== null) return [];
    const { end } = this.#log;
    const line = this.#lines.get(successor.name);
    // At the beginning of the log a line says as much before anybody was heard.
    const hasAll = line !== undefined && line.isKnown && line.gone === null && line.confirmed >= end.lsn;
    const next = this.#handOver.next({ hasAll, held: this.#answers.held, now });
    if (next === 'wait') return [];
    const late = next === 'give up' ? this.#answers.expire(Infinity).map(toAnswer) : [];
    return [
      ...late,
      { kind: 'report', report: { kind: 'handed over', replica: self, epoch, revision, end } },
    ];
  }

  get #leading(): Leading {
    return { assignment: this.#assignment, over: this.#over };
  }

  /** What whoever asks is told that is no follower of this leader and epoch, else null. One that was removed would show entries as if it counted. */
  #misdirected(request: PullRequest | CopyRequest): Misdirected | null {
    const misdirected = misdirectedFor(request, this.#leading);
    if (misdirected !== null) return misdirected;
    return this.#lines.get(request.follower) === undefined ? { kind: 'unassigned' } : null;
  }

  #pull(request: PullRequest, now: number): PullReply {
    const misdirected = this.#misdirected(request);
    if (misdirected !== null) return misdirected;
    const { follower, after } = request;
    this.#fanout.asked(follower, after, now);
    return { kind: 'batch', batch: this.#fanout.batchAfter(follower, after, now) };
  }

  #copied({ call, request, now }: Extract<LeaderEvent, { kind: 'copy' }>): LeaderEffect[] {
    const reply = this.#misdirected(request) ?? this.#copies.next(request, now);
    // The others are asked what they have, if they have not said.
    const asks = reply.kind === 'keep' ? this.#fanout.urge(this.#log.end.lsn, now) : [];
    return [{ kind: 'copied', call, reply }, ...this.#withAlarm(asks, now)];
  }

  /**
   * The alarm is what sends after a crash between commit and send. It is set once and left to fire, not moved with each
   * write, because setting it is a row written; with nothing left to send it is not set again.
   */
  #withAlarm(sends: readonly (Send | Timer)[], now: number): LeaderEffect[] {
    const next = this.#over === null ? this.#fanout.nextTry(now) : null;
    const isSetEarlyEnough = this.#alarmAt !== null && this.#alarmAt <= (next ?? Infinity);
    if (next === null || isSetEarlyEnough) return [...sends];
    this.#alarmAt = next;
    return [...sends, { kind: 'alarm', at: next }];
  }

  #detail(now: number): string | null {
    const { successor } = this.#assignment;
    if (this.#over !== null) return `another leads in epoch ${this.#over}, or is about to`;
    if (successor !== null) return `hands over to the follower in ${successor.region}`;
    if (this.#queue.size > 0 && !this.#lease.isHeld(now)) return 'waits for a lease from the directory';
    return null;
  }
}

/** Without a position: where this replica is, says nothing while it may be the leader no more. */
function unconfirmed(failure: Failure): ReplicaAnswer {
  return { kind: 'failed', failure, position: null };
}

function toAnswer({ call, answer }: Released): LeaderEffect {
  return { kind: 'answer', call, answer };
}
