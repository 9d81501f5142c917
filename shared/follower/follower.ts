import { unreachable } from '../assert.ts';
import { LOG_LIMITS, type LogLimits } from '../limits.ts';
import { Log } from '../log/log.ts';
import type { Position } from '../position.ts';
import { type Sql, SqlError } from '../ports.ts';
import { type Assigned, isStranded, markStranded } from '../protocol/assigned.ts';
import type { Assignment } from '../protocol/assignment.ts';
import {
  type AppendReply,
  type Batch,
  type FollowerState,
  MESSAGE_VERSION,
  type PullReply,
  type PullRequest,
  type ReadRequest,
  type ReplicaAnswer,
  type Route,
} from '../protocol/messages.ts';
import { answerBody } from '../protocol/receipt.ts';
import { type Freshness, freshness } from '../session/freshness.ts';
import { Applier, DivergenceError } from '../tables/apply.ts';
import { asRefusal, Preparer } from '../tables/prepare.ts';
import { keepRequest } from '../tables/requests.ts';
import { ResultRoom } from '../tables/result.ts';
import { LeaderClock } from './clock.ts';
import { type ReceivedEntry, receive } from './receive.ts';
import { type Waiter, Waiters } from './waiters.ts';

/** `call` names the caller that waits; `now` is this replica's clock in milliseconds. */
export type FollowerEvent =
  | { readonly kind: 'append'; readonly call: number; readonly now: number; readonly batch: Batch }
  | { readonly kind: 'read'; readonly call: number; readonly now: number; readonly request: ReadRequest }
  | { readonly kind: 'pulled'; readonly now: number; readonly askedAt: number; readonly reply: PullReply }
  | { readonly kind: 'pull-failed'; readonly now: number }
  | { readonly kind: 'timer'; readonly now: number };

/** What the shell must do once the step is durable, in this order. */
export type FollowerEffect =
  | { readonly kind: 'answer'; readonly call: number; readonly answer: ReplicaAnswer }
  | { readonly kind: 'appended'; readonly call: number; readonly reply: AppendReply }
  | { readonly kind: 'pull'; readonly request: PullRequest }
  /** Wake me at this time while you live. After a crash nobody waits any more. */
  | { readonly kind: 'timer'; readonly at: number };

/** Applies the leader's entries in their order, and answers reads at the position it has applied. */
export class Follower {
  readonly #sql: Sql;
  readonly #assignment: Assignment;
  readonly #log: Log;
  readonly #preparer: Preparer;
  readonly #clock: LeaderClock;
  readonly #waiters = new Waiters();
  #applier: Applier;
  #head: Position;
  #isStranded: boolean;
  /** Why the last entries could not be applied; null where they were. */
  #failure: string | null = null;
  #isPulling = false;

  constructor(sql: Sql, { assignment, at }: Assigned, limits: LogLimits = LOG_LIMITS) {
    this.#sql = sql;
    this.#assignment = assignment;
    this.#log = new Log(sql, limits);
    this.#head = this.#log.position;
    this.#preparer = new Preparer(sql);
    this.#applier = new Applier(sql);
    this.#clock = new LeaderClock(this.#log.receivedTime ?? at);
    this.#isStranded = isStranded(sql);
  }

  get applied(): Position {
    return this.#log.position;
  }

