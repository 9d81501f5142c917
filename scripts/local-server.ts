import { build } from 'esbuild';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from 'wrangler';

const HOST = '127.0.0.1';
const PROJECT = resolve(import.meta.dirname, '..');

// The one who starts a server hears from it, not from wrangler's reading of the configuration.
process.env['WRANGLER_LOG'] ??= 'warn';
process.env['WRANGLER_WRITE_LOGS'] ??= 'false';

export interface LocalServerOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** Where the objects' storage is kept; made if it does not exist. */
  readonly persistTo: string;
  readonly adminKey: string;
  /** The Worker to serve; its name, entry and bindings are read from here. */
  readonly configPath?: string;
  /** More variables for the Worker. */
  readonly vars?: Readonly<Record<string, string>>;
}

export interface LocalServer {
  readonly url: string;
  /** Also the door to what tests do to the runtime: evicting objects, listing them. */
  readonly runtime: Miniflare;
  /** Ends the runtime's process too. */
  close(): Promise<void>;
}

export class PortInUse extends Error {
  override readonly name = 'PortInUse';
}

/**
 * The Worker that wrangler.toml describes, on this machine, with storage on disk. Requests reach the
 * runtime's own socket: a development proxy in between would answer a tenth as many a second.
 * @throws PortInUse
 */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const port = await freePort(options.port);
  const configPath = options.configPath ?? resolve(PROJECT, 'wrangler.toml');
  const config = unstable_readConfig({ config: configPath }, { hideWarnings: true });
  const name = config.name ?? 'tidemark';
  const { workerOptions, main } = unstable_getMiniflareWorkerOptions(configPath);
  if (main === undefined) throw new Error(`${configPath} names no main`);

  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      host: HOST,
      port: 0,
      cf: false,
      enableDevRegistry: false,
      log: new Log(LogLevel.WARN),
      resourcePersistencePath: resolve(options.persistTo),
      workers: [
        {
          ...workerOptions,
          name,
          modules: [{ type: 'ESModule', path: 'main.js', contents: await bundle(main) }],
          bindings: {
            ...(workerOptions['bindings'] as Record<string, string>),
            TIDEMARK_SIMULATE_REGIONS: 'true',
            TIDEMARK_ADMIN_KEY: options.adminKey,
            ...options.vars,
          },
          unsafeDirectSockets: [{ host: HOST, port }],
        },
      ],
    }),
  );
  try {
    await runtime.ready;
  } catch (error) {
    await runtime.dispose();
    throw error;
  }
  return { url: `http://${HOST}:${port}`, runtime, close: () => runtime.dispose() };
}

/** As wrangler bundles: one module, with what the runtime itself provides left out. */
export async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error(`nothing was built from ${entry}`);
  return file.text;
}

/**
 * The runtime gets a port that was free a moment ago. It is chosen here and not by the runtime, so that it
 * stays the same when the runtime is restarted, and so that a port in use is told in plain words.
 */
async function freePort(wanted: number): Promise<number> {
  const probe = createServer();
  return new Promise((done, failed) => {
    probe.once('error', (error: NodeJS.ErrnoException) =>
      failed(error.code === 'EADDRINUSE' ? new PortInUse(`port ${wanted} is in use`) : error),
    );
    probe.listen(wanted, HOST, () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : wanted;
      probe.close(() => done(port));
    });
  });
}
