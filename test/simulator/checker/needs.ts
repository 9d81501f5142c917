import type { RegisterOperation, Value } from './register-operation.ts';

/**
 * Which values are still needed: by reads that saw them and by compare-and-sets that found them. A state that is
 * needed and that nothing can make again must not be left; to see that at once, and not when the read's turn has come
 * and the search must go all the way back, is most of the search's speed.
 */
export class Needs {
  readonly #needs = new Map<Value, number>();
  readonly #makers = new Map<Value, number>();

  constructor(sure: readonly RegisterOperation[]) {
    for (const operation of sure) this.giveBack(operation);
  }

  take(operation: RegisterOperation): void {
    this.#count(operation, -1);
  }

  giveBack(operation: RegisterOperation): void {
    this.#count(operation, 1);
  }

  /** Whether some operation without a place needs `state`, and none makes it. */
  isLastOf(state: Value): boolean {
    return (this.#needs.get(state) ?? 0) > 0 && (this.#makers.get(state) ?? 0) === 0;
  }

  #count(operation: RegisterOperation, by: 1 | -1): void {
    const { does, looked } = operation;
    if (does.kind === 'read') return add(this.#needs, does.value, by);
    if (looked.length > 0 && does.matched[0] === true) add(this.#needs, looked[0], by);
    for (const effect of does.effects) add(this.#makers, effect.at(-1), by);
  }
}

function add(counts: Map<Value, number>, value: Value, by: 1 | -1): void {
  counts.set(value, (counts.get(value) ?? 0) + by);
}
