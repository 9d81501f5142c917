import { Directory as ProductDirectory } from '../durable-objects/directory.ts';
import { Replica as ProductReplica } from '../durable-objects/replica.ts';
import type { ObjectsEnv } from '../durable-objects/env.ts';
import type {
  AppendReply,
  Batch,
  CopyReply,
  CopyRequest,
  ExecuteRequest,
  PullReply,
  PullRequest,
  ReadRequest,
  Relayed,
  ReplicaAnswer,
} from '../shared/protocol/messages.ts';
import type {
  AssignReply,
  FenceReply,
  FenceRequest,
  LeaseReply,
  LeaseRequest,
  ReplicaReport,
} from '../shared/protocol/directory.ts';
import type { ReplicaStatus } from '../shared/protocol/status.ts';
import type { Assignment, Leadership } from '../shared/protocol/assignment.ts';
import { router } from '../workers/router.ts';

/** The product with counters and a way to hold followers back. It is never used where speed is measured against others. */
export { Catalog } from '../durable-objects/catalog.ts';
export { Session } from '../durable-objects/session.ts';

export interface Observed {
  /** Since the Worker started. */
  readonly requests: number;
  readonly calls: number;
  readonly alarms: number;
  readonly leaderRowsWritten: number;
  readonly followerRowsWritten: number;
  /** By the names of the objects, what each has read for callers. */
  readonly reads: Readonly<Record<string, number>>;
  readonly kills: readonly Kill[];
  /** By the names of followers, how many pieces of a snapshot each has asked for. */
  readonly pieces: Readonly<Record<string, number>>;
}

/** A follower that was killed when it asked for so manieth a piece. */
export interface Kill {
  readonly follower: string;
  readonly piece: number;
  /** The key of the last row that it had; null where that was none. */
  readonly after: string | null;
}

interface Tally {
  leads: boolean;
  reads: number;
  written: number;
  cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[];
}

/** Local objects share one isolate with their Worker, so that plain variables reach them all. */
const tallies = new Map<string, Tally>();
let held = false;
/** Parts of the names of replicas that nothing between replicas reaches, and that reach none. */
let away: readonly string[] = [];
/** Parts of the names of replicas that nothing reaches, and that reach nothing: as if their machine were gone. */
let dead: readonly string[] = [];
/** How long a message between objects and its answer take together, in milliseconds. */
let roundTripMs = 0;
/** Parts of the names of followers that are killed, and at which pieces; by the names, how many each has asked for. */
let killed: readonly string[] = [];
let killedAt: readonly number[] = [];
const pieces = new Map<string, number>();
const kills: Kill[] = [];
let requests = 0;
let calls = 0;
let alarms = 0;

function tallyOf(ctx: DurableObjectState): Tally {
  const name = ctx.id.name ?? ctx.id.toString();
  const known = tallies.get(name);
  if (known !== undefined) return known;
  const tally: Tally = { leads: false, reads: 0, written: 0, cursors: [] };
  tallies.set(name, tally);
  return tally;
}

/** A cursor knows its rows only once it has been read: it is asked when the next statement runs. */
function settle(tally: Tally): void {
  for (const cursor of tally.cursors) tally.written += cursor.rowsWritten;
  tally.cursors = [];
}

function checkAway(name: string | undefined): void {
  if (name !== undefined && away.some((part) => `${name}/`.includes(part)))
    throw new Error('away for the benchmark');
}

function checkDead(name: string | undefined): void {
  if (name !== undefined && dead.some((part) => `${name}/`.includes(part)))
    throw new Error('dead for the benchmark');
}

