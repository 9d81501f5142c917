import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type LocalServer, startLocalServer } from '../../scripts/local-server.ts';
import { ADMIN_KEY, Api, childrenNamed, sleep } from '../http/server.ts';
import type { Cut } from './links.ts';
import type { Control, Controlled } from './worker.ts';

/** After SIGKILL the runtime is started again within this time, in milliseconds, or never. */
const BACK_MS_MAX = 30_000;

/** An object that is to lose its memory. */
export type Breakable =
  | { readonly kind: 'break replica'; readonly region: string }
  | { readonly kind: 'break directory' }
  | { readonly kind: 'break session'; readonly user: string };

/** An epoch, and who leads in it. */
export interface Newest {
  readonly epoch: number;
  readonly leader: string;
}

/** The test's Worker with storage on disk, one database in it, and what can be done to it from outside. */
export class TortureServer {
  readonly api: Api;
  readonly database: string;
  /** Where the objects' SQLite files are. */
  readonly storage: string;
  readonly #server: LocalServer;
  /** By epoch: who was told to lead in it. */
  readonly #leaders = new Map<number, Set<string>>();
  readonly #counts: Record<string, number> = {};
  #rate = 0;
  #cuts: readonly Cut[] = [];
  #last: Controlled | null = null;

  private constructor(storage: string, database: string, server: LocalServer) {
    this.api = new Api(server.url);
    this.storage = storage;
    this.database = database;
    this.#server = server;
  }

  static async start(directory: string, database: string): Promise<TortureServer> {
    const storage = join(directory, 'storage');
    mkdirSync(storage, { recursive: true });
    const configPath = writeConfig(directory);
    const server = await startLocalServer({ port: 0, persistTo: storage, adminKey: ADMIN_KEY, configPath });
    return new TortureServer(storage, database, server);
  }

  /** The newest epoch that anybody was told of, and who leads in it; null before the first time. */
  get newest(): Newest | null {
    const epoch = Math.max(...this.#leaders.keys());
    const [leader] = this.#leaders.get(epoch) ?? [];
    return leader === undefined ? null : { epoch, leader };
  }

  get leaders(): ReadonlyMap<number, ReadonlySet<string>> {
    return this.#leaders;
  }

  /** What was done to messages, all in all. */
  get counts(): Readonly<Record<string, number>> {
    this.#tally();
    return this.#counts;
  }

  /** From here on such a share of messages is tampered with, also after a kill. */
  async setFaultRate(rate: number): Promise<void> {
    this.#rate = rate;
    await this.look();
  }

  /** These links are cut as well, also after a kill. */
  async cut(cuts: readonly Cut[]): Promise<void> {
    this.#cuts = [...this.#cuts.filter(({ until }) => until > Date.now()), ...cuts];
    await this.look();
  }

  /** Only the cuts with this label; null: all. */
  async heal(label: string | null): Promise<void> {
    this.#cuts = this.#cuts.filter((cut) => label !== null && cut.label !== label);
    await this.look();
  }

  /** Hears how it stands. */
  async look(): Promise<void> {
    const { database } = this;
    const ask = () => this.#control({ kind: 'faults', database, rate: this.#rate, cuts: this.#cuts });
    const end = performance.now() + BACK_MS_MAX;
    for (;;) {
      // While the runtime is being started again, nobody answers, or half an answer comes.
      const controlled = await ask().catch((error: Error) => error);
      if (!(controlled instanceof Error)) return this.#heard(controlled);
      if (performance.now() > end) throw new Error('the runtime did not come back', { cause: controlled });
      await sleep(20);
    }
  }

  /** Breaks one object. Where the runtime has just been killed there is none to break. */
  async break(what: Breakable): Promise<void> {
    await this.#control({ ...what, database: this.database }).catch(() => undefined);
  }

  /** Ends the runtime in the middle of whatever it does, and waits until it has been started again. */
  async kill(): Promise<void> {
    await this.look();
    this.#tally();
    for (const pid of childrenNamed('workerd')) process.kill(pid, 'SIGKILL');
    await this.look();
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  #heard(controlled: Controlled): void {
    this.#last = controlled;
    for (const { epoch, leader } of controlled.leaders) {
      const known = this.#leaders.get(epoch) ?? new Set<string>();
      this.#leaders.set(epoch, known.add(leader));
    }
  }

  /** What the process has counted that is about to end. */
  #tally(): void {
    if (this.#last === null) return;
    const { injected, stopped } = this.#last;
    for (const [kind, count] of [...Object.entries(injected), ['stopped by a cut', stopped] as const])
      this.#counts[`messages ${kind}`] = (this.#counts[`messages ${kind}`] ?? 0) + count;
    this.#last = null;
  }

  async #control(asked: Control): Promise<Controlled> {
    const { status, text, json } = await this.api.send('POST', '/torture', asked);
    if (status !== 200) throw new Error(`the control path answered ${status} ${text}`);
    return json as unknown as Controlled;
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
