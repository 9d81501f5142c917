import { Replica as ProductReplica } from '../durable-objects/replica.ts';
import type { ObjectsEnv } from '../durable-objects/env.ts';
import type {
  AppendReply,
  Batch,
  ExecuteRequest,
  PullReply,
  PullRequest,
  ReadRequest,
  ReplicaAnswer,
  ReplicaStatus,
} from '../shared/protocol/messages.ts';
import type { Position } from '../shared/position.ts';
import { router } from '../workers/router.ts';

/** The product with counters and a way to hold followers back. It is never used where speed is measured against others. */
export { Catalog } from '../durable-objects/catalog.ts';
export { Directory } from '../durable-objects/directory.ts';
export { Session } from '../durable-objects/session.ts';

export interface Observed {
  /** Since the Worker started. */
  readonly requests: number;
  readonly calls: number;
  readonly alarms: number;
  readonly leaderRowsWritten: number;
  readonly followerRowsWritten: number;
}

interface Tally {
  leads: boolean;
  written: number;
  cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[];
}

/** Local objects share one isolate with their Worker, so that plain variables reach them all. */
const tallies = new Map<string, Tally>();
let held = false;
let requests = 0;
let calls = 0;
let alarms = 0;

function tallyOf(ctx: DurableObjectState): Tally {
  const known = tallies.get(ctx.id.toString());
  if (known !== undefined) return known;
  const tally: Tally = { leads: false, written: 0, cursors: [] };
  tallies.set(ctx.id.toString(), tally);
  return tally;
}

/** A cursor knows its rows only once it has been read: it is asked when the next statement runs. */
function settle(tally: Tally): void {
  for (const cursor of tally.cursors) tally.written += cursor.rowsWritten;
  tally.cursors = [];
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
    tallyOf(this.ctx).leads = true;
    return super.execute(request);
  }

  override async append(batch: Batch): Promise<AppendReply> {
    calls++;
    if (held) throw new Error('held back by the benchmark');
    return super.append(batch);
  }

  override async read(request: ReadRequest): Promise<ReplicaAnswer> {
    calls++;
    return super.read(request);
  }

  override async pull(request: PullRequest): Promise<PullReply> {
    calls++;
    return super.pull(request);
  }

  override async status(lagsOf: readonly Position[]): Promise<ReplicaStatus> {
    calls++;
    return super.status(lagsOf);
  }

  override async alarm(): Promise<void> {
    alarms++;
    return super.alarm();
  }
}

function observed(): Observed {
  const sum = (leads: boolean) =>
    [...tallies.values()]
      .filter((tally) => tally.leads === leads)
      .reduce((total, tally) => total + tally.written, 0);
  for (const tally of tallies.values()) settle(tally);
  return { requests, calls, alarms, leaderRowsWritten: sum(true), followerRowsWritten: sum(false) };
}

export default {
  async fetch(
    request: Request,
    env: Parameters<typeof router.fetch>[1],
    context: ExecutionContext,
  ): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === '/observed') return Response.json(observed());
    if (pathname === '/hold' || pathname === '/release') {
      held = pathname === '/hold';
      return new Response();
    }
    requests++;
    return router.fetch(request, env, context);
  },
};
