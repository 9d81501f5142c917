import { unreachable } from '../assert.ts';
import { type Failure, refuse } from '../failure.ts';
import { KEPT_ANSWER_BYTES_MAX, LOG_LIMITS, type LogLimits } from '../limits.ts';
import type { RecordedRequest } from '../log/entry.ts';
import { Log } from '../log/log.ts';
import type { ChangeRow } from '../log/captured.ts';
import type { StoredEntry } from '../log/tail.ts';
import { type Lsn, lsnAfter } from '../lsn.ts';
import { isAtLeast, type Position, showPosition } from '../position.ts';
import { run, type Sql } from '../ports.ts';
import type { Assignment } from '../protocol/assignment.ts';
import {
  type AppendReply,
  type ExecuteRequest,
  MESSAGE_VERSION,
  type PullReply,
  type PullRequest,
  type ReplicaAnswer,
  type RequestId,
} from '../protocol/messages.ts';
import { answerBody, positionOfBody } from '../protocol/receipt.ts';
import { installCapture } from '../tables/capture.ts';
import { asRefusal } from '../tables/prepare.ts';
import { findRequest, keepRequest } from '../tables/requests.ts';
import { type TransactionResult, UserTransactions } from '../tables/transaction.ts';
import { utf8Length } from '../utf8.ts';
import { Fanout, type Send, type Timer } from './fanout.ts';

/** `call` names the caller that waits; `now` is this replica's clock in milliseconds. */
export type LeaderEvent =
  | {
      readonly kind: 'execute';
      readonly call: number;
      readonly now: number;
      readonly request: ExecuteRequest;
    }
  | { readonly kind: 'pull'; readonly call: number; readonly now: number; readonly request: PullRequest }
  | { readonly kind: 'replied'; readonly follower: string; readonly now: number; readonly reply: AppendReply }
  | { readonly kind: 'send-failed'; readonly follower: string; readonly now: number }
  | { readonly kind: 'alarm' | 'timer'; readonly now: number };

/** What the shell must do once the step is durable, in this order. */
export type LeaderEffect =
  | { readonly kind: 'answer'; readonly call: number; readonly answer: ReplicaAnswer }
  | { readonly kind: 'pulled'; readonly call: number; readonly reply: PullReply }
  | Send
  | Timer
  /** Wake me at this time even after a crash. A later one replaces it. */
  | { readonly kind: 'alarm'; readonly at: number };

/** Accepts the writes of one partition, makes each an entry, and sends the entries to the followers. */
export class Leader {
  readonly #sql: Sql;
  readonly #assignment: Assignment;
  readonly #log: Log;
  readonly #transactions: UserTransactions;
  readonly #fanout: Fanout;
  /** The alarm that is set, as far as this leader knows since it woke. */
  #alarmAt: number | null = null;

  constructor(sql: Sql, assignment: Assignment, limits: LogLimits = LOG_LIMITS) {
    this.#sql = sql;
    this.#assignment = assignment;
    run(sql, 'PRAGMA ignore_check_constraints = OFF');
    this.#log = new Log(sql, limits);
    this.#transactions = new UserTransactions(sql);
    this.#fanout = new Fanout(assignment, this.#log, limits);
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
        return this.#execute(event.call, event.request, event.now);
      case 'pull':
        return [{ kind: 'pulled', call: event.call, reply: this.#pull(event.request, event.now) }];
      case 'replied':
        return this.#withAlarm(this.#fanout.replied(event.follower, event.reply, event.now), event.now);
      case 'send-failed':
        this.#fanout.sendFailed(event.follower, event.now);
        return this.#withAlarm([], event.now);
      case 'timer':
        return this.#withAlarm(this.#fanout.gathered(event.now), event.now);
      case 'alarm':
        return this.#alarm(event.now);
      default:
        return unreachable(event);
    }
  }

  /** How long ago, in seconds, the first entry after each LSN was committed; 0 at the end of the log. */
  lagSeconds(applied: readonly Lsn[], now: number): number[] {
    return applied.map((lsn) => {
      const next = this.#log.readAfter(lsn, { entries: 1, chars: 0 })?.[0];
      return next === undefined ? 0 : Math.max(0, now - next.time) / 1000;
    });
  }

  #execute(call: number, request: ExecuteRequest, now: number): LeaderEffect[] {
    const refused = this.#refusal(request);
    if (refused !== null) return [{ kind: 'answer', call, answer: refused }];
    const done = this.#commit(request, now);
    const answer: LeaderEffect = { kind: 'answer', call, answer: done.answer };
    return done.entry === null
      ? [answer]
      : [answer, ...this.#withAlarm(this.#fanout.added(done.entry, now), now)];
  }

  /** What is answered without running anything; null where the request is to run. */
  #refusal({ version, need, request }: ExecuteRequest): ReplicaAnswer | null {
    if (version !== MESSAGE_VERSION) return { kind: 'unknown-version', version };
    if (need !== null && !isAtLeast(this.position, need))
      return this.#failed(aheadOfLog(need, this.position));
    if (request === null) return null;
    const known = findRequest(this.#sql, request.id);
    if (known === null) return null;
    if (known.fingerprint !== request.fingerprint) return this.#failed(OTHER_BODY);
    return { kind: 'done', body: known.answer, position: positionOfBody(known.answer) };
  }

  /** One transaction: run the statements, close the entry, keep the request id. Nothing of it stays if it fails. */
  #commit(
    request: ExecuteRequest,
    now: number,
  ): { readonly answer: ReplicaAnswer; readonly entry: StoredEntry | null } {
    try {
      return this.#sql.transaction(() => {
        const captured = this.#log.capture();
        const result = this.#transactions.run(request.statements, captured);
        const changes = result.isRead ? [] : captured.read();
        const position =
          changes.length === 0
            ? this.position
            : { epoch: this.#assignment.epoch, lsn: lsnAfter(this.position.lsn) };
        const body = this.#body(result, position, request);
        const recorded = request.request === null || result.isRead ? null : keptAnswer(request.request, body);
        const entry = this.#close(changes, recorded, now);
        return { answer: { kind: 'done', body, position }, entry };
      });
    } catch (error) {
      const { failure } = asRefusal(error);
      this.#transactions.rolledBack();
      return { answer: this.#failed(failure), entry: null };
    }
  }

