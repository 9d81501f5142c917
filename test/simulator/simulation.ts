import { assert, present } from '../../shared/assert.ts';
import type { Leadership } from '../../shared/protocol/assignment.ts';
import { Client, type Session } from './client.ts';
import { Clock } from './clock.ts';
import { type Hosts, leadershipOf, startCluster } from './cluster.ts';
import type { Happening, HistoryEvent } from './history.ts';
import type { Envelope } from './messages.ts';
import { Network } from './network.ts';
import { drawPlan, type Plan } from './plan.ts';
import { Random } from './random.ts';
import type { Faults, Surroundings } from './surroundings.ts';
import { drawTask, readAll, SETUP, type Task } from './workload.ts';

/** When faults stop, everything must have come to rest within this time. */
const REST_MS_MAX = 10 * 60_000;
/** A step uses SQL a few times at least and some dozens of times at most. */
const FAILED_STEP_USES_MAX = 40;

/**
 * One seed's world, from its plan to its history. Nothing in it comes from anywhere but the seed.
 * `history` is filled as things happen, so that a run that throws leaves what led to it.
 */
export function simulate(seed: number, history: HistoryEvent[] = []): HistoryEvent[] {
  const simulation = new Simulation(drawPlan(seed), history);
  try {
    simulation.run();
    return history;
  } finally {
    simulation.close();
  }
}

class Simulation {
  readonly #plan: Plan;
  readonly #random: Random;
  readonly #clock = new Clock();
  readonly #history: HistoryEvent[];
  readonly #network: Network;
  readonly #hosts: Hosts;
  readonly #clients: ReadonlyMap<string, Client>;
  #isSafetyPhase = false;
  #ops = 0;
  #running = 0;

  constructor(plan: Plan, history: HistoryEvent[]) {
    this.#plan = plan;
    this.#history = history;
    this.#random = new Random(plan.seed).fork();
    const clock = this.#clock;
    const deliver = (envelope: Envelope) => this.#deliver(envelope);
    this.#network = new Network({ clock, random: this.#random.fork(), plan, deliver });
    const surroundings: Surroundings = {
      clock,
      send: (envelope) => this.#network.send(envelope),
      record: (happening) => this.#record(happening),
    };
    const leadership = leadershipOf(plan.regions);
    const faultsOf = (replica: string) => this.#faults(replica, this.#random.fork());
    this.#hosts = startCluster({ leadership, surroundings, random: this.#random.fork(), faultsOf });
    this.#clients = this.#makeClients(leadership, surroundings);
  }

  run(): void {
    const first = present([...this.#clients.values()][0], 'a client');
    this.#runTask(first, { ...readAll(0), kind: 'write', statements: SETUP, views: [] }, () => {});
    this.#stepWhile(() => this.#running > 0);
    this.#safetyPhase();
    this.#livenessPhase();
  }

  close(): void {
    for (const host of this.#hosts.values()) host.close();
  }

  /** Clients work while the world does its worst. */
  #safetyPhase(): void {
    const { crashMs, evictMs, clogMs } = this.#plan.every;
    this.#isSafetyPhase = true;
    this.#network.startFaults();
    for (const client of this.#clients.values()) this.#keepWorking(client);
    this.#again(crashMs, () => this.#crashSome());
    this.#again(evictMs, () => this.#random.pick([...this.#hosts.values()]).evict());
    this.#again(clogMs, () => this.#clogSome());
    this.#stepWhile(() => this.#running > 0 || this.#ops < this.#plan.operations);
    // A last crash with nobody left to write: only what is on disk can still bring the followers up to date.
    if (crashMs !== null) for (const host of this.#hosts.values()) if (this.#random.chance(0.5)) host.crash();
  }

  /** Faults stop: every client must get its answer, and every replica must come to rest at one position. */
  #livenessPhase(): void {
    this.#isSafetyPhase = false;
    this.#network.stopFaults();
    this.#record({ event: 'faults-stop' });
    for (const host of this.#hosts.values()) host.restart();
    for (const client of this.#clients.values()) this.#runTask(client, readAll(1_000), () => {});
    const end = this.#clock.now + REST_MS_MAX;
    while (this.#clock.next !== null && this.#clock.next <= end) this.#clock.step();
    this.#record({ event: 'rest', planned: this.#clock.planned });
    for (const host of this.#hosts.values()) host.finish();
  }

  #stepWhile(isGoingOn: () => boolean): void {
    while (isGoingOn()) assert(this.#clock.step(), 'what goes on has something planned');
  }

  #makeClients(leadership: Leadership, surroundings: Surroundings): Map<string, Client> {
    const { clients, sessions, rates } = this.#plan;
    const tokens = Array.from({ length: sessions }, (_, i): Session => ({
      name: `session-${i}`,
      seen: null,
    }));
    const replicas = [leadership.leader, ...leadership.followers, ...leadership.followers];
    const random = this.#random.fork();
    const losesAnswer = () => this.#isSafetyPhase && random.chance(rates.lostAnswer);
    const made = Array.from({ length: clients }, (_, i) => {
      const session = present(tokens[i % sessions], 'a session');
      const nearest = random.pick(replicas);
      return new Client({ name: `client-${i}`, session, leadership, nearest, surroundings, losesAnswer });
    });
    return new Map(made.map((client) => [client.name, client]));
  }

  #keepWorking(client: Client): void {
    if (this.#ops >= this.#plan.operations) return;
    const task = drawTask(this.#random, this.#plan.rates, this.#ops + 1);
    this.#runTask(client, task, () => {
      this.#clock.after(this.#random.interval(this.#plan.thinkMs), () => this.#keepWorking(client));
    });
  }

  #runTask(client: Client, task: Task, done: () => void): void {
    this.#ops += 1;
    this.#running += 1;
    client.run(this.#ops, task, () => {
      this.#running -= 1;
      done();
    });
  }

  #deliver(envelope: Envelope): void {
    this.#hosts.get(envelope.to)?.receive(envelope);
    this.#clients.get(envelope.to)?.receive(envelope);
  }

  #again(everyMs: number | null, run: () => void): void {
    if (everyMs === null) return;
    this.#clock.after(this.#random.interval(everyMs), () => {
      if (!this.#isSafetyPhase) return;
      run();
      this.#again(everyMs, run);
    });
  }

  #crashSome(): void {
    const host = this.#random.pick([...this.#hosts.values()]);
    host.crash();
    this.#clock.after(this.#random.between(1, this.#plan.downMs), () => host.restart());
  }

  #clogSome(): void {
    const nodes = [...this.#hosts.keys()];
    const from = this.#random.pick([...nodes, ...this.#clients.keys()]);
    this.#network.clog(from, this.#random.pick(nodes), this.#random.between(1, this.#plan.clogMs));
  }

  #faults(replica: string, random: Random): Faults {
    const { rates, flushMs, downMs } = this.#plan;
    const isHit = (rate: number) => this.#isSafetyPhase && rate > 0 && random.chance(rate);
    return {
      flushMs: () => (isHit(rates.slowDisk) ? random.between(1, flushMs) : 0),
      failStepAfter: () => (isHit(rates.failedStep) ? random.below(FAILED_STEP_USES_MAX) : null),
      crashAfter: (effects) => {
        if (!isHit(rates.crashBetweenEffects)) return null;
        this.#clock.after(random.between(1, downMs), () => this.#hosts.get(replica)?.restart());
        return random.below(effects);
      },
      alarmTwice: () => isHit(rates.alarmTwice),
    };
  }

  #record(happening: Happening): void {
    this.#history.push({ t: this.#clock.now, ...happening });
  }
}
