import { type Failure, refuse } from '../failure.ts';
import { KEPT_ANSWER_BYTES_MAX } from '../limits.ts';
import type { ChangeRow } from '../log/captured.ts';
import { decodeEntry, hashOf, type Origin, type RecordedRequest } from '../log/entry.ts';
import type { Log } from '../log/log.ts';
import type { StoredEntry } from '../log/tail.ts';
import { type Lsn, lsnAfter } from '../lsn.ts';
import type { Position } from '../position.ts';
import type { Sql } from '../ports.ts';
import type { Assignment } from '../protocol/assignment.ts';
import type { ExecuteRequest, ReplicaAnswer, RequestId } from '../protocol/messages.ts';
import { answerBody, answerBodyAgain, positionOfBody } from '../protocol/receipt.ts';
import type { Durability } from '../protocol/settings.ts';
import { asRefusal } from '../tables/prepare.ts';
import { applyAgain } from '../tables/reapply.ts';
import { findRequest, keepRequest } from '../tables/requests.ts';
import { type TransactionResult, UserTransactions } from '../tables/transaction.ts';
import { utf8Length } from '../utf8.ts';

/** What became of a request's statements. */
export interface Committed {
  readonly answer: ReplicaAnswer;
  readonly entry: StoredEntry | null;
  /** Where the tables were that the answer shows. */
  readonly lsn: Lsn;
  readonly isRead: boolean;
}

/** Under whose leadership a lost entry is applied again, and how durable it is to be; null for what the database asks. */
export interface Again {
  readonly by: Assignment;
  readonly durability: Durability | null;
  readonly wasApplied: boolean;
  readonly now: number;
}

/** Runs requests and makes an entry of what each changes. */
export class Writer {
  readonly #sql: Sql;
  readonly #log: Log;
  #transactions: UserTransactions;

  constructor(sql: Sql, log: Log) {
    this.#sql = sql;
    this.#log = log;
    this.#transactions = new UserTransactions(sql);
  }

  /** The first answer to the same request id; null where it is a new one. */
  knownAnswer({ request }: Pick<ExecuteRequest, 'request'>, { revision }: Assignment): Committed | null {
    if (request === null) return null;
    const known = findRequest(this.#sql, request.id);
    if (known === null) return null;
    const position = positionOfBody(known.answer);
    const isSame = known.fingerprint === request.fingerprint;
    const answer: ReplicaAnswer = isSame
      ? { kind: 'done', body: known.answer, position, revision }
      : { kind: 'failed', failure: OTHER_BODY, position };
    return { answer, entry: null, lsn: position.lsn, isRead: !isSame };
  }

  /** One transaction: run the statements, close the entry, keep the request id. Nothing of it stays if it fails. */
  commit(request: ExecuteRequest, by: Assignment, now: number): Committed {
    try {
      return this.#sql.transaction(() => {
        const captured = this.#log.capture();
        const result = this.#transactions.run(request.statements, captured);
        const changes = result.isRead ? [] : captured.read();
        const position =
          changes.length === 0 ? this.#log.position : { epoch: by.epoch, lsn: lsnAfter(this.#log.end.lsn) };
        const body = bodyOf(result, position, { request, by });
        const recorded = request.request === null || result.isRead ? null : keptAnswer(request.request, body);
        const entry = this.#close(changes, { request: recorded, user: request.user }, { by, now });
        const answer: ReplicaAnswer = { kind: 'done', body, position, revision: by.revision };
        return { answer, entry, lsn: position.lsn, isRead: result.isRead };
      });
    } catch (error) {
      this.#transactions.rolledBack();
      return this.#refused(error);
    }
  }

  /**
   * Does again what a lost entry did to rows, as a new entry under the old one's request id: a client that has retried meanwhile,
   * or will, has its write once. One that had no id gets one that no client can send, so that it is applied once as well.
   */
  commitAgain(text: string, how: Again): Committed {
    const { by, durability, wasApplied, now } = how;
    try {
      const lost = decodeEntry(text);
      const { epoch, lsn } = lost.position;
      const request: RecordedRequest = lost.request ?? {
        id: `\nlost entry ${epoch}:${lsn}`,
        fingerprint: hashOf(text),
        answer: '',
      };
      const known = this.knownAnswer({ request }, by);
      if (known !== null) return known;
      if (wasApplied) refuse(APPLIED_BEFORE);
      return this.#sql.transaction(() => {
        const captured = this.#log.capture();
        applyAgain(this.#sql, lost.changes);
        captured.expectMore();
        const changes = captured.read();
        const position = { epoch: by.epoch, lsn: lsnAfter(this.#log.end.lsn) };
        const body = answerBodyAgain(lost.request?.answer ?? null, by, {
          role: 'leader',
          position,
          staleness_ms: 0,
          waited_ms: 0,
          route: 'leader',
          durability: durability ?? by.durability,
        });
        const origin = { request: { ...request, answer: body }, user: lost.user };
        const entry = this.#close(changes, origin, { by, now });
        const answer: ReplicaAnswer = { kind: 'done', body, position, revision: by.revision };
        return { answer, entry, lsn: position.lsn, isRead: false };
      });
    } catch (error) {
      return this.#refused(error);
    } finally {
      // The schema was touched beneath it.
      this.#transactions = new UserTransactions(this.#sql);
    }
  }

  #refused(error: unknown): Committed {
    const { failure } = asRefusal(error);
    const { position } = this.#log;
    // Its words may tell of rows, so it is shown as a read is.
    return { answer: { kind: 'failed', failure, position }, entry: null, lsn: position.lsn, isRead: true };
  }

  /** The entry comes last, so that no memory has moved on when something before it fails. */
  #close(
    changes: readonly ChangeRow[],
    origin: Origin,
    { by, now }: { readonly by: Assignment; readonly now: number },
  ): StoredEntry | null {
    const { request } = origin;
    const time = changes.at(-1)?.time ?? now;
    if (request !== null) {
      const lsn = changes.length === 0 ? this.#log.end.lsn : lsnAfter(this.#log.end.lsn);
      keepRequest(this.#sql, request, { lsn, time, in: changes.length === 0 ? 'this replica' : 'log' });
    }
    return changes.length === 0 ? null : this.#log.close(by.epoch, changes, origin);
  }
}

function bodyOf(
  { results, isRead }: TransactionResult,
  position: Position,
  { request, by }: { readonly request: ExecuteRequest; readonly by: Assignment },
): string {
  const { route, waited_ms } = request;
  // A write's answer leaves only once this is met.
  const durability = isRead ? null : (request.durability ?? by.durability);
  return answerBody(results, by, {
    role: 'leader',
    position,
    staleness_ms: 0,
    waited_ms,
    route,
    durability,
  });
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

const APPLIED_BEFORE: Failure = {
  code: 'lost-entry-conflict',
  detail:
    'the entry was applied again more than a day ago, as the list of lost entries says; read what is there now, and write what is still wanted yourself',
};

const OTHER_BODY: Failure = {
  code: 'idempotency-conflict',
  detail: 'this Idempotency-Key was used with another body; use a new key for a new request',
};