/** A message from another object, which takes its time, unless one of the two is dead. */
async function message<T>(ends: readonly (string | undefined)[], handle: () => Promise<T>): Promise<T> {
  for (const end of ends) checkDead(end);
  if (roundTripMs === 0) return handle();
  await pause(roundTripMs / 2);
  const answer = await handle();
  await pause(roundTripMs / 2);
  return answer;
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

function watch(ctx: DurableObjectState): void {
  const tally = tallyOf(ctx);
  const { sql } = ctx.storage;
  const exec = sql.exec.bind(sql);
  const watched = (query: string, ...bindings: unknown[]) => {
    settle(tally);
    const cursor = exec(query, ...bindings);
    tally.cursors.push(cursor);
    return cursor;
  };
  Object.defineProperty(sql, 'exec', { value: watched });
}

export class Replica extends ProductReplica {
  constructor(ctx: DurableObjectState, env: ObjectsEnv) {
    watch(ctx);
    super(ctx, env);
  }

  override async execute(request: ExecuteRequest): Promise<ReplicaAnswer> {
    calls++;
    checkDead(this.ctx.id.name);
    tallyOf(this.ctx).leads = true;
    return super.execute(request);
  }

  override async assign(assignment: Assignment): Promise<AssignReply> {
    return message([this.ctx.id.name], () => super.assign(assignment));
  }

  override async fence(request: FenceRequest): Promise<FenceReply> {
    return message([this.ctx.id.name], () => super.fence(request));
  }

  override async append(batch: Batch): Promise<AppendReply> {
    calls++;
    if (held) throw new Error('held back by the benchmark');
    checkAway(this.ctx.id.name);
    return message([this.ctx.id.name], () => super.append(batch));
  }

  override async read(request: ReadRequest): Promise<ReplicaAnswer> {
    calls++;
    tallyOf(this.ctx).reads++;
    return super.read(request);
  }

  override async pull(request: PullRequest): Promise<PullReply> {
    calls++;
    checkAway(request.follower);
    return super.pull(request);
  }

  override async copy(request: CopyRequest): Promise<CopyReply> {
    calls++;
    checkAway(request.follower);
    this.#killAtPiece(request);
    return super.copy(request);
  }

  override async status(appliedOf: readonly Relayed[]): Promise<ReplicaStatus> {
    calls++;
    checkDead(this.ctx.id.name);
    return super.status(appliedOf);
  }

  override async alarm(): Promise<void> {
    alarms++;
    return super.alarm();
  }

  /** While an install keeps the thread busy no request comes through, so that whom to kill is said before. */
  #killAtPiece({ follower, from }: CopyRequest): void {
    const piece = (pieces.get(follower) ?? 0) + 1;
    pieces.set(follower, piece);
    if (!killedAt.includes(piece) || !killed.some((end) => follower.includes(end))) return;
    const after = from?.place.kind === 'rows' ? from.place.after : null;
    kills.push({ follower, piece, after });
    void breakReplica(this.env, follower);
  }

  /** For a follower that runs elsewhere under the name of one that is away. */
  copyElsewhere(request: CopyRequest): Promise<CopyReply> {
    return super.copy(request);
  }

  /** The object loses its memory, and what is not durable yet. */
  async break(): Promise<void> {
    this.ctx.abort('broken by the benchmark');
  }
}

export class Directory extends ProductDirectory {
  override async lease(request: LeaseRequest): Promise<LeaseReply> {
    return message([request.replica.name], () => super.lease(request));
  }

  override async report(report: ReplicaReport): Promise<void> {
    return message([report.replica.name], () => super.report(report));
  }
}

function observed(): Observed {
  const sum = (leads: boolean) =>
    [...tallies.values()]
      .filter((tally) => tally.leads === leads)
      .reduce((total, tally) => total + tally.written, 0);
  for (const tally of tallies.values()) settle(tally);
  const reads = Object.fromEntries([...tallies].map(([name, tally]) => [name, tally.reads]));
  return {
    requests,
    calls,
    alarms,
    leaderRowsWritten: sum(true),
    followerRowsWritten: sum(false),
    reads,
    kills,
    pieces: Object.fromEntries(pieces),
  };
}

type Bench = Pick<Replica, 'break' | 'copyElsewhere'>;

function replicaOf(env: ObjectsEnv, name: string): Bench {
  const stub: unknown = env.REPLICA.getByName(name);
  return stub as Bench;
}

/** The call fails with the object that it breaks. */
async function breakReplica(env: ObjectsEnv, name: string): Promise<void> {
  await replicaOf(env, name)
    .break()
    .catch(() => undefined);
}

async function leadershipOf(env: ObjectsEnv, database: string): Promise<Leadership> {
  const leadership = (await env.DIRECTORY.getByName(database).lookup())?.partitions[0];
  if (leadership === undefined) throw new Error(`there is no ${database}`);
  return leadership;
}

/** What the benchmark does to replicas, or has them do, by the path. */
const CONTROLS: Readonly<Record<string, (asked: Asked, env: ObjectsEnv) => unknown>> = {
  '/observed': () => observed(),
  '/hold': () => void (held = true),
  '/release': () => void (held = false),
  '/away': ({ regions }) => void (away = regions.map((region) => `/${region}/`)),
  '/dead': ({ regions }) => void (dead = regions.map((region) => `/${region}/`)),
  '/slow': ({ numbers }) => void (roundTripMs = numbers[0] ?? 0),
  '/kill': ({ regions, numbers }) => {
    killed = regions.map((region) => `/${region}/`);
    killedAt = numbers;
  },
  '/leadership': ({ database }, env) => leadershipOf(env, database),
  '/copy': async ({ database, request }, env) => {
    const { leader } = await leadershipOf(env, database);
    return replicaOf(env, leader.name).copyElsewhere(await request.json());
  },
};

interface Asked {
  readonly database: string;
  readonly regions: readonly string[];
  readonly numbers: readonly number[];
  readonly request: Request;
}

export default {
  async fetch(
    request: Request,
    env: Parameters<typeof router.fetch>[1] & ObjectsEnv,
    context: ExecutionContext,
  ): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const control = CONTROLS[pathname];
    if (control !== undefined) {
      const list = (name: string) => (searchParams.get(name) ?? '').split(',').filter((one) => one !== '');
      const database = searchParams.get('database') ?? '';
      const asked = { database, regions: list('regions'), numbers: list('numbers').map(Number), request };
      return Response.json((await control(asked, env)) ?? null);
    }
    requests++;
    return router.fetch(request, env, context);
  },
};
