import type { ReplicaRef } from '../../shared/protocol/assignment.ts';
import type { DatabaseRecord, ReplicaAnswer } from '../../shared/protocol/messages.ts';
import type { Ask, Reply as RoutingReply, Turn } from '../../shared/routing/asks.ts';
import { Avoided } from '../../shared/routing/avoided.ts';
import { Calls } from './calls.ts';
import type { Call, Envelope, Reply } from './messages.ts';
import type { Surroundings } from './surroundings.ts';

/** workers/records.ts waits as long. */
export const LOOKUP_WAIT_MS = 15_000;

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
  }

  /** Whether the replica did not serve a short while ago. */
  avoids({ name }: ReplicaRef): boolean {
    return this.#avoided.has(name, this.#surroundings.clock.now);
  }

  /** From memory, or from the directory; null where that cannot be reached. */
  withRecord(op: number, known: (record: DatabaseRecord | null) => void): void {
    if (this.#record !== null) return known(this.#record);
    this.#call({ to: DIRECTORY, call: { kind: 'look-up' }, timeoutMs: LOOKUP_WAIT_MS, op }, (reply) => {
      this.#record = reply?.kind === 'record' ? reply.record : null;
      known(this.#record);
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
    switch (ask.kind) {
      case 'read':
      case 'execute': {
        if (this.#meetsOverload()) return done({ kind: 'overloaded' });
        const call: Call =
          ask.kind === 'read'
            ? { kind: 'read', request: ask.request }
            : { kind: 'execute', request: ask.request };
        return this.#call({ to: ask.to.name, call, timeoutMs: ask.timeout_ms, op }, (reply) =>
          done(reply === null ? LOST : { kind: 'answered', answer: reply as ReplicaAnswer }),
        );
      }
      case 'seen':
        return this.#call(
          { to: sessionOf(user ?? ''), call: { kind: 'seen' }, timeoutMs: ask.timeout_ms, op },
          (reply) =>
            done(
              reply?.kind === 'seen'
                ? {
                    kind: 'seen',
                    position: reply.seen.find(([partition]) => partition === PARTITION)?.[1] ?? null,
                  }
                : LOST,
            ),
        );
      case 'advance': {
        const { partition, position } = ask;
        return this.#call(
          {
            to: sessionOf(user ?? ''),
            call: { kind: 'advance', partition, position },
            timeoutMs: ask.timeout_ms,
            op,
          },
          (reply) => done(reply === null ? LOST : { kind: 'advanced' }),
        );
      }
      case 'avoid':
        this.#avoided.add(ask.replica.name, this.#surroundings.clock.now);
        return done({ kind: 'avoided' });
      case 'forget':
        this.#record = null;
        return done({ kind: 'forgotten' });
      case 'look-up':
        this.#record = null;
        return this.withRecord(op, (record) => done(record === null ? LOST : { kind: 'record', record }));
    }
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

const LOST: RoutingReply = { kind: 'lost' };
