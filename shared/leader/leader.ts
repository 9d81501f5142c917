import { unreachable } from '../assert.ts';
import type { Failure } from '../failure.ts';
import { LOG_LIMITS, type LogLimits } from '../limits.ts';
import { joinEntries } from '../log/entry.ts';
import { Log } from '../log/log.ts';
import { Retention } from '../log/retention.ts';
import type { Lsn } from '../lsn.ts';
import { isAtLeast, type Position } from '../position.ts';
import { run, type Sql } from '../ports.ts';
import { type Assignment, membersOf } from '../protocol/assignment.ts';
import { copiesNeeded, MEMBERS_MIN } from '../protocol/durability.ts';
import {
  type AppendReply,
  type CopyReply,
  type CopyRequest,
  type ExecuteRequest,
  MESSAGE_VERSION,
  type Misdirected,
  type PullReply,
  type PullRequest,
  type Relayed,
  type ReplicaAnswer,
} from '../protocol/messages.ts';
import { durabilityOfBody } from '../protocol/receipt.ts';
import type { Durability } from '../protocol/settings.ts';
import { installCapture } from '../tables/capture.ts';
import { type PieceBound, readPiece, readStart } from '../tables/snapshot.ts';
import { Fanout, type Send, type Timer } from './fanout.ts';
import { aheadOfLog, lateWrite, NOT_SETTLED, TOO_MANY_HELD, tooFewFollowers } from './failures.ts';
import { type HeldAnswer, Holding, type Released } from './holding.ts';
import { Lines } from './lines.ts';
import { type LeaderStatus, leaderStatus } from './status.ts';
import { type Committed, Writer } from './writer.ts';

/** `call` names the caller that waits; `now` is this replica's clock in milliseconds. */
export type LeaderEvent =
  | {
      readonly kind: 'execute';
      readonly call: number;
      readonly now: number;
      readonly request: ExecuteRequest;
    }
  | { readonly kind: 'pull'; readonly call: number; readonly now: number; readonly request: PullRequest }
  | { readonly kind: 'copy'; readonly call: number; readonly now: number; readonly request: CopyRequest }
  | { readonly kind: 'replied'; readonly follower: string; readonly now: number; readonly reply: AppendReply }
  | { readonly kind: 'send-failed'; readonly follower: string; readonly now: number }
  /** The same leader of the same epoch has other followers. */
  | { readonly kind: 'reassigned'; readonly now: number; readonly assignment: Assignment }
  | { readonly kind: 'alarm' | 'timer'; readonly now: number };

/** What the shell must do once the step is durable, in this order. */
export type LeaderEffect =
  | { readonly kind: 'answer'; readonly call: number; readonly answer: ReplicaAnswer }
  | { readonly kind: 'pulled'; readonly call: number; readonly reply: PullReply }
  | { readonly kind: 'copied'; readonly call: number; readonly reply: CopyReply }
  | Send
  | Timer
  /** Wake me at this time even after a crash. A later one replaces it. */
  | { readonly kind: 'alarm'; readonly at: number };

/** A leader that was asked for something so recently, in milliseconds, will be again. */
const BUSY_MS = 1_000;

/** Accepts the writes of one partition, makes each an entry, and sends the entries to the followers. */
export class Leader {
  readonly #sql: Sql;
  #assignment: Assignment;
  readonly #limits: LogLimits;
  readonly #log: Log;
  readonly #writer: Writer;
  readonly #lines: Lines;
  readonly #fanout: Fanout;
  readonly #retention: Retention;
  readonly #holding = new Holding();
  /** The alarm that is set, as far as this leader knows since it woke. */
  #alarmAt: number | null = null;
  /** When the timer fires that looks after held answers; null where none does. */
  #holdTimerAt: number | null = null;
  /** Where the log ended when this leader learnt of its followers, or woke. */
  #hadThen: Lsn;
  /** When the last request came. */
  #executedAt = -Infinity;

  constructor(sql: Sql, assignment: Assignment, limits: LogLimits = LOG_LIMITS) {
    this.#sql = sql;
    this.#assignment = assignment;
    this.#limits = limits;
    run(sql, 'PRAGMA ignore_check_constraints = OFF');
    this.#log = new Log(sql, limits);
    this.#writer = new Writer(sql, this.#log);
    this.#lines = new Lines(assignment, this.#log);
    this.#fanout = new Fanout({ lines: this.#lines, epoch: assignment.epoch, log: this.#log, limits });
    this.#retention = new Retention(this.#log, limits);
    this.#hadThen = this.#log.end.lsn;
  }

  /** Makes storage ready to be written to; once, before the first leader is loaded over it. */
  static begin(sql: Sql): void {
    new Log(sql).beginLeading();
    installCapture(sql);
  }

  get position(): Position {
    return this.#log.position;
  }

