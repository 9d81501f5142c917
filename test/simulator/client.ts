import { Refusal } from '../../shared/failure.ts';
import { DURABILITY_WAIT_MS } from '../../shared/limits.ts';
import { hashOf } from '../../shared/log/entry.ts';
import { laterOf, type Position } from '../../shared/position.ts';
import { type Leadership, membersOf, type ReplicaRef } from '../../shared/protocol/assignment.ts';
import type { ReplicaAnswer, RequestId } from '../../shared/protocol/messages.ts';
import type { DatabaseRecord } from '../../shared/protocol/directory.ts';
import type { Durability } from '../../shared/protocol/settings.ts';
import type { Region } from '../../shared/regions.ts';
import type { Ask, Routing, Served, Turn } from '../../shared/routing/asks.ts';
import { unavailable } from '../../shared/routing/failures.ts';
import { lossIn } from '../../shared/routing/loss.ts';
import { route } from '../../shared/routing/route.ts';
import { type Loss, rewound } from '../../shared/session/rewind.ts';
import { rankedFor } from '../../workers/rendezvous.ts';
import { Edge, LOOKUP_WAIT_MS } from './edge.ts';
import type { Happening, Ok } from './history.ts';
import type { Envelope } from './messages.ts';
import type { Surroundings } from './surroundings.ts';
import type { Rows, Task } from './workloads/task.ts';

/** How often a client sends a request again with its key, and how long it waits before. */
const TRIES_MAX = 4;
const AGAIN_MS = 500;
/** A request may have to wait for so many calls, each of the longest that there is, one after the other. */
const CALLS_MAX = 6;
const CALL_MS_MAX = 30_000;

/** A task with what only some have: a bound on staleness, or the key of an earlier one. */
export interface AskedTask extends Task {
  readonly stalenessMsMax: number | null;
  readonly reusedKey: string | null;
  /** Of a write that asks for more or less than its database does. */
  readonly durability: Durability | null;
}

/** The token that the devices of one session share. */
export interface Session {
  readonly name: string;
  seen: Position | null;
  /** How often it was told that a failover lost what it had seen. Whatever one of its devices was about to do may rest on that. */
  losses: number;
}

interface ClientParts {
  readonly name: string;
  readonly session: Session;
  /** All regions, the nearest first. */
  readonly regions: readonly Region[];
  readonly surroundings: Surroundings;
  /** Whether the router's answer is lost on its way to this client. */
  readonly losesAnswer: () => boolean;
  /** Whether this request finds a router that remembers nothing. */
  readonly meetsNewRouter: () => boolean;
  /** Whether a replica has more to do than it can, and says so before it begins. */
  readonly meetsOverload: () => boolean;
}

interface Running {
  readonly op: number;
  readonly task: AskedTask;
  readonly request: RequestId | null;
  /** Called with what an operation that ended ok gave back, or null. */
  readonly done: (rows: Rows | null) => void;
  tries: number;
  /**
   * What its session had seen when it was begun, and what it was told itself since: also when it is tried again, for it rests on that. Were
   * another device told meanwhile that it is lost, and its token taken, this would be done as if nothing were.
   */
  asked: Position | null;
  /** An answer to it was lost or said nothing. What its router lost, the router must have told: a no from it is a no. */
  isOpen: boolean;
}

/** One device, which does one operation after another, and the router that serves it. */
export class Client {
  readonly name: string;
  readonly #parts: ClientParts;
  readonly #edge: Edge;

  constructor(parts: ClientParts) {
    this.name = parts.name;
    this.#parts = parts;
    this.#edge = new Edge(parts.name, parts.surroundings, parts.meetsOverload);
  }

  receive(envelope: Envelope): void {
    this.#edge.receive(envelope);
  }

  /** Goes up when the session is told of a loss. */
  get losses(): number {
    return this.#parts.session.losses;
  }

