import { present } from '../../shared/assert.ts';
import type { Position } from '../../shared/position.ts';
import type { Durability } from '../../shared/protocol/settings.ts';
import type { Region } from '../../shared/regions.ts';
import { sleep } from '../http/server.ts';
import type { AskedTask } from '../simulator/client.ts';
import type { Happening, HistoryEvent } from '../simulator/history.ts';
import { Random } from '../simulator/random.ts';
import { type TaskRates, USERS, workOf } from '../simulator/workload.ts';
import { WORKLOAD_NAMES, type WorkloadName } from '../simulator/workloads/all.ts';
import type { Task } from '../simulator/workloads/task.ts';
import { Client, type Session } from './client.ts';
import { Cuts } from './cuts.ts';
import { LATE_MS_MAX } from './faults.ts';
import { readReplicas } from './finals.ts';
import { CREATE_JOURNAL, Journal } from './journal.ts';
import { judge, type Judgement } from './judge.ts';
import { Operator } from './operator.ts';
import { digests, listLost, type Rest, waitForRest } from './rest.ts';
import { TortureServer } from './server.ts';

export interface TortureOptions {
  /** How long clients work and things go wrong. */
  readonly seconds: number;
  readonly clients: number;
  readonly leader: Region;
  readonly followers: readonly Region[];
  readonly durability: Durability;
  readonly seed: number;
  readonly killEverySeconds: number;
  readonly evictEverySeconds: number;
  /** Null: no link is cut. */
  readonly cutEverySeconds: number | null;
  /** Null: nobody asks for a failover, and no leader is taken away. */
  readonly failoverEverySeconds: number | null;
  readonly faultRate: number;
  /** Whether to tell what goes wrong when it does. */
  readonly isTraced: boolean;
}

const DATABASE = 'torture';
const RATES: TaskRates = { reads: 0.4, keyed: 0.6, users: 0.3 };

/**
 * What only grows is read whole each time, so that there must be little of it. What changes the schema or counts ids cannot be undone: who lost some of it
 * copies all, and with more of that nobody would ever roll back.
 */
const WEIGHTS: Readonly<Partial<Record<WorkloadName, number>>> = {
  registers: 80,
  bank: 40,
  lists: 10,
  questions: 10,
  ids: 2,
  schema: 1,
  columns: 1,
};
const WEIGHT_OF_OTHERS = 8;
const SHARES = WORKLOAD_NAMES.map((name) => ({ name, weight: WEIGHTS[name] ?? WEIGHT_OF_OTHERS }));

/** So many session reads ask for a bound on staleness instead, in milliseconds. */
const BOUNDED = 0.15;
const STALENESS_MS = [0, 20, 200, 2_000];

/** On average a client thinks so long between two operations, in milliseconds. */
const THINK_MS = 20;
/** So many of those things that would set back a failover's clock wait until it is over. */
const PATIENT = 0.85;

