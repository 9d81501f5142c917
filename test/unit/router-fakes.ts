import { router } from '../../workers/router.ts';
import type { Env } from '../../workers/env.ts';
import type { Failure } from '../../shared/failure.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import type { Position } from '../../shared/position.ts';
import type { ReplicaRef } from '../../shared/protocol/assignment.ts';
import type {
  DatabaseRecord,
  DirectoryRpc,
  ExecuteRequest,
  ReadRequest,
  ReplicaAnswer,
  ReplicaRpc,
  SessionRpc,
} from '../../shared/protocol/messages.ts';
import type { Settings } from '../../shared/protocol/settings.ts';

const ADMIN_KEY = 'test-admin-key';

export function at(lsn: number, epoch = 1): Position {
  return { epoch: toEpoch(epoch), lsn: toLsn(lsn) };
}

export function done(lsn: number, body = '{"results":[],"receipt":{}}'): ReplicaAnswer {
  return { kind: 'done', body, position: at(lsn) };
}

export function failed(failure: Failure, lsn: number | null = null): ReplicaAnswer {
  return { kind: 'failed', failure, position: lsn === null ? null : at(lsn) };
}

/** What one replica was asked, and what it is to answer. */
export class FakeReplica implements ReplicaRpc {
  readonly calls: (
    | ({ readonly method: 'execute' } & ExecuteRequest)
    | ({ readonly method: 'read' } & ReadRequest)
  )[] = [];
  onExecute: (request: ExecuteRequest) => ReplicaAnswer | Promise<ReplicaAnswer> = () => done(1);
  onRead: (request: ReadRequest) => ReplicaAnswer | Promise<ReplicaAnswer> = () => done(1);
  onStatus: ReplicaRpc['status'] = async () => ({ kind: 'unassigned' });
  onDigest: ReplicaRpc['digest'] = async () => ({ kind: 'unassigned' });

  async execute(request: ExecuteRequest): Promise<ReplicaAnswer> {
    this.calls.push({ method: 'execute', ...request });
    return this.onExecute(request);
  }

  async read(request: ReadRequest): Promise<ReplicaAnswer> {
    this.calls.push({ method: 'read', ...request });
    return this.onRead(request);
  }

  async status(lagsOf: readonly Position[]) {
    return this.onStatus(lagsOf);
  }

  async digest() {
    return this.onDigest();
  }

  assign = notAsked;
  append = notAsked;
  pull = notAsked;
  erase = notAsked;
}

async function notAsked(): Promise<never> {
  throw new Error('the edge has no business with this');
}

class FakeDirectory implements DirectoryRpc {
  record: DatabaseRecord | null = null;
  lookups = 0;
  readonly #incarnation: () => string;

  constructor(incarnation: () => string) {
    this.#incarnation = incarnation;
  }

  async create(database: string, settings: Settings) {
    if (this.record !== null) {
      const isSame = JSON.stringify(this.record.settings) === JSON.stringify(settings);
      return { kind: isSame ? ('existed' as const) : ('differs' as const), record: this.record };
    }
    this.record = recordFor(database, this.#incarnation(), settings);
    return { kind: 'created' as const, record: this.record };
  }

  async lookup() {
    this.lookups += 1;
    return this.record;
  }

  async erase() {
    const wasThere = this.record !== null;
    this.record = null;
    return wasThere;
  }
}

class FakeSession implements SessionRpc {
  readonly positions = new Map<number, Position>();
  isDown = false;

  async advance(partition: number, position: Position) {
    if (this.isDown) throw new Error('session is down');
    this.positions.set(partition, position);
  }

