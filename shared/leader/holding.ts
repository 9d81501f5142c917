import { HELD_ANSWERS_MAX, HELD_CHARS_MAX } from '../limits.ts';
import type { Lsn } from '../lsn.ts';
import type { Durability } from '../protocol/settings.ts';
import type { ReplicaAnswer } from '../protocol/messages.ts';
import { Waiting } from '../waiting.ts';

/** An answer that may leave only when `lsn` is durable enough. */
export interface HeldAnswer {
  readonly call: number;
  readonly answer: ReplicaAnswer;
  readonly lsn: Lsn;
  /** As the write asked; for what shows the tables, as the database asks of all that is shown. */
  readonly until: Durability | 'settled';
  readonly deadline: number;
  /** What is said at the deadline. */
  readonly late: ReplicaAnswer;
}

export interface Released {
  readonly call: number;
  readonly answer: ReplicaAnswer;
}

/** Answers that are held. Bounded: beyond that the leader refuses before it runs anything. */
export class Holding {
  readonly #held = new Waiting<HeldAnswer>();
  #chars = 0;

  get size(): number {
    return this.#held.size;
  }

  get isFull(): boolean {
    return this.#held.size >= HELD_ANSWERS_MAX || this.#chars >= HELD_CHARS_MAX;
  }

  add(held: HeldAnswer): void {
    this.#held.add(held);
    this.#chars += charsOf(held);
  }

  /** Those that may leave now. */
  release(isMet: (held: HeldAnswer) => boolean): Released[] {
    return this.#take(isMet).map(({ call, answer }) => ({ call, answer }));
  }

  /** Those that may wait no longer. */
  expire(now: number): Released[] {
    return this.#take(({ deadline }) => deadline <= now).map(({ call, late }) => ({ call, answer: late }));
  }

  /** The earliest deadline; null where nothing is held. */
  nextDeadline(): number | null {
    const deadlines = [...this.#held].map(({ deadline }) => deadline);
    return deadlines.length === 0 ? null : Math.min(...deadlines);
  }

  #take(isOver: (held: HeldAnswer) => boolean): HeldAnswer[] {
    const taken = this.#held.take(isOver);
    for (const held of taken) this.#chars -= charsOf(held);
    return taken;
  }
}

function charsOf({ answer }: HeldAnswer): number {
  return answer.kind === 'done' ? answer.body.length : 0;
}
