import { isBlind, type RegisterOperation, showValue, type Value } from './register-operation.ts';

/**
 * Which writes of a register may be put right before another that overwrites them, for nobody would miss them.
 *
 * A value that nobody reads or compares with can still be missed in one way: it hides another value from a
 * compare-and-set that must not find it. So a write is spare only while nothing that could follow the other write and
 * come before this one makes a value that must be hidden.
 */
export class Spares {
  /** The values that somebody read or compared with. All others are alike. */
  readonly #looked: ReadonlySet<Value>;
  /** The values that a compare-and-set may not have found although it looked for them. */
  readonly #hidden: ReadonlySet<Value>;
  readonly #unknownsNeedHidingFrom: number;

  constructor(operations: readonly RegisterOperation[], looked: ReadonlySet<Value>) {
    this.#looked = looked;
    this.#hidden = new Set(operations.flatMap(notFoundBy));
    const unknown = operations.filter(
      (operation) => operation.ret === Infinity && this.mayNeedHiding(operation),
    );
    this.#unknownsNeedHidingFrom = Math.min(...unknown.map(({ call }) => call));
  }

  isUnseen(operation: RegisterOperation): boolean {
    const { does } = operation;
    if (does.kind === 'read' || !isBlind(operation)) return false;
    return does.effects.every((effect) => !this.#looked.has(effect.at(-1)));
  }

  mayNeedHiding({ does }: RegisterOperation): boolean {
    return does.kind === 'write' && does.effects.some((effect) => this.#hidden.has(effect.at(-1)));
  }

  unknownsNeedHiding(end: number): boolean {
    return this.#unknownsNeedHidingFrom < end;
  }

  /** Two states with one name go on in the same way. */
  nameOf(state: Value): string {
    return this.#looked.has(state) ? showValue(state) : 'another';
  }
}

function notFoundBy({ does, ret }: RegisterOperation): Value[] {
  if (does.kind === 'read' || ret === Infinity) return [];
  return does.effects.flatMap((effect, i) =>
    effect[0] === 'compare-and-set' && does.matched[i] !== true ? [effect[2]] : [],
  );
}