/** Runs the real runtime on files below `directory`, hurts it, and judges what its clients saw. */
export async function torture(options: TortureOptions, directory: string): Promise<Judgement> {
  const server = await TortureServer.start(directory, DATABASE);
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
  readonly #operator: Operator;
  readonly #counts: Record<string, number> = {};
  #rest: Rest | null = null;
  #listed: readonly Position[] = [];
  #isHurting = false;
  #ops = 0;
  #now = 0;

  constructor(options: TortureOptions, server: TortureServer) {
    this.#options = options;
    this.#server = server;
    this.#random = new Random(options.seed);
    this.#clients = Array.from({ length: options.clients }, (_, i) => this.#client(i));
    this.#operator = new Operator({
      server,
      random: this.#random.fork(),
      regions: this.#regions,
      durability: options.durability,
      everyMs: (options.failoverEverySeconds ?? 0) * 1000,
      record: (happening) => this.#record(happening),
      count: (what, about) => this.#note(what, about),
    });
  }

  async play(): Promise<void> {
    await this.#setUp();
    await this.#hurt();
    await this.#recover();
  }

  judge(): Judgement {
    const { durability } = this.#options;
    const rest = present(this.#rest, 'a rest');
    const { history, violations, counts } = judge({
      history: this.#history,
      journal: this.#journal,
      files: readReplicas(this.#server.storage, DATABASE, rest.states),
      regions: this.#regions,
      leaders: this.#server.leaders,
      listed: this.#listed,
      isSafe: durability === 'quorum' || durability === 'all',
    });
    const ofRest = { 'ms until all was at rest': rest.ms };
    return { history, violations, counts: { ...this.#counts, ...this.#server.counts, ...counts, ...ofRest } };
  }

  get #regions(): readonly Region[] {
    return [this.#options.leader, ...this.#options.followers];
  }

  /** Half of the clients share their tokens in pairs, as the tabs of one browser do. */
  #client(i: number): Client {
    const name = i % 4 < 2 ? `shared-${Math.floor(i / 4)}` : `own-${i}`;
    const session = this.#sessions.get(name) ?? { name, seen: null, token: null, losses: 0 };
    this.#sessions.set(name, session);
    return new Client({
      name: `client-${i}`,
      session,
      url: `${this.#server.api.url}/v1/databases/${DATABASE}/query`,
      regions: this.#regions,
      random: this.#random.fork(),
      durability: this.#options.durability,
      losesAnswers: () => this.#isHurting,
      record: (happening) => this.#record(happening),
      journal: this.#journal,
    });
  }

  async #setUp(): Promise<void> {
    const { leader, followers, durability } = this.#options;
    const created = await this.#server.api.create(DATABASE, { leader, followers, durability });
    if (created.status !== 201) throw new Error(`the database was not made: ${created.text}`);
    const task = this.#work.setup();
    const client = present(this.#clients[0], 'a client');
    const made = await client.run(this.#nextOp(), {
      ...task,
      statements: [...task.statements, CREATE_JOURNAL],
      stalenessMsMax: null,
      durability: null,
      reusedKey: null,
    });
    if (made.event !== 'ok') throw new Error(`the tables were not made: ${JSON.stringify(made)}`);
  }

  /** Clients work while the runtime is killed, objects break, links are cut, messages get lost and leaders change. */
  async #hurt(): Promise<void> {
    const { seconds, faultRate, cutEverySeconds, failoverEverySeconds } = this.#options;
    const server = this.#server;
    this.#isHurting = true;
    await server.setFaultRate(faultRate);
    const end = performance.now() + seconds * 1000;
    const harms = [this.#harm(end)];
    if (cutEverySeconds !== null) {
      const count = (what: string, about: unknown) => this.#note(what, about);
      const parts = { server, random: this.#random.fork(), regions: this.#regions, count };
      harms.push(new Cuts({ ...parts, everyMs: cutEverySeconds * 1000 }).keepCutting(end));
    }
    if (failoverEverySeconds !== null) harms.push(this.#operator.keepWorking(end));
    const working = Promise.all(this.#clients.map((client) => this.#keepWorking(client)));
    const harming = Promise.all(harms).finally(() => (this.#isHurting = false));
    await harming;
    await server.setFaultRate(0);
    await server.heal(null);
    await working;
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
    await waitForRest(this.#server.api, DATABASE);
    // What a session has seen may be lost, and it is told so once.
    await this.#readAll();
    await this.#readAll();
    const rest = await waitForRest(this.#server.api, DATABASE);
    await this.#digests();
    this.#listed = await listLost(this.#server.api, DATABASE);
    await this.#server.look();
    this.#record({ event: 'rest', planned: rest.left });
    this.#rest = rest;
  }

  async #readAll(): Promise<void> {
    const read = () => unbounded(this.#work.readAll(1_000));
    await Promise.all(this.#clients.map((client) => client.run(this.#nextOp(), read())));
  }

  async #kill(): Promise<void> {
    if (this.#isPatient()) return;
    await this.#server.kill();
    this.#note('kills', null);
    await this.#digests();
  }

  /** A directory that begins anew believes that a lease was granted that moment: if it always did, no dead leader would be replaced. */
  #isPatient(): boolean {
    return this.#operator.isLeaderAway && this.#random.chance(PATIENT);
  }

  async #evict(): Promise<void> {
    if (this.#random.chance(0.2)) {
      const user = this.#random.pick(USERS);
      await this.#server.break({ kind: 'break session', user });
      return this.#note('evicted sessions', user);
    }
    if (this.#random.chance(0.1)) {
      if (this.#isPatient()) return;
      await this.#server.break({ kind: 'break directory' });
      return this.#note('evicted directories', null);
    }
    // All at once at times: then nobody remembers what was on its way.
    const regions = this.#random.chance(0.2) ? this.#regions : [this.#random.pick(this.#regions)];
    for (const region of regions) {
      await this.#server.break({ kind: 'break replica', region });
      this.#note('evicted replicas', region);
    }
  }

  async #digests(): Promise<void> {
    for (const taken of await digests(this.#server.api, DATABASE, this.#regions)) this.#record(taken);
  }

  async #keepWorking(client: Client): Promise<void> {
    let next: (op: number) => Task | null = () => null;
    while (this.#isHurting) {
      const op = this.#nextOp();
      const task = next(op) ?? this.#work.draw(this.#random, RATES, op);
      const { losses } = client;
      const ending = await client.run(op, this.#asked(task));
      // What rests on something that the session was told to be lost would be wrong to do.
      const isFounded = () => client.losses === losses && client.hasSeen(ending);
      next = (later) =>
        ending.event === 'ok' && isFounded() ? (task.follow?.(ending.rows, later) ?? null) : null;
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

  /** By the clock that the objects have, too, and never back. */
  #record(happening: Happening): void {
    this.#now = Math.max(this.#now, Date.now());
    this.#history.push({ t: this.#now, ...happening });
  }

  #note(what: string, about: unknown): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
    if (!this.#options.isTraced) return;
    console.log(`${new Date().toISOString().slice(11, 23)} ${what} ${JSON.stringify(about)}`);
  }
}

function unbounded(task: Task): AskedTask {
  return { ...task, stalenessMsMax: null, reusedKey: null, durability: null };
}
