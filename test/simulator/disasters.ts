import { present } from '../../shared/assert.ts';
import { REGIONS } from '../../shared/regions.ts';
import { copiesNeeded, MEMBERS_MIN } from '../../shared/protocol/durability.ts';
import { membersOf } from '../../shared/protocol/assignment.ts';
import { Failovers } from './failovers.ts';
import { isCopying } from './core.ts';
import { DIRECTORY } from './edge.ts';
import type { Network } from './network.ts';
import type { Operator } from './operator.ts';
import { type Occasion, type Plan, STALE_MS_MAX } from './plan.ts';
import type { Random } from './random.ts';
import { labelOf } from './recorder.ts';
import type { Faults } from './surroundings.ts';
import type { World } from './world.ts';

/** A step uses SQL a few times at least and some dozens of times at most. */
const FAILED_STEP_USES_MAX = 40;
/** Of the steps that fail, so many do because the replica crashes in the middle of them. */
const CRASH_IN_STEP = 0.3;
/** Of the callers of an object, so many still go to an instance that was replaced. */
const REPLACED_RATE = 0.3;

/** How many followers a world has at most at one time, and how many are added in all. */
const FOLLOWERS_MAX = 4;
const ADDED_MAX = 6;

/** What comes later than this, comes now: the last one must be over before the world has come to rest. */
const OCCASION_MS_MAX = 5 * 60_000;

/** Everything that goes wrong in one seed's world, as its plan says. */
export class Disasters {
  readonly #plan: Plan;
  readonly #random: Random;
  #world: World | null = null;
  #network: Network | null = null;
  #operator: Operator | null = null;
  #clients: readonly string[] = [];
  #isOn = false;
  #failovers: Failovers | null = null;
  #added = 0;
  #pausedUntil = 0;

