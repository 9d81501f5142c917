import { Refusal } from '../shared/failure.ts';
import { TOKEN_CHARS_MAX } from '../shared/limits.ts';
import type { Position } from '../shared/position.ts';
import type { DatabaseRecord } from '../shared/protocol/directory.ts';
import {
  moveForward,
  NOTHING_SEEN,
  type Seen,
  setBack,
  sessionIdIn,
  type TokenKeys,
  type TokenScope,
  toSessionId,
} from '../shared/session/token.ts';
import type { Env } from './env.ts';
import type { Loss } from '../shared/session/rewind.ts';
import { secretsOf } from './secrets.ts';

/**
 * The token of one request, from the one that came in to the one that goes out. It only moves forward, but where a failover
 * lost what the session has seen. It is the same object that answers and errors take the outgoing token from, so none of them can forget it.
 */
export class RequestSession {
  readonly #env: Env;
  readonly #incoming: string | null;
  #opened: { readonly scope: TokenScope; readonly keys: TokenKeys } | null = null;
  #seen: Seen = NOTHING_SEEN;
  #id: string | null = null;
  /** Whether `#incoming` no longer says what `#seen` and `#id` say. */
  #hasMoved = true;

  constructor(env: Env, incoming: string | null) {
    this.#env = env;
    this.#incoming = incoming;
  }

  /**
   * Ties the session to a database and checks the token that came, before anything uses it. From here on
   * every answer carries a token of this database, also where the one that came is refused.
   * @throws Refusal `token-invalid`
   */
  open({ database, incarnation }: DatabaseRecord): void {
    const scope = { database, incarnation };
    const keys = secretsOf(this.#env).tokenKeys;
    this.#opened = { scope, keys };
    this.#seen = NOTHING_SEEN;
    this.#id = null;
    this.#hasMoved = true;
    if (this.#incoming === null) return;
    this.#seen = keys.verify(this.#incoming, scope);
    // Only now: of a token that is refused nothing may come into one that is signed.
    this.#id = sessionIdIn(this.#incoming);
    this.#hasMoved = !keys.isCurrent(this.#incoming);
  }

  /** As `open`; where the token that came is refused, false, and the session is tied to nothing. */
  tryOpen(record: DatabaseRecord): boolean {
    try {
      this.open(record);
      return true;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#opened = null;
      return false;
    }
  }

  /** As `open`, for a database that was just made: a token of one that had its name before is left behind. */
  begin(record: DatabaseRecord): void {
    try {
      this.open(record);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }

  /** The position that a read of `partition` must have reached; null where nothing was seen of it. */
  need(partition: number): Position | null {
    return this.#seen.get(partition) ?? null;
  }

  /**
   * What tells the session from others, so that its reads can keep to one of several replicas. One without an id begins to have
   * one, made of `random`, and its token carries it from this answer on.
   */
  idOr(random: string): string {
    if (this.#id !== null) return this.#id;
    this.#id = toSessionId(random);
    this.#hasMoved = true;
    return this.#id;
  }

  moveForward(partition: number, position: Position): void {
    this.#move(moveForward(this.#seen, partition, position));
  }

  /** Sets the token back from what was lost, and its bearer must be told so with this answer: the next one will not say it again. */
  rewind(partition: number, loss: Loss): void {
    this.#move(setBack(this.#seen, partition, loss));
  }

  #move(seen: Seen): void {
    this.#hasMoved ||= seen !== this.#seen;
    this.#seen = seen;
  }

  /** The token to send: of the database where one is known, else the one that came. */
  outgoing(): string | null {
    if (this.#opened !== null && this.#hasMoved)
      return this.#opened.keys.sign(this.#opened.scope, this.#seen, this.#id);
    return this.#incoming !== null && this.#incoming.length <= TOKEN_CHARS_MAX ? this.#incoming : null;
  }
}
