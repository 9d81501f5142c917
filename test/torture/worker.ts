import { Directory as ProductDirectory } from '../../durable-objects/directory.ts';
import type { ObjectsEnv } from '../../durable-objects/env.ts';
import { Replica as ProductReplica } from '../../durable-objects/replica.ts';
import { Session as ProductSession } from '../../durable-objects/session.ts';
import type { ReplicaRef } from '../../shared/protocol/assignment.ts';
import type { ReplicaRpc, SessionRpc } from '../../shared/protocol/rpc.ts';
import type { DirectoryRpc } from '../../shared/protocol/rpc.ts';
import type { Env } from '../../workers/env.ts';
import { router } from '../../workers/router.ts';
import { type Delivery, type Injected, isInjected, MessageFaults } from './faults.ts';
import { type Cut, Links, type Told } from './links.ts';

/** The product, with messages that get lost, links that are cut and objects that can be told to break. Only tests deploy it, and only locally. */
export { Catalog } from '../../durable-objects/catalog.ts';

/** Local objects share one isolate with their Worker, so that one variable reaches them all. */
const faults = new MessageFaults();
const links = new Links();

// What went wrong on purpose would bury what went wrong.
const { error } = console;
console.error = (...what: readonly unknown[]) => {
  if (!what.some((one) => one instanceof Error && isInjected(one))) error(...what);
};

/** As an object that can be cut off reaches the others. */
function seenBy<E extends ObjectsEnv | Env>(from: string, env: E): E {
  return {
    ...env,
    REPLICA: links.over(env.REPLICA, from),
    DIRECTORY: links.over(env.DIRECTORY, from),
  };
}

export class Replica extends ProductReplica {
  constructor(ctx: DurableObjectState, env: ObjectsEnv) {
    super(ctx, seenBy(ctx.id.toString(), env));
  }

  /** The object loses its memory, what is not durable yet, and everybody who waits for it. */
  async break(): Promise<void> {
    this.ctx.abort('torture: broken');
  }
}

export class Directory extends ProductDirectory {
  constructor(ctx: DurableObjectState, env: ObjectsEnv) {
    super(ctx, seenBy(ctx.id.toString(), env));
  }

  /** As a replica's. */
  async break(): Promise<void> {
    this.ctx.abort('torture: broken');
  }
}

export class Session extends ProductSession {
  /** As a replica's. */
  async break(): Promise<void> {
    this.ctx.abort('torture: broken');
  }
}

/** A request without a key would be done twice if it came twice. A database is made and deleted without faults. */
const OF_REPLICAS = {
  assign: 'may be repeated',
  execute: 'once',
  read: 'once',
  append: 'may be repeated',
  pull: 'may be repeated',
  copy: 'may be repeated',
  status: 'may be repeated',
  digest: 'may be repeated',
  fence: 'may be repeated',
  reaches: 'may be repeated',
  lostEntries: 'may be repeated',
} as const satisfies Partial<Record<keyof ReplicaRpc, Delivery>>;
const OF_DIRECTORIES = {
  lookup: 'may be repeated',
  report: 'may be repeated',
  lease: 'may be repeated',
  failover: 'may be repeated',
  suspect: 'may be repeated',
  configure: 'may be repeated',
} as const satisfies Partial<Record<keyof DirectoryRpc, Delivery>>;
const OF_SESSIONS = {
  advance: 'may be repeated',
  rewind: 'may be repeated',
  seen: 'may be repeated',
} as const satisfies Partial<Record<keyof SessionRpc, Delivery>>;

tamper(Replica.prototype, OF_REPLICAS);
tamper(Directory.prototype, OF_DIRECTORIES);
tamper(Session.prototype, OF_SESSIONS);

/** Puts the faults in front of the class's methods. */
function tamper(prototype: object, methods: Readonly<Record<string, Delivery>>): void {
  for (const [name, delivery] of Object.entries(methods)) {
    const handle = Reflect.get(prototype, name) as (...args: readonly unknown[]) => Promise<unknown>;
    const value = function (this: object, ...args: readonly unknown[]) {
      return faults.pass(delivery, () => Reflect.apply(handle, this, args));
    };
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
  }
}

/** What the runner asks for; only with the admin key. */
export type Control =
  /** From here on, such a share of messages is tampered with, and these links are cut. */
  | {
      readonly kind: 'faults';
      readonly database: string;
      readonly rate: number;
      readonly cuts: readonly Cut[];
    }
  | { readonly kind: 'break replica'; readonly database: string; readonly region: string }
  | { readonly kind: 'break directory'; readonly database: string }
  | { readonly kind: 'break session'; readonly database: string; readonly user: string };

/** How it stands since the Worker started. */
export interface Controlled {
  readonly injected: Injected;
  readonly stopped: number;
  readonly leaders: readonly Told[];
}

async function control(asked: Control, env: Env): Promise<void> {
  const replicas = await replicasOf(asked.database, env);
  switch (asked.kind) {
    case 'faults':
      faults.rate = asked.rate;
      links.cuts = asked.cuts;
      return;
    case 'break directory':
      return breakObject(env.DIRECTORY.getByName(asked.database));
    case 'break session':
      return breakObject(env.SESSION.getByName(`${incarnationOf(replicas)}/${asked.user}`));
    case 'break replica': {
      const replica = replicas.find(({ region }) => region === asked.region);
      if (replica !== undefined) await breakObject(env.REPLICA.getByName(replica.name));
    }
  }
}

let known: readonly ReplicaRef[] = [];

/** Asked once in a process, before anything goes wrong in it: the replicas of a tortured database stay who they are. */
async function replicasOf(database: string, env: Env): Promise<readonly ReplicaRef[]> {
  if (known.length > 0) return known;
  const { DIRECTORY, REPLICA } = env as unknown as ObjectsEnv;
  const directory = DIRECTORY.getByName(database);
  const record = await directory.lookup();
  const replicas = (record?.partitions ?? []).flatMap(({ leader, followers }) => [leader, ...followers]);
  links.name(directory.id.toString(), 'directory');
  for (const { name, region } of replicas) links.name(REPLICA.idFromName(name).toString(), region);
  known = replicas;
  return replicas;
}

/** It is part of every name. */
function incarnationOf([replica]: readonly ReplicaRef[]): string {
  return replica?.name.split('/')[1] ?? '';
}

/** The call fails with the object that it breaks. */
async function breakObject(stub: unknown): Promise<void> {
  await (stub as { break(): Promise<void> }).break().catch(() => undefined);
}

// oxlint-disable-next-line import/no-default-export -- the runtime asks a Worker's module for it
export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    if (new URL(request.url).pathname !== '/torture')
      return router.fetch(request, seenBy('router', env), context);
    if (request.headers.get('authorization') !== `Bearer ${env.TIDEMARK_ADMIN_KEY}`)
      return new Response(null, { status: 401 });
    await control(await request.json(), env);
    const { stopped, leaders } = links;
    return Response.json({ injected: faults.injected, stopped, leaders } satisfies Controlled);
  },
};
