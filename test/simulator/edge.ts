import { unreachable } from '../../shared/assert.ts';
import type { ReplicaRef } from '../../shared/protocol/assignment.ts';
import type { ReplicaAnswer } from '../../shared/protocol/messages.ts';
import type { DatabaseRecord, Suspicion } from '../../shared/protocol/directory.ts';
import type { Ask, Reply as RoutingReply, Turn } from '../../shared/routing/asks.ts';
import { Avoided } from '../../shared/routing/avoided.ts';
import { Calls } from './calls.ts';
import type { Call, Envelope, Reply, SessionCall } from './messages.ts';
import type { Surroundings } from './surroundings.ts';

/** workers/records.ts waits as long. */
export const LOOKUP_WAIT_MS = 15_000;

/** workers/suspicion.ts does so as late, and as seldom. */
const SUSPECT_MS = 2_000;
const SUSPECT_EVERY_MS = 1_000;

/** As workers/records.ts has it: how long a doubtful record waits for a newer one, how often, and how long one is recent. */
const REFRESH_WAIT_MS = 2_000;
const REFRESH_EVERY_MS = 5_000;
const RECENT_MS = 100;

/** The only partition. */
const PARTITION = 0;

export function sessionOf(user: string): string {
  return `session of ${user}`;
}

export const DIRECTORY = 'directory';

/** The second shell around the routing: what workers/follow.ts does with calls and timers, this does with messages. */
export class Edge {
  readonly #surroundings: Surroundings;
  readonly #meetsOverload: () => boolean;
  readonly #calls: Calls;
  #avoided = new Avoided();
  #record: DatabaseRecord | null = null;
  /** Whether it turned out to be stale; and when the directory was asked for a newer one in vain, and when it was asked last. */
  #isDoubtful = false;
  #triedAt: number | null = null;
  #askedAt: number | null = null;
  #suspectedAt: number | null = null;

  constructor(name: string, surroundings: Surroundings, meetsOverload: () => boolean) {
    this.#calls = new Calls(name, surroundings);
    this.#surroundings = surroundings;
    this.#meetsOverload = meetsOverload;
  }

  receive(envelope: Envelope): void {
    if (envelope.kind === 'reply') this.#calls.told(envelope);
  }

  /** Another router, which has just started. */
  forget(): void {
    this.#record = null;
    this.#avoided = new Avoided();
    this.#suspectedAt = null;
    this.#isDoubtful = false;
    this.#triedAt = null;
    this.#askedAt = null;
  }

  /** Whether the replica did not serve a short while ago. */
  avoids({ name }: ReplicaRef): boolean {
    return this.#avoided.has(name, this.#surroundings.clock.now);
  }

