import { parentPort } from 'node:worker_threads';
import { bodyOf, rowsIn, type Shape } from './bodies.ts';
import { type Answer, Connection, headerOf, post } from './http.ts';

/** One round of load, run in a thread of its own. */
export interface Load {
  readonly url: string;
  readonly path: string;
  readonly headers: string;
  readonly connections: number;
  readonly milliseconds: number;
  readonly shape: Shape;
  /** Inserts take keys from here on; reads ask for keys below. */
  readonly nextId: number;
  /** Requests a second over all connections; null as many as there can be. */
  readonly rate: number | null;
  /** Stops after so many requests even if there is time left; null for none. */
  readonly requestsMax: number | null;
  /** Whether each connection is a session of its own. */
  readonly hasSessions: boolean;
}

/** Ends the round that is under way. */
export const STOP = 'stop';

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  readonly nextId: number;
  /** Of the last answer. */
  readonly token: string | null;
  /** Of the answers that were looked at, the part that a follower gave. */
  readonly followerPart: number;
  /** The first answer that was not 200. */
  readonly failure: string | null;
  /**
   * Of each answer, in milliseconds: when its request was due, by `clock()`, and how long after that the answer came. With a rate a
   * request is due at its time even if the connection was still waiting for the one before, so that no wait is left out.
   */
  readonly due: Float64Array;
  readonly took: Float64Array;
}

/** Milliseconds by one clock for all threads. */
export function clock(): number {
  return performance.timeOrigin + performance.now();
}

/** Reading every answer would cost the load more than it tells. */
const LOOK_EVERY = 64;

class Round {
  readonly #load: Load;
  #nextId: number;
  #sent = 0;
  #answered = 0;
  #random = 1;
  #token: string | null = null;
  #looked = 0;
  #atFollower = 0;
  #failure: string | null = null;
  #isStopped = false;
  readonly #due: number[] = [];
  readonly #took: number[] = [];

  constructor(load: Load) {
    this.#load = load;
    this.#nextId = load.nextId;
  }

  async run(): Promise<LoadResult> {
    const { connections, url, milliseconds } = this.#load;
    const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(new URL(url))));
    const begun = performance.now();
    await Promise.all(
      open.map((connection, at) => this.#drive(connection, begun + milliseconds, begun + this.#spread(at))),
    );
    const seconds = (performance.now() - begun) / 1000;
    for (const connection of open) connection.close();
    return {
      requests: this.#answered,
      seconds,
      nextId: this.#nextId,
      token: this.#token,
      followerPart: this.#atFollower / this.#looked,
      failure: this.#failure,
      due: Float64Array.from(this.#due),
      took: Float64Array.from(this.#took),
    };
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** With a rate, the connections take turns. */
  #spread(at: number): number {
    return this.#load.rate === null ? 0 : (at * 1000) / this.#load.rate;
  }

  async #drive(connection: Connection, until: number, first: number): Promise<void> {
    const { rate, path, shape, requestsMax, connections, hasSessions } = this.#load;
    const headers = hasSessions
      ? this.#load.headers.replace(/tidemark-session: .*\r\n/, '')
      : this.#load.headers;
    let own = '';
    let next = first;
    while (performance.now() < until && this.#isWanted(requestsMax)) {
      if (rate !== null) {
        const early = next - performance.now();
        if (early > 1) await new Promise((done) => setTimeout(done, early));
      }
      const due = rate === null ? performance.now() : Math.min(next, performance.now());
      if (rate !== null) next += (connections * 1000) / rate;
      this.#sent++;
      const answer = await connection.send(post(path, headers + own, bodyOf(shape, this.#take())));
      this.#answered++;
      this.#due.push(performance.timeOrigin + due);
      this.#took.push(performance.now() - due);
      if (hasSessions) own = `tidemark-session: ${headerOf(answer, 'tidemark-session')}\r\n`;
      if (answer.status !== 200) this.#failure = `${answer.status} ${answer.body.toString().slice(0, 300)}`;
      if (this.#answered % LOOK_EVERY === 1 || this.#answered === requestsMax) this.#look(answer);
    }
  }

  #isWanted(requestsMax: number | null): boolean {
    return !this.#isStopped && this.#failure === null && this.#sent < (requestsMax ?? Infinity);
  }

  #look(answer: Answer): void {
    this.#token = headerOf(answer, 'tidemark-session') ?? this.#token;
    this.#looked++;
    if (answer.body.includes('"role":"follower"')) this.#atFollower++;
  }

  #take(): number {
    const { shape, nextId } = this.#load;
    if (shape === 'read') {
      this.#random = (this.#random * 48_271) % 2_147_483_647;
      return 1 + (this.#random % (nextId - 1));
    }
    const id = this.#nextId;
    this.#nextId += rowsIn(shape);
    return id;
  }
}

let running: Round | null = null;

parentPort?.on('message', (asked: Load | typeof STOP) => {
  if (asked === STOP) return running?.stop();
  running = new Round(asked);
  return void running.run().then((result) => parentPort?.postMessage(result));
});
