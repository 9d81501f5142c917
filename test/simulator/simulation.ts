import { assert, present } from '../../shared/assert.ts';
import type { Settings } from '../../shared/protocol/settings.ts';
import { type AskedTask, Client, keyOf, type Session } from './client.ts';
import { Disasters } from './disasters.ts';
import type { HistoryEvent } from './history.ts';
import { type Region, REGIONS } from '../../shared/regions.ts';
import { DURABILITIES } from '../../shared/protocol/settings.ts';
import { Network } from './network.ts';
import { Operator, OPERATOR } from './operator.ts';
import { areClocksWrong, drawPlan, type Plan, skewOf } from './plan.ts';
import { Random } from './random.ts';
import { labelOf } from './recorder.ts';
import { type Work, workOf } from './workload.ts';
import type { Follow, Rows, Task } from './workloads/task.ts';
import { World } from './world.ts';

/** Something that is wrong for the whole run, or again and again. */
export type Harm = (on: { readonly world: World; readonly network: Network }) => void;

/** When faults stop, everything must have come to rest within this time. */
const REST_MS_MAX = 20 * 60_000;
/** When they stop for some only, those must have come to one state within this: what was in flight may take as long again. */
const CONVERGE_MS_MAX = 10 * 60_000;
/** What is asked of a world in which all is well must be answered within this. */
const ANSWER_MS_MAX = 2 * 60_000;
const SETUP_MS = 5_000;
const STALENESS_MS = [0, 100, 5_000, 60_000];

export interface Simulated {
  /** What is to be simulated; drawn from a seed where nobody says otherwise. */
  readonly plan: Plan;
  /** Filled as things happen, so that a run that throws leaves what led to it. */
  readonly history?: HistoryEvent[];
  /** What clients do in place of what the plan says. */
  readonly work?: Work;
  /** What goes wrong beside what the plan says, from when clients begin to work. */
  readonly harm?: Harm;
}

/** One seed's world, from its plan to its history. Nothing in it comes from anywhere but the seed. */
export function simulate(
  seed: number,
  history: HistoryEvent[] = [],
  work: Work | null = null,
): HistoryEvent[] {
  const plan = drawPlan(seed);
  return simulatePlan({ plan, history, work: work ?? workOf(plan.workloads) });
}

export function simulatePlan({
  plan,
  history = [],
  work = workOf(plan.workloads),
  harm = () => {},
}: Simulated): HistoryEvent[] {
  const simulation = new Simulation(plan, history, work);
  try {
    simulation.run(harm);
    return history;
  } finally {
    simulation.close();
  }
}

interface Done {
  readonly op: number;
  readonly task: Task;
  /** Null where it did not end ok. */
  readonly given: Rows | null;
  /** How often its session had been told of a loss when it began. */
  readonly losses: number;
}

/** What an operation that ended ok leads to, and what that rests on. */
interface Next {
  readonly follow: Follow | null;
  readonly rows: Rows;
  readonly losses: number;
}

class Simulation {
  readonly #plan: Plan;
  readonly #random: Random;
  readonly #world: World;
  readonly #network: Network;
  readonly #disasters: Disasters;
  readonly #operator: Operator;
  readonly #clients: ReadonlyMap<string, Client>;
  readonly #work: Work;
  #ops = 0;
  #running = 0;

