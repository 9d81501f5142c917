import type { PredicateId } from '../checker/check.ts';

/** A change to the text of one source file. `find` stands in it exactly once. */
export interface Patch {
  /** From the project's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

interface Told {
  /** As in `npm run simulate -- --bug B20`. */
  readonly id: string;
  /** What the code does wrong. */
  readonly title: string;
  /** Where it happened. */
  readonly seen: string;
}

/** A bug that the simulator runs with, and must notice. */
export interface Patched extends Told {
  readonly kind: 'patched';
  readonly patches: readonly Patch[];
  /** Any of them counts; another one's failure is not what was looked for. */
  readonly predicates: readonly PredicateId[];
  /** Caught within so many seeds, counted from 1. */
  readonly seedsMax: number;
}

/** A bug that something else than the simulator catches. */
export interface Elsewhere extends Told {
  readonly kind: 'elsewhere';
  readonly by: string;
}

/** A bug that cannot be made yet. */
export interface Later extends Told {
  readonly kind: 'later';
  /** The feature that it would be in. */
  readonly needs: string;
}

export type Bug = Patched | Elsewhere | Later;
