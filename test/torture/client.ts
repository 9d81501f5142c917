import { toEpoch, toLsn } from '../../shared/lsn.ts';
import { laterOf, type Position } from '../../shared/position.ts';
import type { Durability } from '../../shared/protocol/settings.ts';
import type { Region } from '../../shared/regions.ts';
import { sleep } from '../http/server.ts';
import type { Fail, Happening, Info, LostOf, Ok } from '../simulator/history.ts';
import type { Random } from '../simulator/random.ts';
import type { AskedTask } from '../simulator/client.ts';
import { ask, type Asked, type Lost, type Told } from './http.ts';
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
  /** How often it was told that a failover lost what it had seen. */
  losses: number;
}

/** What one operation knows: when it is tried again, it goes on from what it was told itself. */
type Held = Pick<Session, 'seen' | 'token'>;

interface ClientParts {
  readonly name: string;
  readonly session: Session;
  /** The path that queries go to. */
  readonly url: string;
  readonly regions: readonly Region[];
  readonly random: Random;
  /** What every write's receipt must say was met. */
  readonly durability: Durability;
  /** Whether this client may lose answers now. */
  readonly losesAnswers: () => boolean;
  readonly record: (happening: Happening) => void;
  readonly journal: Journal;
}

const LOST_ANSWERS = 0.05;
const LOST_MS_MAX = 40;
/** So many writes bear to wait for so long only until they are durable. */
const IMPATIENT = 0.03;
const IMPATIENT_MS = 50;
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

  /** Goes up when the session is told of a loss. */
  get losses(): number {
    return this.#parts.session.losses;
  }

  /** Whether the session's token says so: one of a newer epoch may not. */
  hasSeen(ending: Ok | Fail | Info): boolean {
    return ending.event === 'ok' && ending.token?.epoch === ending.position.epoch;
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
      bound_ms: TRIES_MAX * (boundMs(task) + TRIES_MAX * AGAIN_MS),
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
      waitMs: task.kind === 'read' ? task.waitMs : this.#patience(),
      key,
      timeoutMs: boundMs(task),
    };
    const maySendAgain = key !== null || task.kind === 'read';
    const { seen, token } = session;
    const held: Held = { seen, token };
    let mayHappen = false;
    for (let tries = 1; ; tries += 1) {
      const told = await this.#ask(request, held);
      const canTry = tries < TRIES_MAX;
      switch (told.kind) {
        case 'done':
          return this.#done(
            op,
            task,
            told,
            key === null ? null : await this.#askAgain(op, request, told, held),
          );
        case 'refused':
          if (told.code === 'unavailable' && maySendAgain && canTry) break;
          return this.#refused(op, mayHappen, told);
        case 'unknown':
        case 'nothing':
          mayHappen ||= task.kind === 'write' && told.hasArrived;
          if (canTry && (maySendAgain || !told.hasArrived)) break;
          return mayHappen
            ? { event: 'info', op, token: session.seen }
            : { event: 'fail', op, code: 'lost', position: null, token: session.seen };
      }
      await sleep(AGAIN_MS * tries * this.#parts.random.fraction());
    }
  }

  /** A write that is not durable in so short a time has an unknown outcome. */
  #patience(): number | null {
    const { losesAnswers, random } = this.#parts;
    return losesAnswers() && random.chance(IMPATIENT) ? IMPATIENT_MS : null;
  }

  /** `lost`: what was said to be lost when it was asked again. Then the answer before does not count any more. */
  #done(op: number, task: AskedTask, told: Extract<Told, { kind: 'done' }>, lost: Lost | null): Ok | Info {
    const { journal, durability, session } = this.#parts;
    const { position, staleness_ms } = told;
    if (task.kind === 'write' && told.durability !== durability)
      journal.violation(
        'I7',
        `operation ${op} is acknowledged as ${told.durability}, and asked for ${durability}`,
      );
    const rows = this.#rowsOf(op, task, told);
    const token = session.seen;
    if (lost !== null) return { event: 'info', op, token, lost: lostOf(lost) };
    return { event: 'ok', op, position, token, rows, staleness_ms };
  }

  /** A no to one message of a write is no answer about another. */
  #refused(op: number, mayHappen: boolean, { code, lost }: Extract<Told, { kind: 'refused' }>): Fail | Info {
    const token = this.#parts.session.seen;
    const told = lost === null ? {} : { lost: lostOf(lost) };
    return mayHappen
      ? { event: 'info', op, token, ...told }
      : { event: 'fail', op, code, position: null, token, ...told };
  }

  async #ask(request: Request, held: Held): Promise<Told> {
    const { session, random, regions, losesAnswers, journal } = this.#parts;
    const isLost = losesAnswers() && random.chance(LOST_ANSWERS);
    const sent = held.seen;
    const told = await ask({
      ...request,
      token: held.token,
      region: random.pick(regions),
      lostAfterMs: isLost ? random.between(0, LOST_MS_MAX) : null,
    });
    if (told.kind === 'nothing') return told;
    const lost = told.kind === 'refused' ? told.lost : null;
    journal.carried({ sent, token: told.token, position: told.kind === 'done' ? told.position : null, lost });
    // A token is of use also where the rest of the answer is not.
    if (lost !== null) session.losses += 1;
    const isSetBack = lost !== null && isSame(session.seen, sent);
    move(held, told, lost !== null);
    move(session, told, isSetBack);
    return told;
  }

  /** The rows of the user's own statements: the journal's were added by this test. */
  #rowsOf(op: number, task: AskedTask, { rows, position }: Extract<Told, { kind: 'done' }>): Ok['rows'] {
    if (task.kind === 'read') return rows;
    this.#parts.journal.acknowledged(op, position, rows.at(-1) ?? []);
    return rows.slice(0, -1);
  }

  /** The same request once more must be answered with the same bytes, or not at all. */
  async #askAgain(
    op: number,
    request: Request,
    first: Extract<Told, { kind: 'done' }>,
    held: Held,
  ): Promise<Lost | null> {
    const { random, journal } = this.#parts;
    // Of a write that changed nothing no other leader knows.
    const hasEntry = first.rows.at(-1)?.length !== 0;
    if (!hasEntry || !random.chance(ASKED_AGAIN)) return null;
    const again = await this.#ask(request, { ...held });
    if (again.kind === 'done') journal.answeredAgain(op, first, again);
    if (again.kind === 'refused' && again.code === 'idempotency-conflict')
      journal.violation('K1', `operation ${op} is told that its key was used with another body`);
    return again.kind === 'refused' ? again.lost : null;
  }
}

/** Forward, as every answer does; back only where it says that a failover lost what was seen. */
function move(
  known: Held,
  { token, tokenText }: Exclude<Told, { kind: 'nothing' }>,
  isSetBack: boolean,
): void {
  if (token === null || (!isSetBack && known.seen !== null && laterOf(known.seen, token) === known.seen))
    return;
  known.seen = token;
  known.token = tokenText;
}

function isSame(a: Position | null, b: Position | null): boolean {
  return a?.epoch === b?.epoch && a?.lsn === b?.lsn;
}

/** In whose log the position before it is, is known only when all is over. */
function lostOf(lost: Lost): LostOf {
  return { ...lost, instead: { epoch: toEpoch(1), lsn: toLsn(lost.from_lsn - 1) } };
}

/** A request is answered within this time, in milliseconds. */
function boundMs({ kind, waitMs }: AskedTask): number {
  const least = 2 * LEADER_MS + SESSION_MS + WAY_MS;
  return kind === 'write' ? least : least + 2 * (waitMs + FOLLOWER_MS);
}