  constructor(plan: Plan, history: HistoryEvent[], work: Work) {
    this.#plan = plan;
    this.#work = work;
    this.#random = new Random(plan.seed).fork();
    this.#disasters = new Disasters(plan, this.#random.fork());
    const skews = this.#random.fork();
    this.#world = new World({
      ...plan,
      settings: settingsOf(plan),
      history,
      random: this.#random.fork(),
      skewOf: () => skewOf(plan, skews),
      faultsOf: (node) => this.#disasters.faultsOf(node),
      send: (envelope) => this.#network.send(envelope),
    });
    const world = this.#world;
    this.#operator = new Operator(world.surroundingsOf(OPERATOR));
    this.#clients = this.#makeClients();
    const [operator, clients] = [this.#operator, this.#clients];
    const others = new Map<string, Operator | Client>([...clients, [OPERATOR, operator]]);
    this.#network = new Network({ world, others, random: this.#random.fork(), plan });
    this.#disasters.strike({ world, network: this.#network, operator, clients: [...clients.keys()] });
  }

  run(harm: Harm): void {
    if (areClocksWrong(this.#plan)) this.#world.note({ event: 'clocks' });
    if (this.#plan.isBeyondLeases) this.#world.note({ event: 'beyond-leases' });
    let isMade = false;
    this.#operator.begin(() => (isMade = true));
    this.#stepWhile(() => !isMade);
    this.#runTask(present([...this.#clients.values()][0], 'a client'), this.#work.setup(), () => {});
    this.#stepWhile(() => this.#running > 0);
    // Every replica has the tables: what is not there yet for a session that has seen nothing is no failure of anybody's.
    this.#stepUntil(this.#world.clock.now + SETUP_MS);
    harm({ world: this.#world, network: this.#network });
    this.#safetyPhase();
    this.#coreHeals();
    this.#livenessPhase();
  }

  close(): void {
    this.#world.close();
  }

  /** Clients work while the world does its worst. */
  #safetyPhase(): void {
    this.#disasters.start();
    for (const client of this.#clients.values()) this.#keepWorking(client);
    this.#stepWhile(() => this.#running > 0 || this.#ops < this.#plan.operations);
    this.#disasters.end();
    this.#world.clock.runUntil(this.#disasters.pausedUntil);
  }

  /** Faults stop for the leader and some followers. They must come to one state, and clients must be answered. */
  #coreHeals(): void {
    const core = this.#disasters.healSome();
    const { clock } = this.#world;
    const end = clock.now + CONVERGE_MS_MAX;
    this.#readAllSoon();
    this.#stepUntil(end);
    // A removal that was decided on before comes to its end meanwhile.
    const stayed = new Set(this.#world.replicas.map(({ name }) => name));
    const at = Object.fromEntries(
      core
        .filter((name) => stayed.has(name))
        .map((name) => {
          const host = this.#world.host(name);
          return [labelOf(host.self), host.position];
        }),
    );
    this.#world.note({ event: 'core-converged', at });
    this.#readAll();
    this.#stepUntil(clock.now + ANSWER_MS_MAX);
  }

  /** All faults stop: every client must get its answer, and every replica must come to rest at one position. */
  #livenessPhase(): void {
    this.#disasters.healAll();
    this.#readAllSoon();
    const { clock } = this.#world;
    this.#stepUntil(clock.now + REST_MS_MAX);
    this.#readAll();
    this.#stepUntil(clock.now + REST_MS_MAX);
    this.#world.note({ event: 'rest', planned: clock.planned });
    this.#world.finish();
  }

  /** At once, where no failover may be under way and none needs a follower: one of them may be waited for until the leader's longest pause is over. */
  #readAllSoon(): void {
    const { durability, automaticMs, every } = this.#plan;
    if (durability === 'async' && automaticMs === null && every.failoverMs === null) this.#readAll();
  }

  #readAll(): void {
    for (const client of this.#clients.values()) this.#runTask(client, this.#work.readAll(1_000), () => {});
  }

  #stepWhile(isGoingOn: () => boolean): void {
    while (isGoingOn()) assert(this.#world.clock.step(), 'what goes on has something planned');
  }

  #stepUntil(end: number): void {
    const { clock } = this.#world;
    while (clock.next !== null && clock.next <= end) clock.step();
  }

  #makeClients(): Map<string, Client> {
    const { clients, sessions, rates } = this.#plan;
    const tokens = Array.from({ length: sessions }, (_, i): Session => ({
      name: `session-${i}`,
      seen: null,
      losses: 0,
    }));
    const { leader } = settingsOf(this.#plan);
    const random = this.#random.fork();
    const isHit = (rate: number) => this.#disasters.isOn && random.chance(rate);
    const made = Array.from({ length: clients }, (_, i) => {
      const name = `client-${i}`;
      return new Client({
        name,
        session: present(tokens[i % sessions], 'a session'),
        regions: regionsFrom(random, leader),
        surroundings: this.#world.surroundingsOf(name),
        losesAnswer: () => isHit(rates.lostAnswer),
        meetsNewRouter: () => isHit(rates.newRouter),
        meetsOverload: () => isHit(rates.overload),
      });
    });
    return new Map(made.map((client) => [client.name, client]));
  }

  #keepWorking(client: Client, next: Next | null = null): void {
    if (this.#ops >= this.#plan.operations) return;
    const op = this.#ops + 1;
    // What rests on something that the session was told to be lost would be wrong to do now.
    const isFounded = next !== null && next.losses === client.losses;
    const following = isFounded ? next.follow?.(next.rows, op) : null;
    const task = following ?? this.#work.draw(this.#random, this.#plan.rates, op);
    const { losses } = following === null || next === null ? client : next;
    this.#runTask(client, task, (given) => this.#soon(() => this.#goOn(client, { op, task, given, losses })));
  }

  /** What the operation leads to, or another body with its key. */
  #goOn(client: Client, { op, task, given, losses }: Done): void {
    if (given === null || !this.#disasters.isOn) return this.#keepWorking(client);
    const next = { follow: task.follow, rows: given, losses };
    if (!task.isKeyed || !this.#random.chance(this.#plan.rates.reusedKey))
      return this.#keepWorking(client, next);
    // Its entry may have been lost with its key since, and then this one happens.
    const other = this.#work.draw(this.#random, { ...this.#plan.rates, reads: 0 }, this.#ops + 1);
    if (other.kind === 'read') return this.#keepWorking(client, next);
    const again = { ...other, user: task.user, follow: null, isKeyed: true, reusedKey: keyOf(op) };
    this.#runTask(client, again, () => this.#soon(() => this.#keepWorking(client, next)));
  }

  #soon(run: () => void): void {
    this.#world.clock.after(this.#random.interval(this.#plan.thinkMs), run);
  }

  #runTask(
    client: Client,
    task: Task & { readonly reusedKey?: string },
    done: (rows: Rows | null) => void,
  ): void {
    this.#ops += 1;
    this.#running += 1;
    client.run(this.#ops, this.#bounded({ reusedKey: null, ...task }), (rows) => {
      this.#running -= 1;
      done(rows);
    });
  }

  #bounded(asked: Omit<AskedTask, 'stalenessMsMax' | 'durability'>): AskedTask {
    const ownDurability =
      asked.kind === 'write' && this.#disasters.isOn && this.#random.chance(this.#plan.rates.ownDurability);
    const task = { ...asked, durability: ownDurability ? this.#random.pick(DURABILITIES) : null };
    const isBounded =
      task.kind === 'read' && task.consistency === 'session' && this.#random.chance(this.#plan.rates.bounded);
    if (!isBounded || !this.#disasters.isOn) return { ...task, stalenessMsMax: null };
    return { ...task, consistency: 'bounded', stalenessMsMax: this.#random.pick(STALENESS_MS) };
  }
}

function settingsOf({ regions: [leader, ...followers], durability, automaticMs }: Plan): Settings {
  return {
    leader: present(leader, 'a region'),
    followers,
    partitions: 1,
    durability,
    automatic_failover_ms: automaticMs,
  };
}

/** The leader's neighbours learn nothing from followers, so most clients are far from it. */
function regionsFrom(random: Random, leader: Region): Region[] {
  const regions = shuffled(random, REGIONS);
  if (random.chance(0.3)) return regions;
  return [...regions.filter((region) => region !== leader), leader];
}

function shuffled<T>(random: Random, list: readonly T[]): T[] {
  return list
    .map((one) => ({ one, order: random.bits() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ one }) => one);
}