  constructor(plan: Plan, random: Random) {
    this.#plan = plan;
    this.#random = random;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** When the last of those that were paused wakes. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  strike(on: {
    readonly world: World;
    readonly network: Network;
    readonly operator: Operator;
    readonly clients: readonly string[];
  }): void {
    this.#world = on.world;
    this.#network = on.network;
    this.#operator = on.operator;
    this.#clients = on.clients;
    this.#failovers = new Failovers({ ...on, plan: this.#plan, random: this.#random.fork() });
  }

  /** What happens inside of one node. */
  faultsOf(node: string): Faults {
    const { rates, flushMs, downMs } = this.#plan;
    const random = this.#random.fork();
    const isHit = (rate: number) => this.#isOn && rate > 0 && random.chance(rate);
    const restartSoon = () =>
      this.#world?.clock.after(random.between(1, downMs), () => this.#nodeOf(node).restart());
    return {
      flushMs: () => (isHit(rates.slowDisk) ? random.between(1, flushMs) : 0),
      failStepAfter: () => (isHit(rates.failedStep) ? random.below(FAILED_STEP_USES_MAX) : null),
      crashesInStep: () => {
        if (!isHit(CRASH_IN_STEP)) return false;
        restartSoon();
        return true;
      },
      crashAfter: (effects) => {
        if (!isHit(rates.crashBetweenEffects)) return null;
        restartSoon();
        return random.below(effects);
      },
      alarmTwice: () => isHit(rates.alarmTwice),
      meetsReplaced: () => isHit(REPLACED_RATE),
    };
  }

  start(): void {
    this.#isOn = true;
    this.#all.network.startFaults();
    this.#startOlder();
    const happen: Readonly<Record<Occasion, () => void>> = {
      crashMs: () => this.#crash(this.#anyNode()),
      evictMs: () => this.#evict(),
      replaceMs: () => this.#replace(),
      clogMs: () => this.#clog(),
      partitionMs: () => this.#partition(),
      pauseMs: () => this.#pause(),
      failoverMs: () => this.#all.failovers.occur(),
      clockMs: () => this.#setClock(),
      memberMs: () => this.#change(),
      awayMs: () => this.#goAway(),
    };
    for (const [occasion, run] of Object.entries(happen) as [Occasion, () => void][])
      this.#again(this.#plan.every[occasion], run);
  }

  /** A last crash with nobody left to write: only what is on disk can still bring the followers up to date. */
  end(): void {
    const { world, operator } = this.#all;
    this.#isOn = false;
    operator.stop();
    if (this.#plan.every.crashMs === null) return;
    for (const host of world.hosts.values()) if (this.#random.chance(0.5)) host.crash();
  }

  /** From here on all is well with some replicas, the objects and the clients; the other replicas stay as they are, the leader among them perhaps. */
  healSome(): string[] {
    const { world, network, failovers } = this.#all;
    network.stopFaults();
    const isReplaced = this.#plan.isLeaderGone && this.#canBeReplaced();
    const left = isReplaced ? [world.leadership.leader.name] : this.#leftOut();
    const core = world.replicas.map(({ name }) => name).filter((name) => !left.includes(name));
    world.note({ event: 'core-heals', replicas: core.map((name) => labelOf({ name })) });
    network.isolate(left, Infinity);
    for (const name of left) if (this.#random.chance(0.5)) this.#nodeOf(name).crash();
    const gone = [...world.hosts.keys()].filter((name) => !left.includes(name) && !core.includes(name));
    for (const name of [...core, ...gone, ...world.objects.keys()]) this.#heal(name);
    for (const name of this.#clients) this.#upgrade(name);
    if (isReplaced) failovers.replaceLeader();
    this.#addIfTooFew();
    return core;
  }

  /** A failover made a follower of the leader, and the last that there was may have been removed then: nothing could ever be answered again. */
  #addIfTooFew(): void {
    const { world, operator } = this.#all;
    const { followers, leader } = world.leadership;
    if (followers.length >= MEMBERS_MIN[world.record.settings.durability]) return;
    const region = present(
      REGIONS.slice(0, 5).find((one) => one !== leader.region),
      'a region',
    );
    operator.goOn();
    operator.want({ kind: 'add-follower', wish: { region, another: false } });
  }

  /** Whether the others are enough to choose another leader, which then has what the database asks of a write. */
  #canBeReplaced(): boolean {
    const { leadership, record } = this.#all.world;
    const { followers } = leadership;
    if (followers.some(({ membership }) => membership === 'joining')) return false;
    for (const { name } of followers) this.#heal(name);
    // One that copies the leader's tables has none of its own.
    if (followers.some(({ name }) => isCopying(this.#all.world.host(name).core))) return false;
    return followers.length >= (record.settings.durability === 'async' ? 1 : 2);
  }

  /** Never so many that what the database asks of a write cannot be had. */
  #leftOut(): string[] {
    const { leadership, record } = this.#all.world;
    const { durability } = record.settings;
    const { followers } = leadership;
    // A failover that is under way might choose one of them, and then nobody would ask for another.
    if (this.#plan.every.failoverMs !== null || this.#plan.automaticMs !== null) return [];
    const isChanging = followers.some(({ membership }) => membership === 'joining');
    if (isChanging && durability !== 'async') return [];
    const spare = 1 + membersOf(leadership).length - copiesNeeded(durability, leadership);
    const left = followers.filter(() => this.#random.chance(0.3)).map(({ name }) => name);
    return left.slice(0, spare);
  }

  healAll(): void {
    const { world, network } = this.#all;
    network.stopFaults();
    world.note({ event: 'faults-stop' });
    for (const name of world.hosts.keys()) this.#heal(name);
  }

  get #all(): {
    readonly world: World;
    readonly network: Network;
    readonly operator: Operator;
    readonly failovers: Failovers;
  } {
    return {
      failovers: present(this.#failovers, 'failovers'),
      world: present(this.#world, 'a world'),
      network: present(this.#network, 'a network'),
      operator: present(this.#operator, 'an operator'),
    };
  }

  #heal(name: string): void {
    this.#upgrade(name);
    this.#nodeOf(name).restart();
  }

  #nodeOf(name: string) {
    const { world } = this.#all;
    return present(world.node(name), 'a node');
  }

  #anyNode(): string {
    const { world } = this.#all;
    // Mostly the replicas: there is more to lose in them.
    const isReplica = this.#random.chance(0.8);
    return this.#random.pick([...(isReplica ? world.hosts : world.objects).keys()]);
  }

  #again(everyMs: number | null, run: () => void): void {
    if (everyMs === null) return;
    const ms = Math.min(this.#random.interval(everyMs), OCCASION_MS_MAX);
    this.#all.world.clock.after(ms, () => {
      if (!this.#isOn) return;
      run();
      this.#again(everyMs, run);
    });
  }

  #crash(name: string): void {
    const node = this.#nodeOf(name);
    node.crash();
    this.#all.world.clock.after(this.#random.between(1, this.#plan.downMs), () => node.restart());
  }

  #evict(): void {
    this.#random.pick([...this.#all.world.hosts.values()]).evict();
  }

  #replace(): void {
    this.#random.pick([...this.#all.world.objects.values()]).replace();
  }

  #clog(): void {
    const { world, network } = this.#all;
    const nodes = [...world.hosts.keys(), ...world.objects.keys()];
    const from = this.#random.pick([...nodes, ...this.#clients]);
    network.clog(from, this.#random.pick(nodes), this.#random.between(1, this.#plan.clogMs));
  }

  /** One replica can reach nobody, or nobody can reach it, or both. */
  #partition(): void {
    const { world, network } = this.#all;
    const name = this.#random.pick([...world.hosts.keys()]);
    const ms = this.#random.between(1, this.#plan.clogMs);
    if (this.#random.chance(0.4)) return network.isolate([name], ms);
    const isDeaf = this.#random.chance(0.5);
    for (const other of [...world.hosts.keys(), ...this.#clients])
      network.clog(isDeaf ? other : name, isDeaf ? name : other, ms);
  }

  #pause(): void {
    const { world } = this.#all;
    const name = this.#random.pick([...world.hosts.keys(), ...this.#clients]);
    const ms = this.#random.between(1, this.#plan.pauseMs);
    const clock = world.clockOf(name);
    const { isBeyondLeases } = this.#plan;
    // One pause after another would be a longer one.
    if (clock.isPaused && !isBeyondLeases) return;
    clock.pause(ms, isBeyondLeases || ms <= STALE_MS_MAX ? 'stale' : 'fresh');
    this.#pausedUntil = Math.max(this.#pausedUntil, world.clock.now + ms);
    world.note({ event: 'pause', replica: name, ms });
  }

  /** A follower more or less. The operator asks for some that cannot be had. */
  #change(): void {
    const { world, operator } = this.#all;
    const { leader, followers } = world.leadership;
    const { durability } = world.record.settings;
    // Without so many nothing could ever be answered again.
    const isFew = followers.length <= MEMBERS_MIN[durability];
    const isAdded = isFew || (this.#random.chance(0.55) && followers.length < FOLLOWERS_MAX);
    if (!isAdded)
      return operator.want({
        kind: 'remove-follower',
        region: this.#random.pick(followers).region,
        replica: null,
      });
    if (this.#added >= ADDED_MAX) return;
    this.#added += 1;
    const region = this.#random.pick(REGIONS.slice(0, 5).filter((one) => one !== leader.region));
    operator.want({ kind: 'add-follower', wish: { region, another: this.#random.chance(0.5) } });
  }

  /** Long enough, often, for the log to be cut meanwhile. */
  #goAway(): void {
    const { world, network } = this.#all;
    const { followers } = world.leadership;
    const away = followers.length === 0 ? undefined : world.hosts.get(this.#random.pick(followers).name);
    if (away === undefined) return;
    const ms = this.#random.between(1, this.#plan.awayMs);
    network.isolate([away.self.name], ms);
    if (this.#random.chance(0.5)) return;
    away.crash();
    world.clock.after(ms, () => away.restart());
  }

  #setClock(): void {
    const { world } = this.#all;
    const most = this.#plan.skew?.jumpMs ?? 0;
    if (most === 0) return;
    const { isBeyondLeases } = this.#plan;
    const nodes = [...world.hosts.keys(), ...this.#clients];
    const clock = world.clockOf(this.#random.pick(isBeyondLeases ? [...nodes, DIRECTORY] : nodes));
    const ms = this.#random.between(-most, most);
    if (isBeyondLeases) clock.jump(ms);
    else clock.set(ms);
  }

  #startOlder(): void {
    const { older } = this.#plan;
    const { world, network } = this.#all;
    if (older === null) return;
    for (const name of [...world.hosts.keys(), ...this.#clients]) {
      if (!this.#random.chance(older.share)) continue;
      network.versions.startOld(name);
      world.clock.after(this.#random.between(1, older.ms), () => this.#upgrade(name));
    }
  }

  /** A deployment: the node is stopped, and started with the code of today. */
  #upgrade(name: string): void {
    const { world, network } = this.#all;
    if (!network.versions.isOld(name)) return;
    network.versions.upgrade(name);
    world.note({ event: 'upgrade', replica: name });
    world.hosts.get(name)?.evict();
  }
}