  step(event: LeaderEvent): LeaderEffect[] {
    switch (event.kind) {
      case 'execute':
        return this.#execute(event);
      case 'pull': {
        const reply = this.#pull(event.request, event.now);
        return [{ kind: 'pulled', call: event.call, reply }, ...this.#heard([], event.now)];
      }
      case 'copy':
        return this.#copied(event);
      case 'replied':
        return this.#heard(this.#fanout.replied(event.follower, event.reply, event.now), event.now);
      case 'send-failed':
        this.#fanout.sendFailed(event.follower, event.now);
        return this.#withAlarm([], event.now);
      case 'reassigned':
        this.#assignment = event.assignment;
        this.#hadThen = this.position.lsn;
        this.#lines.reassign(event.assignment);
        return this.#heard(this.#fanout.retry(event.now), event.now);
      case 'timer':
        return this.#timer(event.now);
      case 'alarm':
        this.#alarmAt = null;
        return this.#heard(this.#fanout.retry(event.now), event.now);
      default:
        return unreachable(event);
    }
  }

  /** How this leader and its followers stand; `appliedOf`: where some of them say that they are. */
  status(appliedOf: readonly Relayed[], now: number): LeaderStatus {
    return leaderStatus({ log: this.#log, lines: this.#lines, appliedOf, held: this.#holding.size, now });
  }

  #execute({ call, request, now }: Extract<LeaderEvent, { kind: 'execute' }>): LeaderEffect[] {
    const refused = this.#refusal(request);
    if (refused !== null) return [{ kind: 'answer', call, answer: refused }];
    this.#executedAt = now;
    const by = this.#assignment;
    const done = this.#writer.knownAnswer(request, by) ?? this.#writer.commit(request, by, now);
    if (done.entry !== null) {
      this.#fanout.added(done.entry, now);
      this.#retention.grown(() => this.#lines.claims, now);
    }
    const answered = this.#answer(call, request, done, now);
    return done.entry === null ? answered : [...answered, ...this.#withAlarm(this.#fanout.send(now), now)];
  }

  /** What is answered without running anything; null where the request is to run. */
  #refusal({ version, need, durability, shows }: ExecuteRequest): ReplicaAnswer | null {
    if (version !== MESSAGE_VERSION) return { kind: 'unknown-version', version };
    if (need !== null && !isAtLeast(this.position, need))
      return this.#failed(aheadOfLog(need, this.position));
    const mode = durability ?? this.#assignment.durability;
    const mayWait = copiesNeeded(mode, this.#assignment) > 1 && shows === 'settled';
    if (mayWait && this.#holding.isFull) return this.#failed(TOO_MANY_HELD);
    const members = membersOf(this.#assignment).length;
    return members < MEMBERS_MIN[mode] ? this.#failed(tooFewFollowers(mode)) : null;
  }

  /** Now, or once what it says can no longer be lost in the way that was asked. */
  #answer(call: number, request: ExecuteRequest, done: Committed, now: number): LeaderEffect[] {
    if (request.shows === 'anything' && done.isRead) return [{ kind: 'answer', call, answer: done.answer }];
    const until = this.#untilOf(request, done);
    if (this.#isMet({ lsn: done.lsn, until })) return [{ kind: 'answer', call, answer: done.answer }];
    const held = this.#held({ call, until, now }, request, done);
    if (held.deadline > now) this.#holding.add(held);
    const late: LeaderEffect[] = held.deadline > now ? [] : [{ kind: 'answer', call, answer: held.late }];
    return [...late, ...this.#holdTimer(), ...this.#fanout.urge(held.lsn, now)];
  }

  /** A write that was known before waits for what its receipt says. */
  #untilOf({ durability }: ExecuteRequest, { answer, entry, isRead }: Committed): HeldAnswer['until'] {
    if (isRead) return 'settled';
    const named = entry === null ? durabilityOf(answer) : null;
    return named ?? durability ?? this.#assignment.durability;
  }

  #held(
    {
      call,
      until,
      now,
    }: { readonly call: number; readonly until: HeldAnswer['until']; readonly now: number },
    request: ExecuteRequest,
    { answer, lsn, isRead }: Committed,
  ): HeldAnswer {
    const position: Position = { epoch: this.#assignment.epoch, lsn };
    const late = isRead ? this.#lateRead(answer, request) : lateWrite(position, until);
    return { call, answer, lsn, until, deadline: now + request.hold_ms, late };
  }

  /** Nothing was applied, and what was found may not be shown. */
  #lateRead(answer: ReplicaAnswer, { hold_ms }: ExecuteRequest): ReplicaAnswer {
    if (answer.kind === 'failed') return this.#failed(NOT_SETTLED);
    return { kind: 'behind', position: this.#shown, waited_ms: hold_ms };
  }

  #isMet({ lsn, until }: Pick<HeldAnswer, 'lsn' | 'until'>): boolean {
    if (until === 'settled') return this.#lines.settled >= lsn;
    return this.#lines.durableAt(copiesNeeded(until, this.#assignment)) >= lsn;
  }

  /** Something was heard of followers: some answers may leave. */
  #heard(sends: readonly (Send | Timer)[], now: number): LeaderEffect[] {
    const released = this.#holding.release((held) => this.#isMet(held));
    return [...released.map(toAnswer), ...this.#withAlarm(sends, now)];
  }

  /** One timer serves all held answers, and all gathering followers. */
  #timer(now: number): LeaderEffect[] {
    if (this.#holdTimerAt !== null && this.#holdTimerAt <= now) this.#holdTimerAt = null;
    const late = this.#holding.expire(now).map(toAnswer);
    return [...late, ...this.#holdTimer(), ...this.#withAlarm(this.#fanout.gathered(now), now)];
  }

  #holdTimer(): Timer[] {
    const next = this.#holding.nextDeadline();
    if (next === null || (this.#holdTimerAt !== null && this.#holdTimerAt <= next)) return [];
    this.#holdTimerAt = next;
    return [{ kind: 'timer', at: next }];
  }

  /** What whoever asks is told that is no follower of this leader and epoch, else null. One that was removed would show entries as if it counted. */
  #misdirected({ version, follower, epoch }: PullRequest | CopyRequest): Misdirected | null {
    if (version !== MESSAGE_VERSION) return { kind: 'unknown-version', version };
    if (epoch !== this.#assignment.epoch) return { kind: 'not-leader', epoch: this.#assignment.epoch };
    return this.#lines.get(follower) === undefined ? { kind: 'unassigned' } : null;
  }

  #pull(request: PullRequest, now: number): PullReply {
    const misdirected = this.#misdirected(request);
    if (misdirected !== null) return misdirected;
    const { follower, after } = request;
    this.#fanout.asked(follower, after, now);
    return { kind: 'batch', batch: this.#fanout.batchAfter(follower, after, now) };
  }

  #copied({ call, request, now }: Extract<LeaderEvent, { kind: 'copy' }>): LeaderEffect[] {
    const reply = this.#copy(request, now);
    // The others are asked what they have, if they have not said.
    const asks = reply.kind === 'keep' ? this.#fanout.urge(this.#log.end.lsn, now) : [];
    return [{ kind: 'copied', call, reply }, ...this.#withAlarm(asks, now)];
  }

  /** The next piece of a snapshot: what was logged since the last one, and the next rows as they are now. */
  #copy(request: CopyRequest, now: number): CopyReply {
    const misdirected = this.#misdirected(request);
    if (misdirected !== null) return misdirected;
    const { follower, has, from } = request;
    if (from === null && has !== null && this.#lines.mustKeep(follower, has.lsn, now))
      return { kind: 'keep' };
    const { end } = this.#log;
    this.#fanout.copies(follower, from?.end.lsn ?? null, now);
    const { pause_ms, ...bound } = this.#pace(now);
    if (from === null) return { kind: 'start', start: readStart(this.#sql), end, pause_ms };
    const entries = this.#fanout.entriesAfter(from.end);
    if (entries === null) return { kind: 'gone' };
    const reached = entries.at(-1)?.end ?? from.end;
    return {
      kind: 'piece',
      from,
      pause_ms,
      text: entries.length === 0 ? null : joinEntries(entries.map((entry) => entry.text)),
      end: reached,
      piece: reached.lsn === end.lsn ? readPiece(this.#sql, from.place, bound) : null,
      leader_now: now,
    };
  }

  /** Where others are served as well, pieces are small, and so far apart that others are served between them. */
  #pace(now: number): { readonly pause_ms: number } & PieceBound {
    const isBusy = now - this.#executedAt < BUSY_MS;
    const { pieceRowsMax: rows, pieceCharsMax: chars, pieceBusyPart: part, piecePauseMs } = this.#limits;
    if (!isBusy) return { rows, chars, pause_ms: 1 };
    const pause_ms = piecePauseMs * this.#lines.copying;
    return { rows: Math.ceil(rows / part), chars: Math.ceil(chars / part), pause_ms };
  }

  /**
   * Whether what this leader had when it learnt of its followers is at as many of them as the database asks: then those who left
   * are not needed for it any more.
   */
  get isSettled(): boolean {
    return this.#lines.durableAt(this.#lines.copies) >= this.#hadThen;
  }

  /**
   * The alarm is what sends after a crash between commit and send. It is set once and left to fire, not moved with each
   * write, because setting it is a row written; with nothing left to send it is not set again.
   */
  #withAlarm(sends: readonly (Send | Timer)[], now: number): LeaderEffect[] {
    const next = this.#fanout.nextTry(now);
    const isSetEarlyEnough = this.#alarmAt !== null && this.#alarmAt <= (next ?? Infinity);
    if (next === null || isSetEarlyEnough) return [...sends];
    this.#alarmAt = next;
    return [...sends, { kind: 'alarm', at: next }];
  }

  /** The last position that may be shown to anybody. */
  get #shown(): Position {
    const { epoch, lsn } = this.position;
    const { settled } = this.#lines;
    return { epoch, lsn: settled < lsn ? settled : lsn };
  }

  #failed(failure: Failure): ReplicaAnswer {
    return { kind: 'failed', failure, position: this.#shown };
  }
}

function toAnswer({ call, answer }: Released): LeaderEffect {
  return { kind: 'answer', call, answer };
}

/** What a write's receipt says, also one that is given again. */
function durabilityOf(answer: ReplicaAnswer): Durability | null {
  return answer.kind === 'done' ? durabilityOfBody(answer.body) : null;
}
