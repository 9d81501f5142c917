import { HELD_CHARS_MAX, WAITING_READS_MAX } from '../limits.ts';
import { cutOff, NOWHERE, positionAt } from '../log/history.ts';
import type { Lsn } from '../lsn.ts';
import type { Position } from '../position.ts';
import type { Sql } from '../ports.ts';
import type { Assignment } from '../protocol/assignment.ts';
import { MESSAGE_VERSION, type ReadRequest, type ReplicaAnswer, type Route } from '../protocol/messages.ts';
import { answerBody } from '../protocol/receipt.ts';
import { sessionLost } from '../protocol/session-lost.ts';
import { type Freshness, freshness } from '../session/freshness.ts';
import { asRefusal, Preparer } from '../tables/prepare.ts';
import { ResultRoom } from '../tables/result.ts';
import { Waiting } from '../waiting.ts';

/** What this replica is, at the moment of a read. Times in milliseconds by its own clock. */
export interface ReadStanding {
  readonly by: Assignment;
  readonly applied: Position;
  /** As durable as the database asks up to here. */
  readonly settled: Lsn;
  readonly staleness_ms: number;
  /** False for a replica that will not come further by waiting. */
  readonly isFollowing: boolean;
  /** False where the tables are those of no position. */
  readonly hasTables: boolean;
  readonly now: number;
}

/** A read that waits for its position. */
interface Waiter {
  readonly call: number;
  readonly request: ReadRequest;
  /** When it came and when it may wait no longer. */
  readonly since: number;
  readonly deadline: number;
}

/** A read that was done at `lsn`, and may not be shown before that is settled. */
interface HeldRead extends Waiter {
  readonly answer: ReplicaAnswer;
  readonly lsn: Lsn;
}

export interface Answered {
  readonly kind: 'answer';
  readonly call: number;
  readonly answer: ReplicaAnswer;
}

/** An answer, or that the caller waits: ask the leader for what it needs, and come back at its deadline. */
export type ReadOutcome = Answered | { readonly kind: 'wait'; readonly until: number };

/** The reads of a follower: served at once, after the position they need has come, or not here. */
export class Reads {
  readonly #preparer: Preparer;
  readonly #waiters = new Waiting<Waiter>();
  readonly #held = new Waiting<HeldRead>();
  #heldChars = 0;

  constructor(sql: Sql) {
    this.#preparer = new Preparer(sql);
  }

  get waiting(): number {
    return this.#waiters.size + this.#held.size;
  }

  /** Whether anybody waits for entries that are not here. */
  get wantEntries(): boolean {
    return this.#waiters.size > 0;
  }

  /** Call after each change of the schema. */
  forgetPlans(): void {
    this.#preparer.forgetPlans();
  }

  begin(call: number, request: ReadRequest, standing: ReadStanding): ReadOutcome {
    const { now } = standing;
    if (request.version !== MESSAGE_VERSION)
      return { kind: 'answer', call, answer: { kind: 'unknown-version', version: request.version } };
    const { seen } = request;
    const cut = seen === null ? null : cutOff(standing.by.history, seen);
    if (seen !== null && cut !== null) return { kind: 'answer', call, answer: sessionLost(seen, cut) };
    const waiter: Waiter = { call, request, since: now, deadline: now + request.wait_ms };
    if (!standing.hasTables) return { kind: 'answer', call, answer: { kind: 'installing' } };
    const what = freshnessOf(waiter, standing);
    if (what === 'serve') return this.#serve(waiter, standing, 'nearest');
    if (what === 'ask the leader' || this.#isFull) return behind(waiter, standing);
    this.#waiters.add(waiter);
    return { kind: 'wait', until: waiter.deadline };
  }

  /** Answers those that waited for what is here now. */
  wake(standing: ReadStanding): ReadOutcome[] {
    const settled = this.#takeHeld(({ lsn }) => lsn <= standing.settled);
    // While a snapshot is copied, the position is that of the rows that are here already, which are not all.
    const isReady = (waiter: Waiter) => standing.hasTables && freshnessOf(waiter, standing) === 'serve';
    const fresh = this.#waiters.take(isReady);
    return [
      ...settled.map(({ call, answer }): Answered => ({ kind: 'answer', call, answer })),
      ...fresh.map((waiter) => this.#serve(waiter, standing, 'caught-up')),
    ];
  }

  /** Gives up those whose time is over, and those that came up to `askedAt` and did not get what they waited for. */
  giveUp(askedAt: number, standing: ReadStanding): Answered[] {
    const { now } = standing;
    const late = this.#takeHeld(({ deadline }) => deadline <= now);
    const tired = this.#waiters.take(({ since, deadline }) => deadline <= now || since <= askedAt);
    return [...tired, ...late].map((waiter) => behind(waiter, standing));
  }

  get #isFull(): boolean {
    return this.waiting >= WAITING_READS_MAX || this.#heldChars >= HELD_CHARS_MAX;
  }

  #takeHeld(isOver: (held: HeldRead) => boolean): HeldRead[] {
    const taken = this.#held.take(isOver);
    for (const { answer } of taken) this.#heldChars -= charsOf(answer);
    return taken;
  }

  /** Rows at one position; where that is not settled, the answer is held until it is. */
  #serve(waiter: Waiter, standing: ReadStanding, route: Route): ReadOutcome {
    const { call, request, deadline } = waiter;
    const { applied, settled, now } = standing;
    const answer = this.#run(waiter, standing, route);
    const isShown = request.shows === 'anything' || applied.lsn <= settled;
    if (isShown || answer.kind === 'writes') return { kind: 'answer', call, answer };
    if (deadline <= now || this.#isFull) return behind(waiter, standing);
    this.#held.add({ ...waiter, answer, lsn: applied.lsn });
    this.#heldChars += charsOf(answer);
    return { kind: 'wait', until: deadline };
  }

  #run({ request, since }: Waiter, standing: ReadStanding, route: Route): ReplicaAnswer {
    const { by, applied: position, staleness_ms, now } = standing;
    try {
      const prepared = request.statements.map((statement) => this.#preparer.prepare(statement));
      if (prepared.some(({ parsed, writes }) => writes || parsed.kind !== 'read'))
        return { kind: 'writes', position };
      const room = new ResultRoom();
      const results = prepared.map((statement) => this.#preparer.read(statement, room));
      const waited_ms = waited(since, now);
      const receipt = {
        role: 'follower',
        position,
        staleness_ms,
        waited_ms,
        route,
        durability: null,
      } as const;
      return { kind: 'done', body: answerBody(results, by, receipt), position, revision: by.revision };
    } catch (error) {
      return { kind: 'failed', failure: asRefusal(error).failure, position };
    }
  }
}

function charsOf(answer: ReplicaAnswer): number {
  return answer.kind === 'done' ? answer.body.length : 0;
}

function freshnessOf({ request, deadline }: Waiter, standing: ReadStanding): Freshness {
  const { need, staleness_ms_max } = request;
  return freshness(standing, { need, staleness_ms_max, wait_ms: deadline - standing.now });
}

function behind({ call, since }: Waiter, standing: ReadStanding): Answered {
  const { by, applied, settled, hasTables, now } = standing;
  // Where a copy of the leader's tables is, says nothing of what is settled here.
  const shown = applied.lsn <= settled ? applied : positionAt(by.history, settled);
  const position = hasTables ? shown : NOWHERE;
  return { kind: 'answer', call, answer: { kind: 'behind', position, waited_ms: waited(since, now) } };
}

/** A clock may be set back while a read waits, and nobody has waited for less than no time. */
function waited(since: number, now: number): number {
  return Math.max(0, now - since);
}
