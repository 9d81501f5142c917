import { router } from '../../workers/router.ts';
import type { LostEntriesQuery } from '../../shared/lost-entry.ts';
import type { Env } from '../../workers/env.ts';
import { Directory } from '../../shared/directory/directory.ts';
import type { DirectoryEvent } from '../../shared/directory/events.ts';
import { recordOf } from '../../shared/directory/record.ts';
import { type Failure, Refusal } from '../../shared/failure.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import type { Position } from '../../shared/position.ts';
import type { Leadership } from '../../shared/protocol/assignment.ts';
import type {
  ExecuteRequest,
  ReadRequest,
  ReapplyRequest,
  Relayed,
  ReplicaAnswer,
} from '../../shared/protocol/messages.ts';
import type { ReplicaRpc, SessionRpc } from '../../shared/protocol/rpc.ts';
import type {
  ChangeReply,
  DatabaseRecord,
  FailoverReply,
  FailoverWish,
  FollowerWish,
  ReplicaReport,
  Suspicion,
} from '../../shared/protocol/directory.ts';
import type { DirectoryRpc } from '../../shared/protocol/rpc.ts';
import { shortName } from '../../shared/protocol/names.ts';
import type { Settings } from '../../shared/protocol/settings.ts';
import type { Region } from '../../shared/regions.ts';
import { Devices } from '../../shared/session/devices.ts';
import { NodeSql } from '../simulator/node-sql.ts';

const ADMIN_KEY = 'test-admin-key';

export function at(lsn: number, epoch = 1): Position {
  return { epoch: toEpoch(epoch), lsn: toLsn(lsn) };
}

export function done(lsn: number, body = '{"results":[],"receipt":{}}'): ReplicaAnswer {
  return { kind: 'done', body, position: at(lsn), revision: 1 };
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
  onLostEntries: ReplicaRpc['lostEntries'] = async () => [];
  onLostEntry: ReplicaRpc['lostEntry'] = async () => null;
  onReapply: (request: ReapplyRequest) => ReplicaAnswer | Promise<ReplicaAnswer> = () => done(1);
  readonly reapplied: ReapplyRequest[] = [];
  /** What it was told to have been applied again, and where. */
  readonly told: (readonly [lost: Position, applied: Position])[] = [];

  async execute(request: ExecuteRequest): Promise<ReplicaAnswer> {
    this.calls.push({ method: 'execute', ...request });
    return this.onExecute(request);
  }

  async read(request: ReadRequest): Promise<ReplicaAnswer> {
    this.calls.push({ method: 'read', ...request });
    return this.onRead(request);
  }

  async status(appliedOf: readonly Relayed[]) {
    return this.onStatus(appliedOf);
  }

  async digest() {
    return this.onDigest();
  }

  async lostEntries(query: LostEntriesQuery) {
    return this.onLostEntries(query);
  }

  async lostEntry(position: Position) {
    return this.onLostEntry(position);
  }

  async lostEntryApplied(position: Position, applied: Position) {
    this.told.push([position, applied]);
  }

  async reapply(request: ReapplyRequest) {
    this.reapplied.push(request);
    return this.onReapply(request);
  }

  assign = notAsked;
  fence = notAsked;
  reaches = notAsked;
  append = notAsked;
  pull = notAsked;
  copy = notAsked;
  erase = notAsked;
}

async function notAsked(): Promise<never> {
  throw new Error('the edge has no business with this');
}

/** The core of a real directory, whose replicas confirm all they are told. */
class FakeDirectory implements DirectoryRpc {
  lookups = 0;
  readonly wishes: FailoverWish[] = [];
  readonly suspicions: Suspicion[] = [];
  onFailover: (wish: FailoverWish) => FailoverReply = () => ({ kind: 'absent' });
  /** Changes what it tells, as a failover would. */
  told: (record: DatabaseRecord) => DatabaseRecord = (record) => record;
  readonly #core = new Directory(new NodeSql());
  readonly #incarnation: () => string;

  constructor(incarnation: () => string) {
    this.#incarnation = incarnation;
  }

  get record(): DatabaseRecord | null {
    const record = this.#core.record();
    return record === null ? null : this.told(record);
  }

  async create(database: string, settings: Settings) {
    const incarnation = this.#incarnation();
    this.#step({ kind: 'create', database, settings, incarnation, now: 0 });
    const reply = this.#core.createReply(settings, incarnation);
    if (reply === null) throw new Error('a replica did not confirm');
    return reply;
  }

  async lookup() {
    this.lookups += 1;
    return this.record;
  }