  run(op: number, task: AskedTask, done: (rows: Rows | null) => void): void {
    const { session } = this.#parts;
    const key = task.reusedKey ?? (task.isKeyed ? keyOf(op) : null);
    const once = 2 * LOOKUP_WAIT_MS + task.waitMs + CALLS_MAX * CALL_MS_MAX;
    this.#record({
      event: 'invoke',
      op,
      client: this.name,
      session: session.name,
      user: task.user,
      consistency: task.consistency,
      staleness_ms_max: task.stalenessMsMax,
      need: session.seen,
      durability: task.durability,
      bound_ms: once * (key === null ? 1 : TRIES_MAX) + TRIES_MAX * AGAIN_MS,
      does:
        task.kind === 'write'
          ? { kind: 'write', key, reusesKey: task.reusedKey !== null, effects: task.effects }
          : { kind: 'read', views: task.views },
    });
    const request =
      key === null ? null : { id: key, fingerprint: hashOf(`${op} ${JSON.stringify(task.effects)}`) };
    this.#try({ op, task, request, done, tries: 0, asked: session.seen, isOpen: false });
  }

  #try(running: Running): void {
    running.tries += 1;
    if (this.#parts.meetsNewRouter()) this.#edge.forget();
    this.#edge.withRecord(running.op, (record) => {
      if (record === null)
        return this.#told(running, { kind: 'failed', failure: unavailable(), position: null });
      this.#advance(running, this.#routing(running, record), null);
    });
  }

  #routing(running: Running, record: DatabaseRecord): Routing<Served> {
    const { surroundings } = this.#parts;
    const { task, request, asked } = running;
    return route(
      {
        statements: task.statements,
        isRead: task.kind === 'read',
        consistency: task.consistency,
        staleness_ms_max: task.stalenessMsMax,
        wait_ms: task.waitMs,
        hold_ms: DURABILITY_WAIT_MS,
        durability: task.durability,
        user: task.user,
        request,
        now: surroundings.clock.now,
        candidatesOf: (leadership) => this.#candidates(leadership),
        sparesOf: (leadership) => this.#spares(leadership),
        needOf: () => asked,
      },
      record,
    );
  }

  /** As workers/placement.ts has it: of the nearest region, those first that this session keeps to. */
  #candidates(leadership: Leadership): readonly ReplicaRef[] {
    const { regions, session } = this.#parts;
    const { leader } = leadership;
    const members = membersOf(leadership);
    const isThere = (region: Region) => [leader, ...members].some((replica) => replica.region === region);
    const nearest = regions.find(isThere);
    if (nearest === leader.region) return this.#edge.avoids(leader) ? this.#spares(leadership) : [leader];
    const siblings = members.filter(({ region }) => region === nearest);
    return rankedFor(session.name, siblings).filter((replica) => !this.#edge.avoids(replica));
  }

  #spares(leadership: Leadership): readonly ReplicaRef[] {
    const { regions, session } = this.#parts;
    const members = membersOf(leadership).filter((replica) => !this.#edge.avoids(replica));
    return regions.flatMap((one) =>
      rankedFor(
        session.name,
        members.filter(({ region }) => region === one),
      ),
    );
  }

  #advance(running: Running, routing: Routing<Served>, turn: Turn | null): void {
    let step: IteratorResult<readonly Ask[], Served>;
    try {
      step = turn === null ? routing.next() : routing.next(turn);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return this.#told(running, { kind: 'failed', failure: error.failure, position: null });
    }
    if (step.done === true) return this.#told(running, step.value.answer);
    const { op, task } = running;
    this.#edge.ask(op, task.user, step.value, (next) => this.#advance(running, routing, next));
  }

  #told(running: Running, answer: ReplicaAnswer): void {
    const isUnknown = answer.kind === 'failed' && answer.failure.code === 'outcome-unknown';
    const isLost = this.#parts.losesAnswer();
    if (!isLost && !isUnknown) return this.#end(running, answer);
    const { task, request, tries } = running;
    running.isOpen = true;
    if (!isLost && 'position' in answer && answer.position !== null) {
      this.#seen(running, answer.position);
      running.asked = running.asked === null ? answer.position : laterOf(running.asked, answer.position);
    }
    if (request !== null && tries < TRIES_MAX)
      return this.#parts.surroundings.clock.after(AGAIN_MS, () => this.#try(running));
    if (task.kind === 'write') return this.#info(running, null);
    this.#fail(running, 'lost', null);
  }

  #end(running: Running, answer: ReplicaAnswer): void {
    switch (answer.kind) {
      case 'done': {
        const { op } = running;
        const { body, position } = answer;
        const { results, receipt } = JSON.parse(body) as AnswerBody;
        const rows = results.map((result) => result.rows);
        const token = this.#seen(running, position);
        const { staleness_ms } = receipt;
        return this.#finish(running, { event: 'ok', op, position, token, rows, staleness_ms });
      }
      case 'failed': {
        const loss = lossIn(answer);
        if (loss !== null && answer.failure.code === 'session-lost')
          return this.#lost(running, loss, answer.failure.lost.from_lsn);
        return this.#fail(running, answer.failure.code, answer.position);
      }
      case 'behind':
      case 'writes':
        return this.#fail(running, answer.kind, answer.position);
      default:
        return this.#fail(running, 'unavailable', null);
    }
  }

  /** The only answer that sets a token back, and it says so. */
  #lost({ op, task, isOpen, done }: Running, loss: Loss, from_lsn: number): void {
    const { session } = this.#parts;
    const { instead } = loss;
    session.losses += 1;
    session.seen = session.seen === null ? instead : rewound(session.seen, loss);
    const lost = { epoch: loss.lost.epoch, from_lsn, to_lsn: loss.lost.lsn, instead };
    const isKnown = task.kind === 'read' || !isOpen;
    const token = session.seen;
    this.#record(
      isKnown
        ? { event: 'fail', op, code: 'session-lost', position: instead, token, lost }
        : { event: 'info', op, token, lost },
    );
    done(null);
  }

  /** A no to one message of a write is no answer about another. */
  #fail(running: Running, code: string, position: Position | null): void {
    if (running.task.kind === 'write' && running.isOpen) return this.#info(running, position);
    this.#finish(running, {
      event: 'fail',
      op: running.op,
      code,
      position,
      token: this.#seen(running, position),
    });
  }

  #info(running: Running, position: Position | null): void {
    this.#finish(running, { event: 'info', op: running.op, token: this.#seen(running, position) });
  }

  #finish(running: Running, happening: Happening): void {
    this.#record(happening);
    running.done(happening.event === 'ok' && isCarried(happening) ? happening.rows : null);
  }

  /**
   * The session's token after an answer at `position`: every answer moves it forward, an error's too. But to a newer epoch only where the replica was asked about
   * what the token says: another device may have seen more since, and what a failover has lost of that nobody would be told.
   */
  #seen({ asked }: Running, position: Position | null): Position | null {
    const { session } = this.#parts;
    const { seen } = session;
    const isHidden =
      seen !== null && position !== null && position.epoch > seen.epoch && !isSamePlace(asked, seen);
    if (position !== null && !isHidden) session.seen = seen === null ? position : laterOf(seen, position);
    return session.seen;
  }

  #record(happening: Happening): void {
    this.#parts.surroundings.record(happening);
  }
}

function isSamePlace(a: Position | null, b: Position): boolean {
  return a?.epoch === b.epoch && a.lsn === b.lsn;
}

/** Whether the token says that these rows were seen: one of a newer epoch may not, and then nothing may be made to rest on them. */
function isCarried({ token, position }: Ok): boolean {
  return token !== null && token.epoch === position.epoch;
}

/** The Idempotency-Key of an operation that has one of its own. */
export function keyOf(op: number): string {
  return `key-${op}`;
}

interface AnswerBody {
  readonly results: readonly { readonly rows: readonly (readonly unknown[])[] }[];
  readonly receipt: { readonly staleness_ms: number };
}
