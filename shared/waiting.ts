/**
 * Callers whose answer has to wait, in the order in which they came. In memory only: after an eviction each is told by its
 * broken call.
 */
export class Waiting<T> {
  #waiting: T[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  add(one: T): void {
    this.#waiting.push(one);
  }

  /** Takes out those for which `isOver` holds. */
  take(isOver: (one: T) => boolean): T[] {
    if (this.#waiting.length === 0) return [];
    const over: T[] = [];
    const rest: T[] = [];
    for (const one of this.#waiting) (isOver(one) ? over : rest).push(one);
    this.#waiting = rest;
    return over;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#waiting.values();
  }
}
