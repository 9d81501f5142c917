/** What is to happen at a virtual time. Of two at one time, the one that was planned first comes first. */
interface Planned {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export const TIME_ZERO = 1_700_000_000_000;

/** Virtual time, in milliseconds since 1970, and all that is planned: it passes only from one event to the next. */
export class Clock {
  #now = TIME_ZERO;
  #order = 0;
  /** The world never stands still. */
  readonly disturbances = 0;
  readonly #heap: Planned[] = [];

  get now(): number {
    return this.#now;
  }

  get elapsed(): number {
    return this.#now - TIME_ZERO;
  }

  get planned(): number {
    return this.#heap.length;
  }

  /** The time of the next event, or null where nothing is planned. */
  get next(): number | null {
    return this.#heap[0]?.at ?? null;
  }

  after(ms: number, run: () => void): void {
    this.at(this.#now + ms, run);
  }

  at(time: number, run: () => void): void {
    this.#heap.push({ at: Math.max(time, this.#now), order: (this.#order += 1), run });
    this.#rise(this.#heap.length - 1);
  }

  /** Lets the next event happen. False where nothing is planned. */
  step(): boolean {
    const [top] = this.#heap;
    const last = this.#heap.pop();
    if (top === undefined || last === undefined) return false;
    if (top !== last) {
      this.#heap[0] = last;
      this.#sink();
    }
    this.#now = top.at;
    top.run();
    return true;
  }

  /** Lets everything happen that is planned up to `time`, which it then is. */
  runUntil(time: number): void {
    while (this.next !== null && this.next <= time) this.step();
    this.#now = Math.max(this.#now, time);
  }

  #rise(from: number): void {
    let i = from;
    while (i > 0 && this.#isBefore(i, (i - 1) >> 1)) i = this.#swap(i, (i - 1) >> 1);
  }

  #sink(): void {
    for (let i = 0; ;) {
      const right = 2 * i + 2;
      const child = right < this.#heap.length && this.#isBefore(right, right - 1) ? right : right - 1;
      if (child >= this.#heap.length || !this.#isBefore(child, i)) return;
      i = this.#swap(i, child);
    }
  }

  #isBefore(i: number, j: number): boolean {
    const a = this.#heap[i] as Planned;
    const b = this.#heap[j] as Planned;
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }

  #swap(i: number, j: number): number {
    const a = this.#heap[i] as Planned;
    this.#heap[i] = this.#heap[j] as Planned;
    this.#heap[j] = a;
    return j;
  }
}
