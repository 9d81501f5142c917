import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type LocalServer, startLocalServer } from '../../scripts/local-server.ts';
import { ADMIN_KEY, Api, childrenNamed, sleep } from '../http/server.ts';
import type { Injected } from './faults.ts';
import type { Control } from './worker.ts';

/** After SIGKILL the runtime is started again within this time, in milliseconds, or never. */
const BACK_MS_MAX = 30_000;

/** The test's Worker with storage on disk, and what can be done to it from outside. */
export class TortureServer {
  readonly api: Api;
  /** Where the objects' SQLite files are. */
  readonly storage: string;
  readonly #server: LocalServer;
  #rate = 0;

  private constructor(storage: string, server: LocalServer) {
    this.api = new Api(server.url);
    this.storage = storage;
    this.#server = server;
  }

  static async start(directory: string): Promise<TortureServer> {
    const storage = join(directory, 'storage');
    mkdirSync(storage, { recursive: true });
    const configPath = writeConfig(directory);
    const server = await startLocalServer({ port: 0, persistTo: storage, adminKey: ADMIN_KEY, configPath });
    return new TortureServer(storage, server);
  }

  /** From here on such a share of messages is tampered with, also after a kill. Gives what was done since the last one. */
  async setFaultRate(rate: number): Promise<Injected> {
    this.#rate = rate;
    return this.#control({ kind: 'faults', rate });
  }

  /** Breaks one object: a replica, or a user's session. */
  async break(what: Exclude<Control, { kind: 'faults' }>): Promise<void> {
    await this.#control(what);
  }

  /** Ends the runtime in the middle of whatever it does, and waits until it has been started again. */
  async kill(): Promise<void> {
    for (const pid of childrenNamed('workerd')) process.kill(pid, 'SIGKILL');
    const end = performance.now() + BACK_MS_MAX;
    while (performance.now() < end) {
      await sleep(20);
      const back = await this.setFaultRate(this.#rate).catch(() => null);
      if (back !== null) return;
    }
    throw new Error('the runtime did not come back');
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  async #control(asked: Control): Promise<Injected> {
    const { status, text, json } = await this.api.send('POST', '/torture', asked);
    if (status !== 200) throw new Error(`the control path answered ${status} ${text}`);
    return json as unknown as Injected;
  }
}

/** Production's configuration around the test's Worker, so that the two cannot drift apart. */
function writeConfig(directory: string): string {
  const text = readFileSync(resolve(import.meta.dirname, '../../wrangler.toml'), 'utf8');
  const main = JSON.stringify(resolve(import.meta.dirname, 'worker.ts'));
  const path = join(directory, 'wrangler.toml');
  writeFileSync(path, text.replace(/^main = .*$/m, `main = ${main}`));
  return path;
}
