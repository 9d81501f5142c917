import { laterOf, type Position } from '../../shared/position.ts';
import type { Region } from '../../shared/regions.ts';
import { sleep } from '../http/server.ts';
import type { Fail, Happening, Info, Ok } from '../simulator/history.ts';
import type { Random } from '../simulator/random.ts';
import type { AskedTask } from '../simulator/client.ts';
import { ask, type Asked, type Told } from './http.ts';
import { type Journal, journaled } from './journal.ts';

/** How often a client sends a request again, and how long it waits before. */
const TRIES_MAX = 6;
const AGAIN_MS = 300;
/** As long as the edge waits for a follower beyond what a read may wait, and for the leader: see workers/. */
const FOLLOWER_MS = 5_000;
const LEADER_MS = 30_000;
const SESSION_MS = 5_000;
/** For the way there and back on a busy machine. */
const WAY_MS = 10_000;

/** The token that the devices of one session share. */
export interface Session {
  readonly name: string;
  seen: Position | null;
  token: string | null;
}

interface ClientParts {
  readonly name: string;
  readonly session: Session;
  /** The path that queries go to. */
  readonly url: string;
  readonly regions: readonly Region[];
  readonly random: Random;
  /** Whether this client may lose answers now. */
  readonly losesAnswers: () => boolean;
  readonly record: (happening: Happening) => void;
  readonly journal: Journal;
}

const LOST_ANSWERS = 0.05;
const LOST_MS_MAX = 40;
/** A request that was answered and has a key is sometimes sent once more. */
const ASKED_AGAIN = 0.1;

/** What stays the same when a request is sent again. */
type Request = Omit<Asked, 'token' | 'region' | 'lostAfterMs'>;

/** One device. It does one operation after another, each from wherever the device is just then. */
export class Client {
  readonly #parts: ClientParts;

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  /** How the operation ended. */
  async run(op: number, task: AskedTask): Promise<Ok | Fail | Info> {
    const { name, session, record } = this.#parts;
    const key = task.isKeyed ? `key-${op}` : null;
    record({
      event: 'invoke',
      op,
      client: name,
      session: session.name,
      user: task.user,
      consistency: task.consistency,
      staleness_ms_max: task.stalenessMsMax,
      durability: task.durability,
      need: session.seen,
      bound_ms: TRIES_MAX * (boundMs(task) + AGAIN_MS),
      does:
        task.kind === 'write'
          ? { kind: 'write', key, reusesKey: false, effects: task.effects }
          : { kind: 'read', views: task.views },
    });
    const ending = await this.#ending(op, task, key);
    record(ending);
    return ending;
  }

  async #ending(op: number, task: AskedTask, key: string | null): Promise<Ok | Fail | Info> {
    const { session } = this.#parts;
    const statements = task.kind === 'write' ? journaled(op, task) : task.statements;
    const request: Request = {
      url: this.#parts.url,
      statements,
      user: task.user,
      consistency: task.consistency,
      stalenessMsMax: task.stalenessMsMax,
      waitMs: task.waitMs,
      key,
      timeoutMs: boundMs(task),
    };
    const maySendAgain = key !== null || task.kind === 'read';
    let mayHappen = false;
    for (let tries = 1; ; tries += 1) {
      const told = await this.#ask(request);
      // A token is of use also where the rest of the answer is not.
      const token = told.kind === 'nothing' ? session.seen : told.token;
      switch (told.kind) {
        case 'done': {
          if (key !== null) await this.#askAgain(op, request, told);
          const { position, staleness_ms } = told;
          return { event: 'ok', op, position, token, rows: this.#rowsOf(op, task, told), staleness_ms };
        }
        case 'refused':
          return mayHappen
            ? { event: 'info', op, token }
            : { event: 'fail', op, code: told.code, position: null, token };
        case 'unknown':
        case 'nothing':
          mayHappen ||= task.kind === 'write' && told.hasArrived;
          if (tries < TRIES_MAX && (maySendAgain || !told.hasArrived)) break;
          return mayHappen
            ? { event: 'info', op, token }
            : { event: 'fail', op, code: 'lost', position: null, token };
      }
      await sleep(AGAIN_MS * this.#parts.random.fraction());
    }
  }

  async #ask(request: Request): Promise<Told> {
    const { session, random, regions, losesAnswers } = this.#parts;
    const isLost = losesAnswers() && random.chance(LOST_ANSWERS);
    const told = await ask({
      ...request,
      token: session.token,
      region: random.pick(regions),
      lostAfterMs: isLost ? random.between(0, LOST_MS_MAX) : null,
    });
    if (told.kind !== 'nothing') this.#moveForward(told);
    return told;
  }

  #moveForward({ token, tokenText }: Exclude<Told, { kind: 'nothing' }>): void {
    const { session } = this.#parts;
    if (token === null) return;
    const { seen } = session;
    session.seen = seen === null ? token : laterOf(seen, token);
    if (session.seen === token) session.token = tokenText;
  }

  /** The rows of the user's own statements: the journal's were added by this test. */
  #rowsOf(op: number, task: AskedTask, { rows, position }: Extract<Told, { kind: 'done' }>): Ok['rows'] {
    if (task.kind === 'read') return rows;
    this.#parts.journal.acknowledged(op, position, rows.at(-1) ?? []);
    return rows.slice(0, -1);
  }

  /** The same request once more must be answered with the same bytes, or not at all. */
  async #askAgain(op: number, request: Request, first: Extract<Told, { kind: 'done' }>): Promise<void> {
    if (!this.#parts.random.chance(ASKED_AGAIN)) return;
    const again = await this.#ask(request);
    if (again.kind === 'done' && again.body !== first.body)
      this.#parts.journal.violation('K1', `operation ${op} was given two different answers for its key`);
    if (again.kind === 'refused' && again.code === 'idempotency-conflict')
      this.#parts.journal.violation('K1', `operation ${op} is told that its key was used with another body`);
  }
}

/** A request is answered within this time, in milliseconds. */
function boundMs({ kind, waitMs }: AskedTask): number {
  const least = 2 * LEADER_MS + SESSION_MS + WAY_MS;
  return kind === 'write' ? least : least + 2 * (waitMs + FOLLOWER_MS);
}
