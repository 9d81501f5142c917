import { HELD_ANSWERS_MAX, HELD_CHARS_MAX } from '../limits.ts';
import type { Statement } from '../tables/values.ts';
import { Waiting } from '../waiting.ts';

/** A request that has not been run: the leader has no lease, and asks for one. */
export interface Queued<T> {
  readonly event: T;
  readonly deadline: number;
  readonly chars: number;
}

/** Requests that wait for a lease, in the order in which they came. Bounded: beyond that the leader refuses at once. */
export class Queue<T> {
  readonly #queued = new Waiting<Queued<T>>();
  #chars = 0;

  get size(): number {
    return this.#queued.size;
  }

  get isFull(): boolean {
    return this.#queued.size >= HELD_ANSWERS_MAX || this.#chars >= HELD_CHARS_MAX;
  }

  add(queued: Queued<T>): void {
    this.#queued.add(queued);
    this.#chars += queued.chars;
  }

  /** Takes all out. */
  takeAll(): T[] {
    return this.#take(() => true);
  }

  /** Takes those out that may wait no longer. */
  takeLate(now: number): T[] {
    return this.#take(({ deadline }) => deadline <= now);
  }

  /** The earliest deadline; null where nothing waits. */
  nextDeadline(): number | null {
    const deadlines = [...this.#queued].map(({ deadline }) => deadline);
    return deadlines.length === 0 ? null : Math.min(...deadlines);
  }

  #take(isOver: (one: Queued<T>) => boolean): T[] {
    const taken = this.#queued.take(isOver);
    for (const { chars } of taken) this.#chars -= chars;
    return taken.map(({ event }) => event);
  }
}

/** About how much memory the statements take. */
export function charsOf(statements: readonly Statement[]): number {
  let chars = 0;
  for (const { sql, params } of statements) {
    chars += sql.length;
    for (const param of params)
      chars += typeof param === 'string' || param instanceof Uint8Array ? param.length : 8;
  }
  return chars;
}
