import { present } from '../../../shared/assert.ts';
import { isBlind, outcomeAt, type RegisterOperation, type Value } from './register-operation.ts';

/** How an operation of unknown outcome makes a value; `from` is null where it needs no other before. */
interface Producer {
  readonly index: number;
  readonly from: { readonly value: Value } | null;
}

/** Operations of unknown outcome that lead to another state, one after the other. */
export interface Detour {
  readonly chain: readonly number[];
  readonly reached: Value;
}

/** The operations of one register of which nobody knows whether they happened. Each may once, or never. */
export class Unknowns {
  readonly #operations: readonly RegisterOperation[];
  readonly #producers = new Map<Value, Producer[]>();
  /** The values that somebody read or compared with. All others are alike. */
  readonly #looked: ReadonlySet<Value>;
  readonly #used = new Set<number>();

  constructor(operations: readonly RegisterOperation[], looked: ReadonlySet<Value>) {
    this.#operations = operations.filter(({ ret }) => ret === Infinity);
    this.#looked = looked;
    for (const [index, operation] of this.#operations.entries()) this.#addProducers(index, operation);
  }

  /** Which of them have happened. */
  get used(): string {
    return [...this.#used].toSorted((a, b) => a - b).join();
  }

  /** Whether one that has not happened makes it. */
  canMake(value: Value): boolean {
    return this.#producers.get(value)?.some(({ index }) => !this.#used.has(index)) ?? false;
  }

  take({ chain }: Detour): void {
    for (const index of chain) this.#used.add(index);
  }

  giveBack({ chain }: Detour): void {
    for (const index of chain) this.#used.delete(index);
  }

  /** The ways from `state` to others that `operation` asks for; by those called before `end`. */
  *detours(operation: RegisterOperation, state: Value, end: number): Generator<Detour> {
    if (isBlind(operation)) return;
    const { does, looked } = operation;
    const [needed] = looked;
    const isNeeded = does.kind === 'read' || does.matched[0] === true;
    let isUnseenTried = false;
    for (const reached of isNeeded ? [needed] : this.#producers.keys()) {
      if (reached === state) continue;
      for (const chain of this.#chainsTo(reached, state, { end, later: [] })) {
        // Two values that nobody looks at, from operations that need nothing, are as good as each other.
        const isUnseen = !this.#looked.has(reached) && chain.length === 1 && this.#isFree(chain[0]);
        if (isUnseen && isUnseenTried) continue;
        isUnseenTried ||= isUnseen;
        yield { chain, reached };
      }
    }
  }

  *#chainsTo(
    value: Value,
    state: Value,
    { end, later }: { readonly end: number; readonly later: readonly number[] },
  ): Generator<readonly number[]> {
    for (const { index, from } of this.#producers.get(value) ?? []) {
      const isTaken = this.#used.has(index) || later.includes(index);
      if (isTaken || this.#at(index).call > end) continue;
      const chain = [index, ...later];
      if (from === null || from.value === state) yield chain;
      else yield* this.#chainsTo(from.value, state, { end, later: chain });
    }
  }

  #isFree(index: number | undefined): boolean {
    return index !== undefined && this.#at(index).overwrites;
  }

  #at(index: number): RegisterOperation {
    return present(this.#operations[index], 'an operation');
  }

  #addProducers(index: number, operation: RegisterOperation): void {
    const froms = operation.overwrites ? [null] : operation.looked.map((value) => ({ value }));
    for (const from of froms) {
      const outcome = outcomeAt(operation, from?.value);
      if (!outcome.isPossible || (from !== null && outcome.state === from.value)) continue;
      const others = this.#producers.get(outcome.state);
      if (others === undefined) this.#producers.set(outcome.state, [{ index, from }]);
      else others.push({ index, from });
    }
  }
}
