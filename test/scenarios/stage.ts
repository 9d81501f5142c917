import { present } from '../../shared/assert.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import { type Position, showPosition } from '../../shared/position.ts';
import { LEASE_VERSION } from '../../shared/protocol/directory.ts';
import { MESSAGE_VERSION } from '../../shared/protocol/messages.ts';
import { LEASE_MS, type LogLimits } from '../../shared/limits.ts';
import type { ChainEnd } from '../../shared/log/entry.ts';
import { type FailoverMode, withEpoch } from '../../shared/log/history.ts';
import { Log } from '../../shared/log/log.ts';
import type { FollowerRef, Leadership, ReplicaRef } from '../../shared/protocol/assignment.ts';
import type { Durability } from '../../shared/protocol/settings.ts';
import type { Region } from '../../shared/regions.ts';
import type { Statement } from '../../shared/tables/values.ts';
import { executeRequest } from '../execute-request.ts';
import { Clock, TIME_ZERO } from '../simulator/clock.ts';
import { DATABASE, INCARNATION, leadershipOf, storageOf } from '../simulator/cluster.ts';
import { DIRECTORY } from '../simulator/edge.ts';
import type { Happening } from '../simulator/history.ts';
import { Host } from '../simulator/host.ts';
import type { Call, CallEnvelope, Envelope } from '../simulator/messages.ts';
import { Random } from '../simulator/random.ts';
import { type Faults, NO_FAULTS, type Surroundings } from '../simulator/surroundings.ts';
import { showEnvelope, showReply } from './shown.ts';

const CALLER = 'client';

/** What a scenario may set on one replica. */
interface Props {
  slowDisk: boolean;
  failNextStep: boolean;
}

export interface Staged {
  readonly regions: readonly Region[];
  readonly durability: Durability;
  readonly limits: LogLimits;
}

/** The simulator's replicas with a wire on which nothing moves until the scenario says so. */
export class Stage {
  readonly #clock = new Clock();
  readonly #hosts = new Map<string, Host>();
  readonly #random = new Random(1);
  readonly #durability: Durability;
  readonly #limits: LogLimits;
  #leadership: Leadership;
  readonly #props = new Map<string, Props>();
  /** Of the answers that callers were given. */
  readonly positions: (Position | null)[] = [];
  #wire: Envelope[] = [];
  /** Leaders that asked for a lease and were not answered yet; null while the directory answers nobody. */
  #leaseAsks: CallEnvelope[] | null = [];
  #said: string[] = [];
  #calls = 0;

  constructor({ regions, durability, limits }: Staged) {
    const [leader, ...followers] = regions;
    const self = present(leader, 'the leader of a cluster');
    this.#durability = durability;
    this.#limits = limits;
    this.#leadership = { ...leadershipOf([self]), revision: 0 };
    this.#make({ name: self, region: self });
    for (const region of followers) this.#make(this.#follow(region, 'member'));
    this.#assign(this.#all);
    this.said();
  }

  /** A follower more, which joins. */
  add(region: Region): void {
    this.#make(this.#follow(region, 'joining'));
    this.#decide(this.#all);
  }

