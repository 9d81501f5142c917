import type { ReadRequest } from '../protocol/messages.ts';

/** A read that waits for its position. In memory only: an evicted follower's callers are told by their broken call. */
export interface Waiter {
  readonly call: number;
  readonly request: ReadRequest;
  /** When it came and when it may wait no longer, in milliseconds by this replica's clock. */
  readonly since: number;
  readonly deadline: number;
}

export class Waiters {
  #waiting: Waiter[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(waiter: Waiter): void {
    this.#waiting.push(waiter);
  }

  /** Takes out those for which `isOver` holds, in the order in which they came. */
  take(isOver: (waiter: Waiter) => boolean): Waiter[] {
    const over = this.#waiting.filter(isOver);
    if (over.length > 0) this.#waiting = this.#waiting.filter((waiter) => !over.includes(waiter));
    return over;
  }
}