  async erase() {
    const wasThere = this.record !== null;
    this.#step({ kind: 'erase', now: 0 });
    return wasThere;
  }

  async addFollower(wish: FollowerWish) {
    return this.#change({ kind: 'add-follower', wish, now: 0 });
  }

  async removeFollower(region: Region, replica: string | null) {
    return this.#change({ kind: 'remove-follower', region, replica, now: 0 });
  }

  async report(report: ReplicaReport) {
    this.#step({ kind: 'report', report, now: 0 });
  }

  async failover(wish: FailoverWish) {
    this.wishes.push(wish);
    return this.onFailover(wish);
  }

  async suspect(suspicion: Suspicion) {
    this.suspicions.push(suspicion);
  }

  lease = notAsked;

  async configure(automatic_failover_ms: number | null) {
    return this.#change({ kind: 'configure', automatic_failover_ms, now: 0 });
  }

  #change(event: DirectoryEvent): ChangeReply {
    try {
      this.#step(event);
      return this.record === null ? { kind: 'absent' } : { kind: 'changed', record: this.record };
    } catch (error) {
      if (error instanceof Refusal) return { kind: 'refused', failure: error.failure };
      throw error;
    }
  }

  #step(event: DirectoryEvent): void {
    for (const effect of this.#core.step(event)) {
      if (effect.kind === 'erase') this.#step({ kind: 'erased', replica: effect.replica.name });
      if (effect.kind !== 'assign') continue;
      const { self, epoch, revision } = effect.assignment;
      const reply = { epoch, revision, isSettled: true };
      this.#step({ kind: 'assigned', replica: self.name, reply, now: 0 });
    }
  }
}

class FakeSession implements SessionRpc {
  readonly #devices = new Devices(new NodeSql());
  isDown = false;

  /** The newest of the first partition. */
  get position(): Position | undefined {
    return this.#devices.seen()[0]?.[1];
  }

  set(...positions: readonly Position[]): void {
    for (const position of positions) this.#devices.advance(0, position);
  }

  async advance(partition: number, position: Position) {
    if (this.isDown) throw new Error('session is down');
    this.#devices.advance(partition, position);
  }

  async rewind(partition: number, lost: Position, instead: Position) {
    if (this.isDown) throw new Error('session is down');
    this.#devices.rewind(partition, { lost, instead });
  }

  async seen() {
    if (this.isDown) throw new Error('session is down');
    return this.#devices.seen();
  }
}

/** All followers are members; the second one of a region is `…/REGION/2`. */
export function recordFor(database: string, incarnation: string, settings: Settings): DatabaseRecord {
  return recordOf({ database, incarnation, settings }).record;
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
  async withDatabase(
    followers: readonly Region[] = ['enam'],
    automatic_failover_ms: number | null = null,
  ): Promise<this> {
    await this.directory.create(this.database, {
      leader: 'weur',
      followers,
      partitions: 1,
      durability: 'async',
      automatic_failover_ms,
    });
    return this;
  }

  get leader(): FakeReplica {
    return this.replica('weur');
  }

  get follower(): FakeReplica {
    return this.replica('enam');
  }

  /** Of the followers in enam, the one with this number. */
  sibling(number: number): FakeReplica {
    return number === 1 ? this.follower : this.replica(`enam/${number}`);
  }

  /** By its short name, such as `enam/2`. */
  replica(short: string): FakeReplica {
    const [leadership] = this.record.partitions;
    const refs = leadership === undefined ? [] : [leadership.leader, ...leadership.followers];
    const ref = refs.find((one) => shortName(one) === short);
    if (ref === undefined) throw new Error(`the database has no replica ${short}`);
    return this.replicas.getByName(ref.name);
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
  return /^t1\.\w+\.([\d_-]*)(?:~[0-9a-f]{8})?\.[\w-]{22}$/.exec(
    answer.headers.get('Tidemark-Session') ?? '',
  )?.[1];
}

export async function tokenAt(deployment: FakeDeployment, lsn: number): Promise<string> {
  deployment.leader.onExecute = () => done(lsn);
  const token = (await deployment.query(WRITE)).headers.get('Tidemark-Session');
  deployment.leader.calls.length = 0;
  if (token === null) throw new Error('a write gave no token');
  return token;
}

/** The record once the follower has become the leader. */
export function promoted(record: DatabaseRecord): DatabaseRecord {
  const partitions = record.partitions.map((leadership): Leadership => {
    const [first] = leadership.followers;
    if (first === undefined) throw new Error('nobody can lead');
    return { ...leadership, epoch: toEpoch(2), revision: 2, leader: first, followers: [] };
  });
  return { ...record, partitions };
}
