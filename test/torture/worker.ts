import { Replica as ProductReplica } from '../../durable-objects/replica.ts';
import { Session as ProductSession } from '../../durable-objects/session.ts';
import type { Position } from '../../shared/position.ts';
import type {
  AppendReply,
  Batch,
  ExecuteRequest,
  PullReply,
  PullRequest,
  ReadRequest,
  ReplicaAnswer,
} from '../../shared/protocol/messages.ts';
import type { Env } from '../../workers/env.ts';
import { router } from '../../workers/router.ts';
import { isInjected, MessageFaults } from './faults.ts';

/** The product, with messages that get lost and objects that can be told to break. Only tests deploy it, and only locally. */
export { Catalog } from '../../durable-objects/catalog.ts';
export { Directory } from '../../durable-objects/directory.ts';

/** Local objects share one isolate with their Worker, so that one variable reaches them all. */
const faults = new MessageFaults();

// What went wrong on purpose would bury what went wrong.
const { error } = console;
console.error = (...what: readonly unknown[]) => {
  if (!what.some((one) => one instanceof Error && isInjected(one))) error(...what);
};

export class Replica extends ProductReplica {
  override execute(request: ExecuteRequest): Promise<ReplicaAnswer> {
    return faults.pass('once', () => super.execute(request));
  }

  override read(request: ReadRequest): Promise<ReplicaAnswer> {
    return faults.pass('once', () => super.read(request));
  }

  override append(batch: Batch): Promise<AppendReply> {
    return faults.pass('may be repeated', () => super.append(batch));
  }

  override pull(request: PullRequest): Promise<PullReply> {
    return faults.pass('may be repeated', () => super.pull(request));
  }

  /** The object loses its memory, what is not durable yet, and everybody who waits for it. */
  async break(): Promise<void> {
    this.ctx.abort('torture: broken');
  }
}

export class Session extends ProductSession {
  override advance(partition: number, position: Position): Promise<void> {
    return faults.pass('may be repeated', () => super.advance(partition, position));
  }

  override seen(): Promise<readonly (readonly [partition: number, position: Position])[]> {
    return faults.pass('may be repeated', () => super.seen());
  }

  /** As a replica's. */
  async break(): Promise<void> {
    this.ctx.abort('torture: broken');
  }
}

/** What the runner asks for; only with the admin key. */
export type Control =
  | { readonly kind: 'faults'; readonly rate: number }
  | { readonly kind: 'break replica'; readonly database: string; readonly region: string }
  | { readonly kind: 'break session'; readonly database: string; readonly user: string };

async function control(asked: Control, env: Env): Promise<void> {
  if (asked.kind === 'faults') {
    faults.rate = asked.rate;
    return;
  }
  const record = await env.DIRECTORY.getByName(asked.database).lookup();
  if (record === null) return;
  if (asked.kind === 'break session')
    return breakObject(env.SESSION.getByName(`${record.incarnation}/${asked.user}`));
  const [partition] = record.partitions;
  const replicas = partition === undefined ? [] : [partition.leader, ...partition.followers];
  const replica = replicas.find(({ region }) => region === asked.region);
  if (replica !== undefined) await breakObject(env.REPLICA.getByName(replica.name));
}

/** The call fails with the object that it breaks. */
async function breakObject(stub: unknown): Promise<void> {
  await (stub as { break(): Promise<void> }).break().catch(() => undefined);
}

// oxlint-disable-next-line import/no-default-export -- the runtime asks a Worker's module for it
export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    if (new URL(request.url).pathname !== '/torture') return router.fetch(request, env, context);
    if (request.headers.get('authorization') !== `Bearer ${env.TIDEMARK_ADMIN_KEY}`)
      return new Response(null, { status: 401 });
    await control(await request.json(), env);
    return Response.json(faults.injected);
  },
};
