import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import { existsSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { resolve } from 'node:path';
import { unstable_getMiniflareWorkerOptions } from 'wrangler';
import { bundle } from '../scripts/local-server.ts';

export const ADMIN_KEY = 'benchmark';
const PROJECT = resolve(import.meta.dirname, '..');
const HOST = '127.0.0.1';

export type WorkerName = 'tidemark' | 'before' | 'observed' | 'cutting' | 'bare' | 'copy' | 'd1' | 'ladder';

/** Of the Worker `cutting`: how much log it keeps, and how much a follower that is away may claim, in bytes. */
export const CUTTING = { kept: 1024 * 1024, claim: 4 * 1024 * 1024 };

/** All Workers in one runtime, each on a socket of its own, with storage on disk below `directory`. */
export interface Systems {
  readonly urls: Readonly<Record<WorkerName, URL>>;
  close(): Promise<void>;
}

/** `before`: another tree of the product to compare with; the Worker of that name runs its code. */
export async function startSystems(directory: string, before: string | null = null): Promise<Systems> {
  const { workerOptions, main } = unstable_getMiniflareWorkerOptions(resolve(PROJECT, 'wrangler.toml'));
  const bindings = {
    ...(workerOptions['bindings'] as Record<string, string>),
    TIDEMARK_SIMULATE_REGIONS: 'true',
    TIDEMARK_ADMIN_KEY: ADMIN_KEY,
  };
  const cutting = {
    ...bindings,
    TIDEMARK_LOG_KEPT_BYTES: String(CUTTING.kept),
    TIDEMARK_LOG_CLAIM_BYTES: String(CUTTING.claim),
  };
  const { compatibilityDate } = workerOptions;
  const product = main ?? 'workers/main.ts';
  const bench = (name: string): string => resolve(PROJECT, 'bench', `${name}-worker.ts`);
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      host: HOST,
      port: 0,
      cf: false,
      log: new Log(LogLevel.ERROR),
      resourcePersistencePath: directory,
      workers: [
        { ...workerOptions, name: 'tidemark', bindings, ...(await code(product)) },
        {
          ...workerOptions,
          name: 'before',
          bindings,
          ...(await code(before === null ? product : resolve(before, 'workers/main.ts'))),
        },
        { ...workerOptions, name: 'observed', bindings, ...(await code(bench('observed'))) },
        { ...workerOptions, name: 'cutting', bindings: cutting, ...(await code(bench('observed'))) },
        {
          name: 'copy',
          compatibilityDate,
          durableObjects: { COPY: { className: 'Copy', useSQLite: true } },
          ...(await code(bench('copy'))),
        },
        {
          name: 'bare',
          compatibilityDate,
          durableObjects: { BARE: { className: 'Bare', useSQLite: true } },
          ...(await code(bench('bare'))),
        },
        {
          name: 'ladder',
          compatibilityDate,
          durableObjects: { LADDER: { className: 'Ladder', useSQLite: true } },
          ...(await code(bench('ladder'))),
        },
        { name: 'd1', compatibilityDate, d1Databases: { DB: 'bench' }, ...(await code(bench('d1'))) },
      ],
    } as Parameters<typeof convertV4MiniflareOptions>[0]),
  );
  await runtime.ready;
  const url = (name: WorkerName): Promise<URL> => runtime.unsafeGetDirectURL(name);
  const urls = {
    tidemark: await url('tidemark'),
    before: await url('before'),
    observed: await url('observed'),
    cutting: await url('cutting'),
    copy: await url('copy'),
    bare: await url('bare'),
    d1: await url('d1'),
    ladder: await url('ladder'),
  };
  return { urls, close: () => runtime.dispose() };
}

/** A second runtime, for followers elsewhere. It gives way to the first: of two cores theirs is not to be the leader's. */
export async function startElsewhere(
  directory: string,
): Promise<{ readonly url: URL; close(): Promise<void> }> {
  const before = new Set(children());
  const { workerOptions } = unstable_getMiniflareWorkerOptions(resolve(PROJECT, 'wrangler.toml'));
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      host: HOST,
      port: 0,
      cf: false,
      log: new Log(LogLevel.ERROR),
      resourcePersistencePath: directory,
      workers: [
        {
          name: 'remote',
          compatibilityDate: workerOptions['compatibilityDate'],
          durableObjects: { REMOTE: { className: 'Remote', useSQLite: true } },
          ...(await code(resolve(PROJECT, 'bench/remote-worker.ts'))),
        },
      ],
    } as Parameters<typeof convertV4MiniflareOptions>[0]),
  );
  await runtime.ready;
  for (const pid of children()) if (!before.has(pid)) setPriority(pid, 10);
  return { url: await runtime.unsafeGetDirectURL('remote'), close: () => runtime.dispose() };
}

function children(): number[] {
  const path = `/proc/${process.pid}/task/${process.pid}/children`;
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split(' ').map(Number) : [];
}

async function code(entry: string) {
  return {
    modules: [{ type: 'ESModule' as const, path: 'main.js', contents: await bundle(entry) }],
    unsafeDirectSockets: [{ host: HOST }],
  };
}
