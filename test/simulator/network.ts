import type { Call, Envelope } from './messages.ts';
import type { Plan } from './plan.ts';
import type { Random } from './random.ts';
import { Versions } from './versions.ts';
import type { World } from './world.ts';

const LATE_MS_MOST = 90_000;

interface NetworkParts {
  readonly world: World;
  /** Clients, and whoever runs the database. */
  readonly others: ReadonlyMap<string, { readonly receive: (envelope: Envelope) => void }>;
  readonly random: Random;
  readonly plan: Plan;
}

/** Carries messages, and loses, delays, repeats and reorders them as the seed's plan says. */
export class Network {
  readonly versions = new Versions();
  readonly #parts: NetworkParts;
  #isFaulty = false;
  /** Until when each link, from one node to another, carries nothing. */
  readonly #clogged = new Map<string, number>();
  /** Until when each of these nodes reaches nobody and is reached by nobody. */
  readonly #isolated = new Map<string, number>();

  constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  startFaults(): void {
    this.#isFaulty = true;
  }

  /** Messages that are on their way still come when they come. */
  stopFaults(): void {
    this.#isFaulty = false;
    this.#clogged.clear();
    this.#isolated.clear();
  }

  clog(from: string, to: string, ms: number): void {
    this.#clogged.set(`${from} ${to}`, this.#now + ms);
  }

  isolate(nodes: readonly string[], ms: number): void {
    for (const node of nodes) this.#isolated.set(node, this.#now + ms);
  }

  send(envelope: Envelope): void {
    const { random, plan } = this.#parts;
    const { rates } = plan;
    if (this.#isClogged(envelope)) return;
    if (!this.#isFaulty) return this.#carry(envelope, 1);
    if (random.chance(rates.drop)) {
      if (random.chance(rates.breakInstead)) this.#break(envelope);
      return;
    }
    const isLate = random.chance(rates.late) && !isOrdered(envelope);
    this.#carry(envelope, isLate ? random.between(1, LATE_MS_MOST) : this.#delay());
    if (mayRepeat(envelope) && random.chance(rates.duplicate)) this.#carry(envelope, this.#delay());
  }

  get #now(): number {
    return this.#parts.world.clock.now;
  }

  #isClogged({ from, to }: Envelope): boolean {
    const until = [this.#clogged.get(`${from} ${to}`), this.#isolated.get(from), this.#isolated.get(to)];
    return until.some((time) => time !== undefined && time > this.#now);
  }

  #delay(): number {
    const { least, most } = this.#parts.plan.delayMs;
    return this.#parts.random.between(least, most);
  }

  #carry(envelope: Envelope, ms: number): void {
    this.#parts.world.clock.after(ms, () => this.#deliver(envelope));
  }

  /** To a node that is paused it comes when it wakes. */
  #deliver(envelope: Envelope): void {
    const { world, others } = this.#parts;
    const { to } = envelope;
    const node = others.get(to) ?? world.node(to);
    if (node === null) return;
    const translated = this.versions.translate(envelope);
    if ('deliver' in translated) return world.clockOf(to).whenAwake(() => node.receive(translated.deliver));
    const { id, from } = envelope;
    this.send({ kind: 'reply', id, from: to, to: from, reply: translated.refuse });
  }

  /** The caller learns that its connection broke; the one that was called may have done its work or not. */
  #break(envelope: Envelope): void {
    if (envelope.kind === 'reply') return this.#carry({ ...envelope, reply: null }, this.#delay());
    const { id, from, to } = envelope;
    this.#carry({ kind: 'reply', id, from: to, to: from, reply: null }, this.#delay());
  }
}

/** One that came late would have the leader believe that the follower needs nothing of what it had come to meanwhile. */
function beginsCopy(call: Call): boolean {
  return call.kind === 'copy' && call.request.from === null;
}

/**
 * What a directory tells a replica to be or not to be comes soon or not at all: a replica that is made again by a message from
 * before it was removed is nobody's to remove.
 */
function isOrdered(envelope: Envelope): boolean {
  if (envelope.kind === 'reply') return false;
  const { call } = envelope;
  return call.kind === 'assign' || call.kind === 'erase' || call.kind === 'failover' || beginsCopy(call);
}

/**
 * The platform never delivers one call twice. All messages but a write may come twice all the same: a caller
 * may send them again. A write comes twice only where the router or the client sends it again.
 */
function mayRepeat(envelope: Envelope): boolean {
  return envelope.kind === 'reply' || !(ONCE.has(envelope.call.kind) || beginsCopy(envelope.call));
}

const ONCE: ReadonlySet<string> = new Set([
  'execute',
  'assign',
  'erase',
  'add-follower',
  'remove-follower',
  'failover',
]);
