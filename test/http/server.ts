import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalServer, startLocalServer } from '../../scripts/local-server.ts';

export const ADMIN_KEY = 'test-admin-key';

export interface Receipt {
  readonly role: 'leader' | 'follower';
  readonly region: string;
  readonly epoch: number;
  readonly lsn: number;
  readonly staleness_ms: number;
  readonly waited_ms: number;
  readonly route: string;
  readonly durability: string | null;
}

export interface QueryResult {
  readonly columns: string[];
  readonly rows: unknown[][];
  readonly meta: { readonly changes: number; readonly last_row_id: number; readonly rows_written: number };
}

/** An answer of any kind, its parts named as tests ask for them. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly token: string;
  readonly json: {
    readonly results: QueryResult[];
    readonly receipt: Receipt;
    readonly code: string;
    readonly detail: string;
    readonly limit: number;
    readonly [field: string]: unknown;
  };
}

/** As much of the replication status as tests look at. */
export interface PartitionStatus {
  readonly leader: {
    readonly lsn: number;
    readonly settled: number;
    readonly log_bytes: number;
    readonly log_after: number;
  };
  readonly followers: readonly {
    readonly region: string;
    readonly replica: string;
    readonly state: string;
    readonly membership: string;
    readonly lag_entries: number | null;
    readonly staleness_ms: number | null;
  }[];
}

export type Headings = Readonly<Record<string, string>>;

/** The API as an app calls it. */
export class Api {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async send(method: string, path: string, body?: unknown, headers: Headings = {}): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: { Authorization: `Bearer ${ADMIN_KEY}`, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    const json = (isJson ? JSON.parse(text) : {}) as Answer['json'];
    return {
      status: response.status,
      headers: response.headers,
      text,
      token: response.headers.get('tidemark-session') ?? '',
      json,
    };
  }

  /** One statement. */
  async query(
    database: string,
    sql: string,
    params: readonly unknown[] = [],
    headers: Headings = {},
  ): Promise<Answer> {
    return this.send('POST', `/v1/databases/${database}/query`, { sql, params }, headers);
  }

  /** A list of statements: one transaction. */
  async transact(
    database: string,
    statements: readonly (string | { sql: string; params: unknown[] })[],
    headers: Headings = {},
  ): Promise<Answer> {
    const list = statements.map((statement) =>
      typeof statement === 'string' ? { sql: statement } : statement,
    );
    return this.send('POST', `/v1/databases/${database}/query`, { statements: list }, headers);
  }

  async create(database: string, settings: unknown): Promise<Answer> {
    return this.send('PUT', `/v1/databases/${database}`, settings);
  }

  /** `replica`: a region, or a replica's name within the database. */
  async digest(
    database: string,
    replica: string,
  ): Promise<{ position: { epoch: number; lsn: number }; sha256: string }> {
    const { status, text, json } = await this.send(
      'GET',
      `/v1/databases/${database}/digest?partition=0&replica=${replica}`,
    );
    if (status !== 200) throw new Error(text);
    return json as unknown as { position: { epoch: number; lsn: number }; sha256: string };
  }

  async replication(database: string): Promise<PartitionStatus> {
    const { status, text, json } = await this.send('GET', `/v1/databases/${database}/replication`);
    const [partition] = json['partitions'] as PartitionStatus[];
    if (status !== 200 || partition === undefined) throw new Error(text);
    return partition;
  }

  /** Waits until every follower is a member and has all there is. */
  async allStreaming(database: string): Promise<PartitionStatus> {
    for (let tries = 0; tries < 600; tries += 1) {
      const status = await this.replication(database).catch(() => null);
      const isDone = status?.followers.every(
        ({ state, membership, lag_entries }) =>
          state === 'streaming' && membership === 'member' && lag_entries === 0,
      );
      if (status !== null && isDone === true) return status;
      await sleep(100);
    }
    throw new Error(`not every follower is streaming: ${JSON.stringify(await this.replication(database))}`);
  }

  /** Waits until all regions are at the leader's position, and gives their digests. */
  async settledDigests(database: string, regions: readonly string[]): Promise<string[]> {
    for (let tries = 0; tries < 200; tries += 1) {
      const digests = await Promise.all(regions.map((region) => this.digest(database, region)));
      if (new Set(digests.map(({ position }) => position.lsn)).size === 1)
        return digests.map(({ sha256 }) => sha256);
      await sleep(100);
    }
    throw new Error(`the replicas of ${database} did not reach one position`);
  }
}

export class TestServer {
  readonly #directory: string;
  readonly #vars: Headings;
  #server: LocalServer;
  api: Api;

  private constructor(directory: string, vars: Headings, server: LocalServer) {
    this.#directory = directory;
    this.#vars = vars;
    this.#server = server;
    this.api = new Api(server.url);
  }

  /** `vars`: more variables for the Worker. */
  static async start(vars: Headings = {}): Promise<TestServer> {
    const directory = mkdtempSync(join(tmpdir(), 'tidemark-test-'));
    return new TestServer(directory, vars, await serve(directory, vars));
  }

  /** Where the objects' SQLite files are. */
  get storage(): string {
    return this.#directory;
  }

  /** Takes every replica's memory away, as the platform does with idle objects. */
  async evictReplicas(): Promise<void> {
    const { runtime } = this.#server;
    for (const id of await runtime.listDurableObjectIds('Replica', 'tidemark')) {
      await runtime.unsafeEvictDurableObject('tidemark', 'Replica', { id });
    }
  }

  /** Ends the runtime in the middle of whatever it does, and waits until it has been started again. */
  async kill(): Promise<void> {
    for (const pid of childrenNamed('workerd')) process.kill(pid, 'SIGKILL');
    for (let tries = 0; tries < 200; tries += 1) {
      await sleep(50);
      const health = await fetch(`${this.api.url}/healthz`).catch(() => null);
      if (health?.status === 200) return;
    }
    throw new Error('the runtime did not come back');
  }

  /** Ends the server and starts another one over the same storage. */
  async restart(): Promise<void> {
    await this.whileStopped(() => undefined);
  }

  /** Does something with the files in `storage` between two servers. */
  async whileStopped<T>(work: () => T): Promise<T> {
    await this.#server.close();
    try {
      return work();
    } finally {
      this.#server = await serve(this.#directory, this.#vars);
      this.api = new Api(this.#server.url);
    }
  }

  async close(): Promise<void> {
    await this.#server.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function serve(directory: string, vars: Headings): Promise<LocalServer> {
  return startLocalServer({ port: 0, persistTo: directory, adminKey: ADMIN_KEY, vars });
}

export function childrenNamed(name: string): number[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.filter((pid) => isChildNamed(pid, name)).map(Number);
}

function isChildNamed(pid: string, name: string): boolean {
  try {
    const [, command, rest] = /^\d+ \((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return command === name && Number(rest) === process.pid;
  } catch {
    return false; // The process has gone since it was listed.
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
