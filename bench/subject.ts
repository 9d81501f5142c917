import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CREATE_TABLE, type Shape } from './bodies.ts';
import { type Load, type LoadResult, STOP } from './load.ts';
import { ADMIN_KEY } from './systems.ts';

const CONNECTIONS = 32;

/** One thing that is measured: an address that takes the requests, and what has been written to it so far. */
export class Subject {
  readonly name: string;
  readonly url: URL;
  readonly path: string;
  readonly #headers: string;
  #followers = 0;
  nextId = 1;
  /** The token of the last write. */
  token: string | null = null;

  constructor(name: string, url: URL, database: string) {
    this.name = name;
    this.url = url;
    this.path = `/v1/databases/${database}/query`;
    this.#headers = `authorization: Bearer ${ADMIN_KEY}\r\n`;
  }

  get hasFollowers(): boolean {
    return this.#followers > 0;
  }

  headers(region: string | null): string {
    const token = this.token === null ? '' : `tidemark-session: ${this.token}\r\n`;
    return `${this.#headers}${region === null ? '' : `tidemark-region: ${region}\r\n${token}`}`;
  }

  /** Makes the database, where it is Tidemark's, and the tables. */
  async prepare(
    followers: readonly string[] | null,
    schema: readonly string[] = [CREATE_TABLE],
  ): Promise<void> {
    this.#followers = followers?.length ?? 0;
    if (followers !== null) await this.call('PUT', '', { leader: 'weur', followers });
    for (const sql of schema) await this.query({ sql });
  }

  /** For a step of the ladder that has one: makes the table, with a trigger that writes each row into a log. */
  async capture(): Promise<void> {
    await this.call('POST', '/capture', null);
  }

  async query(body: unknown): Promise<unknown> {
    return this.#call('POST', this.path, body);
  }

  /** `path` below the database's own. */
  async call(method: string, path: string, body: unknown): Promise<unknown> {
    return this.#call(method, this.path.replace('/query', path), body);
  }

  /** A query, whatever comes of it. */
  async send(body: unknown, headers: Readonly<Record<string, string>>): Promise<Response> {
    const response = await fetch(new URL(this.path, this.url), {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    await response.arrayBuffer();
    return response;
  }

  async get(path: string): Promise<unknown> {
    return this.#call('GET', path, null);
  }

  async #call(method: string, path: string, body: unknown): Promise<unknown> {
    const response = await fetch(new URL(path, this.url), {
      method,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: body === null ? null : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${this.name}: ${method} ${path} answered ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }
}

/** The load's own thread, so that timing in this one does not wait for it. */
export class LoadThread {
  readonly #thread = new Worker(join(import.meta.dirname, 'load.ts'));

  async run(
    subject: Subject,
    shape: Shape,
    more: Partial<Load> & Pick<Load, 'milliseconds'>,
  ): Promise<LoadResult> {
    const load: Load = {
      url: subject.url.href,
      path: subject.path,
      headers: subject.headers(null),
      connections: CONNECTIONS,
      shape,
      nextId: subject.nextId,
      rate: null,
      requestsMax: null,
      hasSessions: false,
      ...more,
    };
    this.#thread.postMessage(load);
    // A thread that threw rejects this too.
    const [result] = (await once(this.#thread, 'message')) as [LoadResult];
    if (result.failure !== null) throw new Error(`${subject.name}, ${shape}: ${result.failure}`);
    if (shape === 'read' && subject.hasFollowers && result.followerPart < 1)
      throw new Error(
        `${subject.name}: ${Math.round((1 - result.followerPart) * 100)} % of the reads were not answered by the follower`,
      );
    subject.nextId = result.nextId;
    if (shape !== 'read') subject.token = result.token ?? subject.token;
    return result;
  }

  /** Ends the round that is under way; its result comes as that of any. */
  stop(): void {
    this.#thread.postMessage(STOP);
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }
}