  async seen() {
    if (this.isDown) throw new Error('session is down');
    return [...this.positions];
  }
}

export function recordFor(database: string, incarnation: string, settings: Settings): DatabaseRecord {
  const refs: ReplicaRef[] = [settings.leader, ...settings.followers].map((region) => ({
    name: `${incarnation}/${region}`,
    region,
  }));
  const [leader, ...followers] = refs;
  return {
    database,
    incarnation,
    settings,
    partitions: [{ partition: 0, epoch: toEpoch(1), leader: leader as ReplicaRef, followers }],
  };
}

function byName<T>(make: (name: string) => T) {
  const objects = new Map<string, T>();
  return {
    getByName(name: string): T {
      const object = objects.get(name) ?? make(name);
      objects.set(name, object);
      return object;
    },
  };
}

let made = 0;

/** A deployment without a runtime: the router over objects that do what a test tells them. */
export class FakeDeployment {
  /** The edge remembers databases for as long as the process lives, so no two tests may use one name. */
  readonly database = `shop-${++made}`;
  readonly #incarnation = () => `inc${++made}`;
  readonly directories = byName(() => new FakeDirectory(this.#incarnation));
  readonly replicas = byName(() => new FakeReplica());
  readonly sessions = byName(() => new FakeSession());
  readonly names = new Set<string>();
  readonly env: Env;

  constructor(overrides: Partial<Env> = {}) {
    const { names } = this;
    this.env = {
      REPLICA: this.replicas,
      DIRECTORY: this.directories,
      SESSION: this.sessions,
      CATALOG: byName(() => ({
        add: async (name: string) => void names.add(name),
        remove: async (name: string) => void names.delete(name),
        list: async () => [...names].toSorted(),
      })),
      TIDEMARK_ADMIN_KEY: ADMIN_KEY,
      TIDEMARK_SIMULATE_REGIONS: 'true',
      ...overrides,
    };
  }

  get directory(): FakeDirectory {
    return this.directories.getByName(this.database);
  }

  get record(): DatabaseRecord {
    const { record } = this.directory;
    if (record === null) throw new Error('the test made no database');
    return record;
  }

  /** Leader in weur, follower in enam. */
  async withDatabase(): Promise<this> {
    await this.directory.create(this.database, {
      leader: 'weur',
      followers: ['enam'],
      partitions: 1,
      durability: 'async',
    });
    return this;
  }

  get leader(): FakeReplica {
    return this.#replicaIn('weur');
  }

  get follower(): FakeReplica {
    return this.#replicaIn('enam');
  }

  #replicaIn(region: string): FakeReplica {
    return this.replicas.getByName(`${this.record.incarnation}/${region}`);
  }

  sessionOf(user: string): FakeSession {
    return this.sessions.getByName(`${this.record.incarnation}/${user}`);
  }

  async request(
    method: string,
    path: string,
    init: { body?: unknown; headers?: Record<string, string> } = {},
  ) {
    const body =
      typeof init.body === 'string' || init.body === undefined ? init.body : JSON.stringify(init.body);
    const headers = { Authorization: `Bearer ${ADMIN_KEY}`, ...init.headers };
    return router.request(path, { method, headers, ...(body === undefined ? {} : { body }) }, this.env);
  }

  /** From enam, where the follower is. */
  async query(body: unknown, headers: Record<string, string> = {}) {
    return this.request('POST', `/v1/databases/${this.database}/query`, {
      body,
      headers: { 'Tidemark-Region': 'enam', ...headers },
    });
  }
}

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly limit?: number;
  readonly offset?: number;
  readonly lost?: unknown;
}

export async function problemOf(response: Response): Promise<ProblemBody> {
  return response.json();
}

export const READ = { sql: 'SELECT * FROM t WHERE id = ?', params: [1] };
export const WRITE = { sql: 'INSERT INTO t VALUES (?)', params: [1] };

/** The token's positions as it carries them, `PARTITION-EPOCH-LSN`; undefined where there is no token. */
export function seenIn(answer: Response): string | undefined {
  return /^t1\.\w+\.([\d_-]*)\.[\w-]{22}$/.exec(answer.headers.get('Tidemark-Session') ?? '')?.[1];
}

export async function tokenAt(deployment: FakeDeployment, lsn: number): Promise<string> {
  deployment.leader.onExecute = () => done(lsn);
  const token = (await deployment.query(WRITE)).headers.get('Tidemark-Session');
  deployment.leader.calls.length = 0;
  if (token === null) throw new Error('a write gave no token');
  return token;
}
