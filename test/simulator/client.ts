import { hashOf } from '../../shared/log/entry.ts';
import { laterOf, type Position } from '../../shared/position.ts';
import type { Leadership, ReplicaRef } from '../../shared/protocol/assignment.ts';
import type { ReplicaAnswer, RequestId } from '../../shared/protocol/messages.ts';
import type { Happening } from './history.ts';
import type { Envelope } from './messages.ts';
import { type Ask, boundMs, type Outcome, route, type Routing } from './router.ts';
import type { Surroundings } from './surroundings.ts';
import type { Task } from './workload.ts';

/** How often a client sends a request again with its key, and how long it waits before. */
const TRIES_MAX = 4;
const AGAIN_MS = 500;

/** The token that the devices of one session share. */
export interface Session {
  readonly name: string;
  seen: Position | null;
}

interface ClientParts {
  readonly name: string;
  readonly session: Session;
  readonly leadership: Leadership;
  readonly nearest: ReplicaRef;
  readonly surroundings: Surroundings;
  /** Whether the router's answer is lost on its way to this client. */
  readonly losesAnswer: () => boolean;
}

interface Running {
  readonly op: number;
  readonly task: Task;
  readonly request: RequestId | null;
  readonly done: () => void;
  tries: number;
  /** A message of it was given up, and may yet arrive and be applied. */
  mayYetArrive: boolean;
}

/** One device and the router that serves it. It does one operation after another. */
export class Client {
  readonly name: string;
  readonly #parts: ClientParts;
  readonly #waiting = new Map<number, (reply: ReplicaAnswer | null) => void>();
  #lastAsk = 0;

  constructor(parts: ClientParts) {
    this.name = parts.name;
    this.#parts = parts;
  }

  receive(envelope: Envelope): void {
    if (envelope.kind !== 'reply') return;
    const waiting = this.#waiting.get(envelope.id);
    this.#waiting.delete(envelope.id);
    waiting?.(envelope.reply as ReplicaAnswer | null);
  }

  run(op: number, task: Task, done: () => void): void {
    const { session } = this.#parts;
    const key = task.isKeyed ? `key-${op}` : null;
    const bound = boundMs(task) * (key === null ? 1 : TRIES_MAX) + TRIES_MAX * AGAIN_MS;
    this.#record({
      event: 'invoke',
      op,
      client: this.name,
      session: session.name,
      consistency: task.consistency,
      need: session.seen,
      bound_ms: bound,
      does:
        task.kind === 'write'
          ? { kind: 'write', key, effects: task.effects }
          : { kind: 'read', views: task.views },
    });
    const request = key === null ? null : { id: key, fingerprint: hashOf(JSON.stringify(task.effects)) };
    this.#try({ op, task, request, done, tries: 0, mayYetArrive: false });
  }

  #try(running: Running): void {
    const { leadership, nearest, session } = this.#parts;
    const { task, request } = running;
    running.tries += 1;
    const { kind, statements, consistency, waitMs } = task;
    const routing = route({
      leadership,
      nearest,
      statements,
      kind,
      consistency,
      need: session.seen,
      request,
      waitMs,
    });
    this.#advance(running, routing, null);
  }

  #advance(running: Running, routing: Routing, reply: ReplicaAnswer | null): void {
    const { value, done } = routing.next(reply);
    if (done === true) return this.#told(running, value);
    this.#ask(running, value, (answer) => this.#advance(running, routing, answer));
  }

  #ask(
    running: Running,
    { to, call, timeoutMs }: Ask,
    answered: (reply: ReplicaAnswer | null) => void,
  ): void {
    const id = (this.#lastAsk += 1);
    const { surroundings } = this.#parts;
    this.#waiting.set(id, (reply) => {
      running.mayYetArrive ||= reply === null;
      answered(reply);
    });
    surroundings.send({ kind: 'call', id, from: this.name, to: to.name, call, op: running.op });
    surroundings.clock.after(timeoutMs, () => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      waiting?.(null);
    });
  }

  #told(running: Running, outcome: Outcome): void {
    const isLost = this.#parts.losesAnswer();
    if (!isLost && outcome.kind !== 'unknown') return this.#end(running, outcome);
    const { task, request, tries } = running;
    if (request !== null && tries < TRIES_MAX)
      return this.#parts.surroundings.clock.after(AGAIN_MS, () => this.#try(running));
    if (task.kind === 'write') return this.#info(running, null);
    this.#fail(running, 'lost', null);
  }

  #end(running: Running, outcome: Exclude<Outcome, { kind: 'unknown' }>): void {
    switch (outcome.kind) {
      case 'done': {
        const { op, task } = running;
        const { body, position } = outcome;
        const rows = task.kind === 'read' ? rowsOf(body) : null;
        return this.#finish(running, { event: 'ok', op, position, token: this.#seen(position), rows });
      }
      case 'failed':
        return this.#fail(running, outcome.failure.code, outcome.position);
      case 'behind':
      case 'writes':
        return this.#fail(running, outcome.kind, outcome.position);
      default:
        return this.#fail(running, outcome.kind, null);
    }
  }

  /** A no to one message of a write is no answer about another that was given up and may yet arrive. */
  #fail(running: Running, code: string, position: Position | null): void {
    if (running.task.kind === 'write' && running.mayYetArrive) return this.#info(running, position);
    this.#finish(running, { event: 'fail', op: running.op, code, position, token: this.#seen(position) });
  }

  #info(running: Running, position: Position | null): void {
    this.#finish(running, { event: 'info', op: running.op, token: this.#seen(position) });
  }

  #finish(running: Running, happening: Happening): void {
    this.#record(happening);
    running.done();
  }

  /** The session's token after an answer at `position`: every answer moves it forward, an error's too. */
  #seen(position: Position | null): Position | null {
    const { session } = this.#parts;
    if (position !== null) session.seen = session.seen === null ? position : laterOf(session.seen, position);
    return session.seen;
  }

  #record(happening: Happening): void {
    this.#parts.surroundings.record(happening);
  }
}

function rowsOf(body: string): unknown[][][] {
  const { results } = JSON.parse(body) as { results: { rows: unknown[][] }[] };
  return results.map(({ rows }) => rows);
}
