import { unreachable } from '../../shared/assert.ts';
import type { Directory } from '../../shared/directory/directory.ts';
import type { DirectoryEffect, DirectoryEvent, Fence, Ping, Reach } from '../../shared/directory/events.ts';
import { PING_MS } from '../../shared/limits.ts';
import type { Assignment, ReplicaRef } from '../../shared/protocol/assignment.ts';
import { LEASE_VERSION } from '../../shared/protocol/directory.ts';
import type { FailoverReply, FenceReply } from '../../shared/protocol/directory.ts';
import type { Calls } from './calls.ts';
import type { Gate } from './gate.ts';
import type { NodeClock } from './local-clock.ts';
import type { Call, Reply } from './messages.ts';
import type { RevocableSql } from './revocable-sql.ts';

/** As durable-objects/directory.ts waits for a replica, and how long a call lives that nobody answers. */
const CONFIRM_WAIT_MS = 10_000;
const CALL_MS_MAX = 60_000;

/** One instance: its core, and the replicas that it has asked to be something and that have not answered. */
export interface Life {
  readonly sql: RevocableSql;
  core: Directory;
  /** By the replica's name: what waits until none of its assignments is on its way. */
  readonly assigning: Map<string, { left: number; waiting: (() => void)[] }>;
  /** Those who wait to hear what becomes of a failover. */
  waiting: { readonly partition: number; readonly tell: (reply: FailoverReply) => void }[];
}

export type Outcome = 'done' | 'failed';
type Over = (outcome: Outcome) => void;

interface PerformerParts {
  readonly clock: NodeClock;
  readonly gate: Gate;
  readonly calls: Calls;
  readonly isNow: (life: Life) => boolean;
  readonly turn: (run: () => void) => void;
  readonly run: (event: DirectoryEvent, ended: Over) => void;
}

/** Does what the directory's core wants done, as durable-objects/directory.ts does: what leaves waits at the gate. */
export class DirectoryPerformer {
  readonly #parts: PerformerParts;

  constructor(parts: PerformerParts) {
    this.#parts = parts;
  }

  /** All are begun in this turn, in their order; one that takes too long keeps nobody waiting, but goes on. */
  all(life: Life, effects: readonly DirectoryEffect[], ended: Over): void {
    const { clock, isNow, turn } = this.#parts;
    let left = effects.length;
    let outcome: Outcome = 'done';
    if (left === 0) return ended(outcome);
    for (const effect of effects) {
      let isOver = false;
      const over = (its: Outcome) => {
        if (isOver || !isNow(life)) return;
        isOver = true;
        if (its === 'failed') outcome = its;
        if ((left -= 1) === 0) ended(outcome);
      };
      clock.after(CONFIRM_WAIT_MS, () => turn(() => over('failed')));
      this.#one(life, effect, over);
    }
  }

  #one(life: Life, effect: DirectoryEffect, over: Over): void {
    switch (effect.kind) {
      case 'assign':
        return this.#assign(life, effect.assignment, over);
      case 'erase':
        return this.#erase(life, effect.replica, over);
      case 'fence':
        return this.#fence(life, effect.fence, over);
      case 'ping':
        return this.#ping(life, effect.ping, over);
      case 'reaches':
        return this.#reaches(life, effect.reach, over);
      case 'timer':
        this.#timer(life, effect.at, effect.ms);
        return over('done');
      case 'outcome':
        return over('done');
      case 'wake':
        this.#parts.gate.setAlarm(effect.at);
        return over('done');
      case 'forget':
        throw new Error('no database is erased here');
      default:
        return unreachable(effect);
    }
  }

  #assign(life: Life, assignment: Assignment, over: Over): void {
    const { self } = assignment;
    const known = life.assigning.get(self.name) ?? { left: 0, waiting: [] };
    life.assigning.set(self.name, known);
    known.left += 1;
    const ended = () => {
      known.left -= 1;
      if (known.left === 0) for (const go of known.waiting.splice(0)) go();
    };
    this.#ask(life, { to: self.name, call: { kind: 'assign', assignment } }, (reply) => {
      ended();
      if (reply?.kind !== 'assigned') return over('failed');
      const { now } = this.#parts.clock;
      this.#parts.run({ kind: 'assigned', replica: self.name, reply, now }, over);
    });
  }

  /** After what the replica was told before: an assignment that came later than this would make storage that nobody deletes. */
  #erase(life: Life, replica: ReplicaRef, over: Over): void {
    const erase = () =>
      this.#ask(life, { to: replica.name, call: { kind: 'erase' } }, (reply) => {
        if (reply === null) return over('failed');
        this.#parts.run({ kind: 'erased', replica: replica.name }, over);
      });
    const assigning = life.assigning.get(replica.name);
    if (assigning === undefined || assigning.left === 0) return erase();
    assigning.waiting.push(erase);
  }

  /** One that does not answer is fenced again for as long as that matters. */
  #fence(life: Life, fence: Fence, over: Over): void {
    const { replica, epoch } = fence;
    const request = { version: LEASE_VERSION, epoch };
    this.#ask(life, { to: replica.name, call: { kind: 'fence', request } }, (reply) => {
      if (reply === null) return over('done');
      const { now } = this.#parts.clock;
      this.#parts.run({ kind: 'fenced', fence, reply: reply as FenceReply, now }, over);
    });
  }

  #ping(life: Life, ping: Ping, over: Over): void {
    const asked = { to: ping.replica.name, call: { kind: 'status' }, timeoutMs: PING_MS } as const;
    this.#ask(life, asked, (reply) => {
      const status = reply?.kind === 'status' ? reply.status.kind : null;
      this.#parts.run({ kind: 'pinged', ping, status, now: this.#parts.clock.now }, over);
    });
  }

  #reaches(life: Life, reach: Reach, over: Over): void {
    const call = { kind: 'reaches', replica: reach.replica } as const;
    this.#ask(life, { to: reach.via.name, call, timeoutMs: 2 * PING_MS }, (reply) => {
      const reaches = reply?.kind === 'reached' ? reply.isReached : null;
      this.#parts.run({ kind: 'reached', reach, reaches, now: this.#parts.clock.now }, over);
    });
  }

  #timer(life: Life, at: number, ms: number): void {
    const { clock, isNow, turn, run } = this.#parts;
    // As little as a timer ever takes.
    clock.after(Math.max(1, ms), () => {
      if (isNow(life)) turn(() => run({ kind: 'tick', at, now: clock.now }, () => {}));
    });
  }

  #ask(
    life: Life,
    {
      to,
      call,
      timeoutMs = CALL_MS_MAX,
    }: { readonly to: string; readonly call: Call; readonly timeoutMs?: number },
    ended: (reply: Reply | null) => void,
  ): void {
    const { gate, calls, isNow, turn } = this.#parts;
    const inThisLife = (reply: Reply | null) => {
      if (isNow(life)) turn(() => ended(reply));
    };
    gate.hold(() =>
      calls.ask({ to, call, timeoutMs }, { answered: inThisLife, failed: () => inThisLife(null) }),
    );
  }
}