  /** What the directory does when a follower has joined. */
  promote(name: string): void {
    const { followers } = this.#leadership;
    const isMeant = (follower: FollowerRef) => follower.name === name;
    this.#leadership = {
      ...this.#leadership,
      followers: followers.map((one) => (isMeant(one) ? { ...one, membership: 'member' } : one)),
    };
    this.#decide(this.#all);
  }

  /** A planned failover begins, or is given up: only the leader is told. */
  succeed(name: string | null): void {
    const { leader } = this.#leadership;
    const successor = name === null ? null : this.host(name).self;
    this.#leadership = { ...this.#leadership, successor };
    this.#decide([leader.name]);
  }

  /** A new epoch begins after what the new leader has; only `told` learn of it now. The old leader joins, unless the failover was planned. */
  lead(name: string, mode: FailoverMode, told: readonly string[]): void {
    const { leader, followers, history } = this.#leadership;
    const epoch = toEpoch(this.#leadership.epoch + 1);
    const after = new Log(this.host(name).storage).end;
    const old: FollowerRef = { ...leader, membership: mode === 'planned' ? 'member' : 'joining' };
    this.#leadership = {
      ...this.#leadership,
      epoch,
      leader: this.host(name).self,
      followers: [...followers.filter((one) => one.name !== name), old],
      successor: null,
      history: withEpoch(history, { epoch, after, mode, at: 0, heard: after.lsn }),
    };
    this.#decide(told);
  }

  /** The directory tells it the newest leadership. */
  tell(name: string): void {
    this.#assign([name]);
  }

  fence(name: string, epoch: number): void {
    this.#directs(name, { kind: 'fence', request: { version: LEASE_VERSION, epoch: toEpoch(epoch) } });
  }

  /** Whether the directory answers leaders that ask for a lease. */
  set grantsLeases(grants: boolean) {
    this.#leaseAsks = grants ? [] : null;
  }

  get leader(): string {
    return this.#leadership.leader.name;
  }

  remove(name: string): void {
    const { followers } = this.#leadership;
    this.#leadership = { ...this.#leadership, followers: followers.filter((one) => one.name !== name) };
    this.#decide(this.#all);
    this.#directs(name, { kind: 'erase' });
  }

  #follow(region: Region, membership: FollowerRef['membership']): FollowerRef {
    const { leader, followers } = this.#leadership;
    const taken = [leader, ...followers].map(({ name }) => name);
    const name = taken.includes(region) ? `${region}/${taken.length}` : region;
    const follower: FollowerRef = { name, region, membership };
    this.#leadership = { ...this.#leadership, followers: [...followers, follower] };
    return follower;
  }

  #make(self: ReplicaRef): void {
    const surroundings: Surroundings = {
      clock: this.#clock,
      send: (envelope) => this.#sent(envelope),
      record: (happening) => this.#recorded(happening),
    };
    const storage = storageOf(surroundings, this.#random.fork());
    const faults = this.#faults(self.name);
    const host = new Host({ self, surroundings, storage, faults, limits: this.#limits });
    this.#hosts.set(self.name, host);
  }

  get #all(): readonly string[] {
    const { leader, followers } = this.#leadership;
    return [leader, ...followers].map(({ name }) => name);
  }

  #decide(told: readonly string[]): void {
    this.#leadership = { ...this.#leadership, revision: this.#leadership.revision + 1 };
    this.#assign(told);
  }

  #assign(told: readonly string[]): void {
    for (const name of told) {
      const scope = { database: DATABASE, incarnation: INCARNATION, durability: this.#durability };
      const assignment = { ...this.#leadership, ...scope, self: this.host(name).self };
      this.#directs(name, { kind: 'assign', assignment });
    }
  }

  /** The directory's messages arrive at once. */
  #directs(to: string, call: Call): void {
    this.host(to).receive({ kind: 'call', id: (this.#calls += 1), from: DIRECTORY, to, call, op: null });
    this.#grant();
  }

  #grant(): void {
    for (;;) {
      const ask = this.#leaseAsks?.shift();
      if (ask === undefined) return;
      const reply = { kind: 'granted', ms: LEASE_MS } as const;
      this.host(ask.from).receive({ kind: 'reply', id: ask.id, from: DIRECTORY, to: ask.from, reply });
    }
  }

  close(): void {
    for (const host of this.#hosts.values()) host.close();
  }

  /** What was said since this was last asked, one line each. */
  said(): string[] {
    const said = this.#said;
    this.#said = [];
    return said;
  }

  say(line: string): void {
    this.#said.push(line);
  }

  host(name: string): Host {
    return present(this.#hosts.get(name), `a replica named ${name}`);
  }

  props(name: string): Props {
    return present(this.#props.get(name), `a replica named ${name}`);
  }

  get hosts(): Iterable<Host> {
    return this.#hosts.values();
  }

  /** The time since the beginning, in milliseconds. */
  get now(): number {
    return this.#clock.now - TIME_ZERO;
  }

  get wire(): readonly Envelope[] {
    return this.#wire;
  }

  write(statements: readonly Statement[], to: string, how: { readonly key?: string; readonly durability?: Durability } = {}): void {
    const { key = null, durability = null } = how;
    const request = key === null ? null : { id: key, fingerprint: JSON.stringify(statements.map(({ sql }) => sql)) };
    this.#call(to, { kind: 'execute', request: { ...executeRequest(statements), request, durability } });
  }

  read(statements: readonly Statement[], to: string, asked: { readonly need: Position | null; readonly wait_ms: number }): void {
    const { need, wait_ms } = asked;
    if (this.host(to).core.role === 'leader') {
      const route = need === null ? 'leader' : 'fallback';
      return this.#call(to, { kind: 'execute', request: { ...executeRequest(statements), seen: need, need, route } });
    }
    const request = { version: MESSAGE_VERSION, statements, seen: need, need, staleness_ms_max: null, wait_ms, shows: 'settled' } as const;
    this.#call(to, { kind: 'read', request });
  }

  /** A question of a follower's that comes late; nobody waits for the answer. */
  pull(follower: string, after: ChainEnd): void {
    const { epoch, leader } = this.#leadership;
    this.#call(leader.name, { kind: 'pull', request: { version: MESSAGE_VERSION, follower, epoch, after } });
  }

  /** Takes the messages that `isMeant` off the wire; delivers them, if that is what is asked, in their order. */
  take(isMeant: (envelope: Envelope) => boolean): Envelope[] {
    const taken = this.#wire.filter(isMeant);
    this.#wire = this.#wire.filter((envelope) => !taken.includes(envelope));
    return taken;
  }

  deliver(envelope: Envelope): void {
    this.say(showEnvelope(envelope));
    this.host(envelope.to).receive(envelope);
    this.#grant();
  }

  advance(ms: number): void {
    this.#clock.runUntil(this.#clock.now + ms);
    this.#grant();
  }

  /** Lets time pass to the next thing that is planned, if that is within `ms`. */
  skipTo(ms: number): boolean {
    const { now, next } = this.#clock;
    if (next === null || next > now + ms) return false;
    this.#clock.runUntil(next);
    this.#grant();
    return true;
  }

  #call(to: string, call: Call): void {
    this.#calls += 1;
    this.host(to).receive({ kind: 'call', id: this.#calls, from: CALLER, to, call, op: null });
    this.#grant();
  }

  /** The client stands beside its replica: only what replicas send each other travels on the wire. */
  #sent(envelope: Envelope): void {
    if (envelope.to === DIRECTORY) {
      if (envelope.kind !== 'call') return this.#toldDirectory(envelope);
      if (envelope.call.kind === 'lease') return void this.#leaseAsks?.push(envelope);
      return this.say(showEnvelope(envelope));
    }
    if (envelope.to !== CALLER) return void this.#wire.push(envelope);
    if (envelope.kind === 'reply' && envelope.reply !== null && 'position' in envelope.reply)
      this.positions.push(envelope.reply.position);
    if (envelope.kind === 'reply') this.say(`client <- ${envelope.from}: ${showReply(envelope.reply)}`);
  }

  /** That a replica was assigned, or gave up its storage, goes without saying. */
  #toldDirectory({ from, reply }: Exclude<Envelope, CallEnvelope>): void {
    if (reply?.kind === 'fenced' && 'end' in reply)
      this.say(`${from} is fenced for epoch ${reply.fence} at ${showPosition(reply.end)}${reply.isWhole ? '' : ', not whole'}`);
  }

  #recorded(happening: Happening): void {
    if (happening.event === 'boot' && happening.after !== 'assignment') {
      this.say(`${happening.replica} loads at ${showPosition(happening.position)} after ${happening.after}`);
    }
  }

  #faults(replica: string): Faults {
    const props: Props = { slowDisk: false, failNextStep: false };
    this.#props.set(replica, props);
    return {
      ...NO_FAULTS,
      flushMs: () => (props.slowDisk ? null : 0),
      failStepAfter: () => {
        const fails = props.failNextStep;
        props.failNextStep = false;
        return fails ? Infinity : null;
      },
    };
  }
}

/** `1:42` as a position. */
export function parsePosition(text: string): Position {
  const [epoch, lsn] = text.split(':');
  return { epoch: toEpoch(Number(epoch)), lsn: toLsn(Number(lsn)) };
}