  get state(): FollowerState {
    if (this.#isStranded) return 'stranded';
    if (this.#failure !== null) return 'failed';
    return this.applied.lsn < this.#head.lsn ? 'catching-up' : 'streaming';
  }

  step(event: FollowerEvent): FollowerEffect[] {
    switch (event.kind) {
      case 'append': {
        const reply = this.#append(event.batch, event.now);
        return [{ kind: 'appended', call: event.call, reply }, ...this.#wake(event.now)];
      }
      case 'read':
        return this.#read(event);
      case 'pulled':
        return this.#pulled(event.reply, event);
      case 'pull-failed':
        this.#isPulling = false;
        return this.#giveUp(() => true, event.now);
      case 'timer':
        return this.#giveUp((waiter) => waiter.deadline <= event.now, event.now);
      default:
        return unreachable(event);
    }
  }

  stalenessMs(now: number): number {
    return this.#clock.stalenessMs(now);
  }

  #append(batch: Batch, now: number): AppendReply {
    const { version, epoch, text } = batch;
    if (version !== MESSAGE_VERSION) return { kind: 'unknown-version', version };
    if (epoch < this.#assignment.epoch) return { kind: 'fenced', epoch: this.#assignment.epoch };
    if (batch.gone) this.#strand(now);
    const received = text === null ? ({ kind: 'next', entries: [] } as const) : receive(text, this.#log.end);
    if (received.kind === 'gap') return { kind: 'gap', applied: this.applied };
    const failure = received.kind === 'refused' ? received.detail : this.#apply(received.entries);
    this.#failure = failure;
    if (failure !== null) return { kind: 'failed', detail: failure };
    this.#head = batch.head;
    const lastTime = this.#log.receivedTime;
    if (lastTime !== null) this.#clock.caughtUp(lastTime, now);
    if (this.applied.lsn >= batch.head.lsn) this.#clock.caughtUp(batch.leader_now, now);
    return { kind: 'appended', applied: this.applied };
  }

  /** Rows, request ids and log in one transaction. Null, or why nothing was applied. */
  #apply(entries: readonly ReceivedEntry[]): string | null {
    if (entries.length === 0) return null;
    try {
      this.#sql.transaction(() => {
        this.#applier.apply(entries.map(({ entry }) => entry.changes));
        for (const { entry } of entries) {
          if (entry.request === null) continue;
          keepRequest(this.#sql, entry.request, { lsn: entry.position.lsn, time: entry.time, in: 'log' });
        }
        this.#log.append(entries);
      });
    } catch (error) {
      if (!(error instanceof DivergenceError || error instanceof SqlError)) throw error;
      this.#applier = new Applier(this.#sql);
      return error.message;
    }
    if (entries.some(({ entry }) => entry.changes.some((line) => line.startsWith('\t'))))
      this.#preparer.forgetPlans();
    return null;
  }

  #strand(now: number): void {
    this.#isStranded = true;
    markStranded(this.#sql, now);
  }

  #read({ call, now, request }: Extract<FollowerEvent, { kind: 'read' }>): FollowerEffect[] {
    if (request.version !== MESSAGE_VERSION) {
      return [{ kind: 'answer', call, answer: { kind: 'unknown-version', version: request.version } }];
    }
    const waiter: Waiter = { call, request, since: now, deadline: now + request.wait_ms };
    const what = this.#freshness(waiter, now);
    if (what === 'serve') return [this.#serve(waiter, now, 'nearest')];
    if (what === 'ask the leader') return [this.#behind(waiter, now)];
    this.#waiters.add(waiter);
    return [{ kind: 'timer', at: waiter.deadline }, ...this.#pull()];
  }

  #freshness(waiter: Waiter, now: number): Freshness {
    const { need, staleness_ms_max } = waiter.request;
    const isFollowing = this.state === 'streaming' || this.state === 'catching-up';
    const standing = { applied: this.applied, staleness_ms: this.stalenessMs(now), isFollowing };
    return freshness(standing, { need, staleness_ms_max, wait_ms: waiter.deadline - now });
  }

  #pulled(
    reply: PullReply,
    { now, askedAt }: { readonly now: number; readonly askedAt: number },
  ): FollowerEffect[] {
    this.#isPulling = false;
    if (reply.kind !== 'batch') return this.#giveUp(() => true, now);
    this.#clock.exchanged(askedAt, reply.batch.leader_now);
    const appended = this.#append(reply.batch, now);
    const answers = this.#wake(now);
    const isThereMore = appended.kind === 'appended' && this.applied.lsn < this.#head.lsn;
    // Of what came after the leader was asked, its answer says nothing.
    const given = isThereMore ? [] : this.#giveUp((waiter) => waiter.since <= askedAt, now);
    return [...answers, ...given, ...(this.#waiters.isEmpty ? [] : this.#pull())];
  }

  #pull(): FollowerEffect[] {
    if (this.#isPulling) return [];
    this.#isPulling = true;
    const { epoch, self } = this.#assignment;
    return [
      {
        kind: 'pull',
        request: { version: MESSAGE_VERSION, follower: self.name, epoch, after: this.applied },
      },
    ];
  }

  /** Answers the reads that waited for what is here now. */
  #wake(now: number): FollowerEffect[] {
    if (this.#waiters.isEmpty) return [];
    return this.#waiters
      .take((waiter) => this.#freshness(waiter, now) === 'serve')
      .map((waiter) => this.#serve(waiter, now, 'caught-up'));
  }

  #giveUp(isOver: (waiter: Waiter) => boolean, now: number): FollowerEffect[] {
    return this.#waiters.take(isOver).map((waiter) => this.#behind(waiter, now));
  }

  #behind({ call, since }: Waiter, now: number): FollowerEffect {
    return {
      kind: 'answer',
      call,
      answer: { kind: 'behind', position: this.applied, waited_ms: waited(since, now) },
    };
  }

  #serve({ call, request, since }: Waiter, now: number, route: Route): FollowerEffect {
    const position = this.applied;
    try {
      const prepared = request.statements.map((statement) => this.#preparer.prepare(statement));
      if (prepared.some(({ parsed, writes }) => writes || parsed.kind !== 'read')) {
        return { kind: 'answer', call, answer: { kind: 'writes', position } };
      }
      const room = new ResultRoom();
      const results = prepared.map((statement) => this.#preparer.read(statement, room));
      const waited_ms = waited(since, now);
      const staleness_ms = this.stalenessMs(now);
      const receipt = {
        role: 'follower',
        position,
        staleness_ms,
        waited_ms,
        route,
        durability: null,
      } as const;
      return {
        kind: 'answer',
        call,
        answer: { kind: 'done', body: answerBody(results, this.#assignment, receipt), position },
      };
    } catch (error) {
      return {
        kind: 'answer',
        call,
        answer: { kind: 'failed', failure: asRefusal(error).failure, position },
      };
    }
  }
}

/** A clock may be set back while a read waits, and nobody has waited for less than no time. */
function waited(since: number, now: number): number {
  return Math.max(0, now - since);
}
