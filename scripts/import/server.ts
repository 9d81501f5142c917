import type { FailureCode } from '../../shared/failure.ts';
import type { Region } from '../../shared/regions.ts';
import { Stopped } from './stopped.ts';

export interface Target {
  readonly url: string;
  readonly key: string;
  readonly database: string;
}

export interface NewDatabase {
  readonly leader: Region | null;
  readonly followers: readonly Region[];
}

export type QueryAnswer =
  | { readonly kind: 'done'; readonly lsn: number }
  | { readonly kind: 'refused'; readonly code: string; readonly detail: string };

const PAUSE_MS_MIN = 200;
const PAUSE_MS_MAX = 5_000;
/** Tries before it gives up; with the pauses above, about two minutes. */
const TRIES_MAX = 30;
const REQUEST_MS_MAX = 60_000;

/** Codes of answers after which the same request may succeed. */
const RETRIED: ReadonlySet<string> = new Set<FailureCode>([
  'overloaded',
  'unavailable',
  'outcome-unknown',
  'behind',
]);

/** Codes of answers about the statements themselves, or about a request id that was given to something else. */
const REFUSED: ReadonlySet<string> = new Set<FailureCode>([
  'sql-error',
  'sql-not-allowed',
  'constraint',
  'too-large',
  'invalid-request',
  'idempotency-conflict',
]);

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly pauseMs: number | null;
}

/** The HTTP interface, as far as an import needs it. Whatever may pass is retried, with the same request id. */
export class Server {
  readonly #target: Target;
  readonly #pause: (ms: number) => Promise<void>;

  constructor(target: Target, pause: (ms: number) => Promise<void>) {
    this.#target = target;
    this.#pause = pause;
  }

  /** Makes the database if there is none; says whether it did. */
  async prepare(settings: NewDatabase): Promise<'created' | 'existed'> {
    const known = await this.#send('GET', '');
    if (known.status === 200) return 'existed';
    if (known.status !== 404) throw this.#unexpected(known);
    const made = await this.#send('PUT', '', {
      body: JSON.stringify({
        ...(settings.leader === null ? {} : { leader: settings.leader }),
        followers: settings.followers,
      }),
    });
    if (made.status !== 201 && made.status !== 200) throw this.#unexpected(made);
    return 'created';
  }

  /** The leader's LSN: it tells the answers to old requests from new entries, and a new database from an old one. */
  async head(): Promise<number> {
    const answer = await this.#send('GET', '/replication');
    const lsn = at(at(at(at(answer.body, 'partitions'), '0'), 'leader'), 'lsn');
    if (answer.status !== 200 || typeof lsn !== 'number') throw this.#unexpected(answer);
    return lsn;
  }

  async query(body: string, requestId: string): Promise<QueryAnswer> {
    const answer = await this.#send('POST', '/query', { body, requestId });
    if (answer.status === 200) return { kind: 'done', lsn: Number(at(at(answer.body, 'receipt'), 'lsn')) };
    const { code, detail } = problem(answer);
    if (REFUSED.has(code)) return { kind: 'refused', code, detail };
    throw this.#unexpected(answer);
  }

  #unexpected(answer: Answer): Stopped {
    const { code, detail } = problem(answer);
    const hint = code === 'unauthorized' ? ' Give the admin key with --key or TIDEMARK_ADMIN_KEY.' : '';
    return new Stopped(`${this.#target.url} answered ${answer.status} ${code}: ${detail}${hint}`);
  }

  async #send(
    method: string,
    path: string,
    more: { readonly body?: string; readonly requestId?: string } = {},
  ): Promise<Answer> {
    let last = '';
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const answer = await this.#try(method, path, more).catch((error: unknown) => {
        last = reasonOf(error);
        return null;
      });
      if (answer !== null && !RETRIED.has(problem(answer).code)) return answer;
      if (answer !== null) last = `${answer.status} ${problem(answer).code}: ${problem(answer).detail}`;
      await this.#pause(answer?.pauseMs ?? Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** tries));
    }
    throw new Stopped(
      `${this.#target.url} did not take the request in ${TRIES_MAX} tries; the last: ${last}. Is the server running? Run the same command again to go on where it stopped.`,
    );
  }

  async #try(
    method: string,
    path: string,
    more: { readonly body?: string; readonly requestId?: string },
  ): Promise<Answer> {
    const response = await fetch(
      new URL(`/v1/databases/${encodeURIComponent(this.#target.database)}${path}`, this.#target.url),
      {
        method,
        headers: {
          authorization: `Bearer ${this.#target.key}`,
          ...(more.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(more.requestId === undefined ? {} : { 'idempotency-key': more.requestId }),
        },
        body: more.body ?? null,
        signal: AbortSignal.timeout(REQUEST_MS_MAX),
      },
    );
    const text = await response.text();
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    return {
      status: response.status,
      body: parsed(text),
      pauseMs: Number.isFinite(seconds) ? Math.min(PAUSE_MS_MAX, seconds * 1000) : null,
    };
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function problem(answer: Answer): { readonly code: string; readonly detail: string } {
  if (answer.status < 400) return { code: '', detail: '' };
  const code = at(answer.body, 'code');
  const detail = at(answer.body, 'detail');
  if (typeof code === 'string' && typeof detail === 'string') return { code, detail };
  // An answer that is not the server's own: something between, or a server that is starting or stopping.
  const passing = answer.status === 429 || answer.status >= 502;
  return { code: passing ? 'unavailable' : 'unknown', detail: String(answer.body).slice(0, 200) };
}

function at(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
