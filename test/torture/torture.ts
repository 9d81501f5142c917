import { present } from '../../shared/assert.ts';
import type { Region } from '../../shared/regions.ts';
import { sleep } from '../http/server.ts';
import { check } from '../simulator/checker/check.ts';
import type { Happening, HistoryEvent } from '../simulator/history.ts';
import { Random } from '../simulator/random.ts';
import { type TaskRates, USERS, workOf } from '../simulator/workload.ts';
import type { Task } from '../simulator/workloads/task.ts';
import { WORKLOAD_NAMES, type WorkloadName } from '../simulator/workloads/all.ts';
import { Client, type Session } from './client.ts';
import type { AskedTask } from '../simulator/client.ts';
import { LATE_MS_MAX, type Injected } from './faults.ts';
import { readReplicas } from './finals.ts';
import { appends, CREATE_JOURNAL, type Finding, Journal } from './journal.ts';
import { digests, waitForRest } from './rest.ts';
import { TortureServer } from './server.ts';

export interface TortureOptions {
  /** How long clients work and things go wrong. */
  readonly seconds: number;
  readonly clients: number;
  readonly leader: Region;
  readonly followers: readonly Region[];
  readonly seed: number;
  readonly killEverySeconds: number;
  readonly evictEverySeconds: number;
  readonly faultRate: number;
}

export interface TortureResult {
  readonly history: readonly HistoryEvent[];
  readonly violations: readonly Finding[];
  readonly counts: Readonly<Record<string, number>>;
}

const DATABASE = 'torture';
const RATES: TaskRates = { reads: 0.4, keyed: 0.6, users: 0.3 };

/** What only grows is read whole each time, so that there must be little of it. */
const WEIGHTS: Readonly<Partial<Record<WorkloadName, number>>> = {
  registers: 30,
  bank: 15,
  ids: 15,
  lists: 5,
  questions: 5,
};
const WEIGHT_OF_OTHERS = 4;
const SHARES = WORKLOAD_NAMES.map((name) => ({ name, weight: WEIGHTS[name] ?? WEIGHT_OF_OTHERS }));

/** So many session reads ask for a bound on staleness instead, in milliseconds. */
const BOUNDED = 0.15;
const STALENESS_MS = [0, 20, 200, 2_000];

/** On average a client thinks so long between two operations, in milliseconds. */
const THINK_MS = 20;
/** Runs the real runtime on files below `directory`, hurts it, and judges what its clients saw. */
export async function torture(options: TortureOptions, directory: string): Promise<TortureResult> {
  const server = await TortureServer.start(directory);
  const run = new Torture(options, server);
  try {
    await run.play();
  } finally {
    await server.close();
  }
  return run.judge();
}

class Torture {
  readonly #options: TortureOptions;
  readonly #server: TortureServer;
  readonly #random: Random;
  readonly #work = workOf(SHARES);
  readonly #history: HistoryEvent[] = [];
  readonly #journal = new Journal();
  readonly #sessions = new Map<string, Session>();
  readonly #clients: readonly Client[];
  readonly #counts: Record<string, number> = {};
  #isHurting = false;
  #ops = 0;

  constructor(options: TortureOptions, server: TortureServer) {
    this.#options = options;
    this.#server = server;
    this.#random = new Random(options.seed);
    this.#clients = Array.from({ length: options.clients }, (_, i) => this.#client(i));
  }

  async play(): Promise<void> {
    await this.#setUp();
    await this.#hurt();
    await this.#recover();
  }

