import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import { resolve } from 'node:path';
import { unstable_getMiniflareWorkerOptions } from 'wrangler';
import { bundle } from '../scripts/local-server.ts';

export const ADMIN_KEY = 'benchmark';
const PROJECT = resolve(import.meta.dirname, '..');
const HOST = '127.0.0.1';

export type WorkerName = 'tidemark' | 'observed' | 'bare' | 'd1' | 'ladder';

/** All Workers in one runtime, each on a socket of its own, with storage on disk below `directory`. */
export interface Systems {
  readonly urls: Readonly<Record<WorkerName, URL>>;
  close(): Promise<void>;
}

export async function startSystems(directory: string): Promise<Systems> {
  const { workerOptions, main } = unstable_getMiniflareWorkerOptions(resolve(PROJECT, 'wrangler.toml'));
  const bindings = {
    ...(workerOptions['bindings'] as Record<string, string>),
    TIDEMARK_SIMULATE_REGIONS: 'true',
    TIDEMARK_ADMIN_KEY: ADMIN_KEY,
  };
  const { compatibilityDate } = workerOptions;
  const bench = (name: string): string => resolve(PROJECT, 'bench', `${name}-worker.ts`);
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      host: HOST,
      port: 0,
      cf: false,
      log: new Log(LogLevel.ERROR),
      resourcePersistencePath: directory,
      workers: [
        { ...workerOptions, name: 'tidemark', bindings, ...(await code(main ?? 'workers/main.ts')) },
        { ...workerOptions, name: 'observed', bindings, ...(await code(bench('observed'))) },
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
    observed: await url('observed'),
    bare: await url('bare'),
    d1: await url('d1'),
    ladder: await url('ladder'),
  };
  return { urls, close: () => runtime.dispose() };
}

async function code(entry: string) {
  return {
    modules: [{ type: 'ESModule' as const, path: 'main.js', contents: await bundle(entry) }],
    unsafeDirectSockets: [{ host: HOST }],
  };
}