  /** The entry comes last, so that no memory has moved on when something before it fails. */
  #close(changes: readonly ChangeRow[], request: RecordedRequest | null, now: number): StoredEntry | null {
    const time = changes.at(-1)?.time ?? now;
    if (request !== null) {
      const lsn = changes.length === 0 ? this.position.lsn : lsnAfter(this.position.lsn);
      keepRequest(this.#sql, request, { lsn, time, in: changes.length === 0 ? 'this replica' : 'log' });
    }
    return changes.length === 0 ? null : this.#log.close(this.#assignment.epoch, changes, request);
  }

  #body(
    { results, isRead }: TransactionResult,
    position: Position,
    { route, waited_ms }: ExecuteRequest,
  ): string {
    const durability = isRead ? null : 'async';
    return answerBody(results, this.#assignment, {
      role: 'leader',
      position,
      staleness_ms: 0,
      waited_ms,
      route,
      durability,
    });
  }

  #pull({ version, follower, epoch, after }: PullRequest, now: number): PullReply {
    if (version !== MESSAGE_VERSION) return { kind: 'unknown-version', version };
    if (epoch !== this.#assignment.epoch) return { kind: 'not-leader', epoch: this.#assignment.epoch };
    this.#fanout.asked(follower, after.lsn);
    return { kind: 'batch', batch: this.#fanout.batch(after.lsn, now) };
  }

  #alarm(now: number): LeaderEffect[] {
    this.#alarmAt = null;
    return this.#withAlarm(this.#fanout.retry(now), now);
  }

  /**
   * The alarm is what sends after a crash between commit and send. It is set once and left to fire, not moved with each
   * write, because setting it is a row written; with nothing left to send it is not set again.
   */
  #withAlarm(sends: readonly (Send | Timer)[], now: number): LeaderEffect[] {
    const next = this.#fanout.nextTry(now);
    const isSetEarlyEnough =
      this.#alarmAt !== null && this.#alarmAt > now && this.#alarmAt <= (next ?? Infinity);
    if (next === null || isSetEarlyEnough) return [...sends];
    this.#alarmAt = next;
    return [...sends, { kind: 'alarm', at: next }];
  }

  #failed(failure: Failure): ReplicaAnswer {
    return { kind: 'failed', failure, position: this.position };
  }
}

/** @throws Refusal where the answer is too large to be kept for retries */
function keptAnswer(request: RequestId, answer: string): RecordedRequest {
  if (utf8Length(answer) <= KEPT_ANSWER_BYTES_MAX) return { ...request, answer };
  return refuse({
    code: 'too-large',
    detail: `with an Idempotency-Key the answer is kept for retries, and may have ${KEPT_ANSWER_BYTES_MAX} bytes; return fewer rows, or read them afterwards`,
    limit: KEPT_ANSWER_BYTES_MAX,
  });
}

const OTHER_BODY: Failure = {
  code: 'idempotency-conflict',
  detail: 'this Idempotency-Key was used with another body; use a new key for a new request',
};

function aheadOfLog(need: Position, position: Position): Failure {
  return {
    code: 'behind',
    detail: `the session has seen position ${showPosition(need)}, and the leader is at ${showPosition(position)}; no replica can answer it`,
  };
}