  judge(): TortureResult {
    const replicas = readReplicas(this.#server.storage, DATABASE);
    const leader = present(replicas.get(this.#options.leader), 'the file of the leader');
    for (const event of appends(this.#options.leader, leader.log)) this.#record(event);
    for (const { final } of replicas.values()) this.#record(final);
    if (replicas.size !== this.#regions.length)
      this.#journal.violation(
        'F6',
        `${replicas.size} replicas left a file, and ${this.#regions.length} were made`,
      );
    const found = [...check(this.#history), ...this.#journal.verify(leader.ops, leader.log)];
    for (const { event } of this.#history)
      if (['invoke', 'ok', 'fail', 'info', 'append', 'digest'].includes(event)) this.#count(event, 1);
    return { history: this.#history, violations: found, counts: this.#counts };
  }

  get #regions(): readonly Region[] {
    return [this.#options.leader, ...this.#options.followers];
  }

  /** Half of the clients share their tokens in pairs, as the tabs of one browser do. */
  #client(i: number): Client {
    const name = i % 4 < 2 ? `shared-${Math.floor(i / 4)}` : `own-${i}`;
    const session = this.#sessions.get(name) ?? { name, seen: null, token: null };
    this.#sessions.set(name, session);
    return new Client({
      name: `client-${i}`,
      session,
      url: `${this.#server.api.url}/v1/databases/${DATABASE}/query`,
      regions: this.#regions,
      random: this.#random.fork(),
      losesAnswers: () => this.#isHurting,
      record: (happening) => this.#record(happening),
      journal: this.#journal,
    });
  }

  async #setUp(): Promise<void> {
    const { leader, followers } = this.#options;
    const created = await this.#server.api.create(DATABASE, { leader, followers });
    if (created.status !== 201) throw new Error(`the database was not made: ${created.text}`);
    const task = this.#work.setup();
    const client = present(this.#clients[0], 'a client');
    const { event } = await client.run(this.#nextOp(), {
      ...task,
      statements: [...task.statements, CREATE_JOURNAL],
      stalenessMsMax: null,
      durability: null,
      reusedKey: null,
    });
    if (event !== 'ok') throw new Error('the tables were not made');
  }

  /** Clients work while the runtime is killed, objects break and messages get lost. */
  async #hurt(): Promise<void> {
    const { seconds, faultRate } = this.#options;
    this.#isHurting = true;
    await this.#server.setFaultRate(faultRate);
    const working = Promise.all(this.#clients.map((client) => this.#keepWorking(client)));
    const harming = this.#harm(performance.now() + seconds * 1000).finally(() => (this.#isHurting = false));
    await Promise.all([working, harming]);
    this.#tally(await this.#server.setFaultRate(0));
  }

  /** One thing after the other: what is being killed cannot be evicted. */
  async #harm(end: number): Promise<void> {
    const { killEverySeconds, evictEverySeconds } = this.#options;
    const harms = [
      { at: 0, everyMs: killEverySeconds * 1000, harm: () => this.#kill() },
      { at: 0, everyMs: evictEverySeconds * 1000, harm: () => this.#evict() },
    ];
    const plan = (one: { at: number; everyMs: number }) =>
      void (one.at = performance.now() + one.everyMs * (0.5 + this.#random.fraction()));
    for (const one of harms) plan(one);
    for (;;) {
      const next = harms.reduce((a, b) => (a.at <= b.at ? a : b));
      await sleep(Math.max(0, Math.min(next.at, end) - performance.now()));
      if (performance.now() >= end) return;
      await next.harm();
      plan(next);
    }
  }

  /** Faults stop: every replica must come to rest at one position without help, and every client get its answer. */
  async #recover(): Promise<void> {
    await sleep(LATE_MS_MAX + 500);
    this.#record({ event: 'faults-stop' });
    const left = await waitForRest(this.#server.api, DATABASE);
    await Promise.all(
      this.#clients.map((client) => client.run(this.#nextOp(), unbounded(this.#work.readAll(1_000)))),
    );
    await this.#digests();
    this.#record({ event: 'rest', planned: left });
  }

  async #kill(): Promise<void> {
    this.#tally(await this.#server.setFaultRate(this.#options.faultRate));
    await this.#server.kill();
    this.#count('kills', 1);
    await this.#digests();
  }

  async #evict(): Promise<void> {
    const database = DATABASE;
    if (this.#random.chance(0.2)) {
      const user = this.#random.pick(USERS);
      await this.#server.break({ kind: 'break session', database, user });
      return this.#count('evicted sessions', 1);
    }
    // All at once at times: then nobody remembers what was on its way.
    const regions = this.#random.chance(0.2) ? this.#regions : [this.#random.pick(this.#regions)];
    for (const region of regions) await this.#server.break({ kind: 'break replica', database, region });
    this.#count('evicted replicas', regions.length);
  }

  async #digests(): Promise<void> {
    for (const taken of await digests(this.#server.api, DATABASE, this.#regions)) this.#record(taken);
  }

  async #keepWorking(client: Client): Promise<void> {
    let next: (op: number) => Task | null = () => null;
    while (this.#isHurting) {
      const op = this.#nextOp();
      const task = next(op) ?? this.#work.draw(this.#random, RATES, op);
      const ending = await client.run(op, this.#asked(task));
      next = (later) => (ending.event === 'ok' ? (task.follow?.(ending.rows, later) ?? null) : null);
      await sleep(this.#random.interval(THINK_MS));
    }
  }

  #asked(task: Task): AskedTask {
    const mayBeBounded = task.kind === 'read' && task.consistency === 'session';
    if (!mayBeBounded || !this.#random.chance(BOUNDED)) return unbounded(task);
    return { ...unbounded(task), consistency: 'bounded', stalenessMsMax: this.#random.pick(STALENESS_MS) };
  }

  #nextOp(): number {
    return (this.#ops += 1);
  }

  #record(happening: Happening): void {
    this.#history.push({ t: Math.round(performance.timeOrigin + performance.now()), ...happening });
  }

  #tally(injected: Injected): void {
    for (const [kind, count] of Object.entries(injected)) this.#count(`messages ${kind}`, count);
  }

  #count(what: string, count: number): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + count;
  }
}

function unbounded(task: Task): AskedTask {
  return { ...task, stalenessMsMax: null, reusedKey: null, durability: null };
}