  /** From memory, or from the directory; null where that cannot be reached. What is doubtful is better than nothing. */
  withRecord(op: number, known: (record: DatabaseRecord | null) => void): void {
    const kept = this.#record;
    if (kept === null) return this.#lookUp(op, LOOKUP_WAIT_MS, known);
    const { now } = this.#surroundings.clock;
    const triedAt = this.#triedAt;
    if (!this.#isDoubtful || (triedAt !== null && triedAt <= now && now - triedAt < REFRESH_EVERY_MS))
      return known(kept);
    this.#triedAt = now;
    this.#lookUp(op, REFRESH_WAIT_MS, (record) => known(record ?? kept));
  }

  #lookUp(op: number, timeoutMs: number, known: (record: DatabaseRecord | null) => void): void {
    this.#askedAt = this.#surroundings.clock.now;
    this.#call({ to: DIRECTORY, call: { kind: 'look-up' }, timeoutMs, op }, (reply) => {
      const record = reply?.kind === 'record' ? reply.record : null;
      if (record === null) return known(null);
      this.#record = record;
      this.#isDoubtful = false;
      this.#triedAt = null;
      known(record);
    });
  }

  /** Asks all at once, and goes on when every one was answered or given up. A look-up without an answer ends it all. */
  ask(op: number, user: string | null, asks: readonly Ask[], done: (turn: Turn) => void): void {
    const replies: RoutingReply[] = [];
    let left = asks.length;
    for (const [place, ask] of asks.entries()) {
      this.#one(op, user, ask, (reply) => {
        replies[place] = reply;
        left -= 1;
        if (left > 0) return;
        done({ replies, now: this.#surroundings.clock.now });
      });
    }
  }

  #one(op: number, user: string | null, ask: Ask, done: (reply: RoutingReply) => void): void {
    const { clock } = this.#surroundings;
    switch (ask.kind) {
      case 'read':
      case 'execute':
        return this.#askReplica(op, ask, done);
      case 'reapply':
        throw new Error('no lost entry is applied here');
      case 'seen':
      case 'advance':
      case 'rewind':
        return this.#askSession(op, user ?? '', ask, done);
      case 'pause':
        return clock.after(ask.ms, () => done({ kind: 'paused' }));
      case 'suspect':
        this.#suspect(ask.suspicion);
        return done({ kind: 'suspected' });
      case 'avoid':
        this.#avoided.add(ask.replica.name, clock.now);
        return done({ kind: 'avoided' });
      case 'forget':
        this.#isDoubtful = true;
        return done({ kind: 'forgotten' });
      case 'look-up': {
        const recent = ask.mayBeRecent ? this.#recent(clock.now) : null;
        if (recent !== null) return done({ kind: 'record', record: recent });
        return this.#lookUp(op, ask.timeout_ms, (record) =>
          done(record === null ? LOST : { kind: 'record', record }),
        );
      }
      default:
        return unreachable(ask);
    }
  }

  #recent(now: number): DatabaseRecord | null {
    const at = this.#askedAt;
    return at !== null && at <= now && now - at < RECENT_MS ? this.#record : null;
  }

  #askReplica(
    op: number,
    ask: Extract<Ask, { kind: 'read' | 'execute' }>,
    done: (reply: RoutingReply) => void,
  ): void {
    if (this.#meetsOverload()) return done({ kind: 'overloaded' });
    const call: Call =
      ask.kind === 'read'
        ? { kind: 'read', request: ask.request }
        : { kind: 'execute', request: ask.request };
    const suspicion = ask.kind === 'execute' ? ask.suspicion : null;
    let isOver = false;
    this.#call({ to: ask.to.name, call, timeoutMs: ask.timeout_ms, op }, (reply) => {
      isOver = true;
      done(reply === null ? LOST : { kind: 'answered', answer: reply as ReplicaAnswer });
    });
    if (suspicion !== null)
      this.#surroundings.clock.after(SUSPECT_MS, () => {
        if (!isOver) this.#suspect(suspicion);
      });
  }

  #askSession(
    op: number,
    user: string,
    ask: Extract<Ask, { kind: 'seen' | 'advance' | 'rewind' }>,
    done: (reply: RoutingReply) => void,
  ): void {
    const asked = { to: sessionOf(user), call: sessionCallOf(ask), timeoutMs: ask.timeout_ms, op };
    this.#call(asked, (reply) => {
      if (reply?.kind === 'advanced' || reply?.kind === 'rewound') return done({ kind: reply.kind });
      if (reply?.kind !== 'seen') return done(LOST);
      const positions = reply.seen.flatMap(([one, position]) => (one === PARTITION ? [position] : []));
      done({ kind: 'seen', positions });
    });
  }

  /** As workers/suspicion.ts: nobody waits for it. */
  #suspect(suspicion: Suspicion): void {
    const { now } = this.#surroundings.clock;
    const last = this.#suspectedAt;
    if (last !== null && last <= now && now - last < SUSPECT_EVERY_MS) return;
    this.#suspectedAt = now;
    const nothing = { answered: () => {}, failed: () => {} };
    this.#calls.ask(
      { to: DIRECTORY, call: { kind: 'suspect', suspicion }, timeoutMs: LOOKUP_WAIT_MS },
      nothing,
    );
  }

  #call(
    {
      to,
      call,
      timeoutMs,
      op,
    }: { readonly to: string; readonly call: Call; readonly timeoutMs: number; readonly op: number },
    answered: (reply: Reply | null) => void,
  ): void {
    const expecting = { answered, failed: () => answered(null) };
    this.#calls.ask({ to, call, timeoutMs, op }, expecting);
  }
}

function sessionCallOf(ask: Extract<Ask, { kind: 'seen' | 'advance' | 'rewind' }>): SessionCall {
  switch (ask.kind) {
    case 'seen':
      return { kind: 'seen' };
    case 'advance':
      return { kind: 'advance', partition: ask.partition, position: ask.position };
    case 'rewind':
      return { kind: 'rewind', partition: ask.partition, loss: ask.loss };
    default:
      return unreachable(ask);
  }
}

const LOST: RoutingReply = { kind: 'lost' };
