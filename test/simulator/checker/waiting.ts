import { present } from '../../../shared/assert.ts';
import type { RegisterOperation } from './register-operation.ts';

/**
 * The operations that have no place in the order yet, by time of call: a list both ways, out of which any can be taken
 * and into which it can be given back without a search.
 */
export class Waiting {
  readonly #operations: readonly RegisterOperation[];
  /** By index. The head is one beyond the last. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #head: number;
  #placed = 0;

  constructor(operations: readonly RegisterOperation[]) {
    this.#operations = operations;
    this.#head = operations.length;
    this.#next = Int32Array.from({ length: this.#head + 1 }, (_, i) => (i === this.#head ? 0 : i + 1));
    this.#previous = Int32Array.from({ length: this.#head + 1 }, (_, i) => (i === 0 ? this.#head : i - 1));
  }

  /** How many have their place. */
  get placed(): number {
    return this.#placed;
  }

  /** Which wait, as text. Those behind the last one that has a place go without saying. */
  get left(): string {
    const left: number[] = [];
    for (let index = this.#after(this.#head); index !== this.#head; index = this.#after(index)) {
      if (index - left.length === this.#placed) break;
      left.push(index);
    }
    return `${this.#placed} ${left.join()}`;
  }

  /** Those that no other had to precede: they were called before the first of them ended. */
  candidates(): number[] {
    const found: number[] = [];
    let end = Infinity;
    for (let index = this.#after(this.#head); index !== this.#head; index = this.#after(index)) {
      const { call, ret } = this.#at(index);
      if (call > end) break;
      found.push(index);
      end = Math.min(end, ret);
    }
    return found;
  }

  someCalledBefore(end: number, is: (operation: RegisterOperation) => boolean): boolean {
    for (let index = this.#after(this.#head); index !== this.#head; index = this.#after(index)) {
      if (this.#at(index).call > end) return false;
      if (is(this.#at(index))) return true;
    }
    return false;
  }

  take(index: number): void {
    const [before, after] = this.#around(index);
    this.#next[before] = after;
    this.#previous[after] = before;
    this.#placed += 1;
  }

  /** In the opposite order of taking: an operation still knows whom it stood between. */
  giveBack(index: number): void {
    const [before, after] = this.#around(index);
    this.#next[before] = index;
    this.#previous[after] = index;
    this.#placed -= 1;
  }

  #around(index: number): readonly [before: number, after: number] {
    return [present(this.#previous[index], 'a place'), this.#after(index)];
  }

  #after(index: number): number {
    return present(this.#next[index], 'a place');
  }

  #at(index: number): RegisterOperation {
    return present(this.#operations[index], 'an operation');
  }
}
