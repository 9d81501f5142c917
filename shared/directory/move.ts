import type { DirectoryEffect, Outcome } from './events.ts';
import type { Made } from './store.ts';

/** What comes of something: the state as it is to be kept, the same object where nothing changes, and what to do besides telling it. */
export interface Move {
  readonly made: Made;
  readonly effects: readonly DirectoryEffect[];
}

export function still(made: Made): Move {
  return { made, effects: [] };
}

export function andThen(first: Move, next: (made: Made) => Move): Move {
  const { made, effects } = next(first.made);
  return { made, effects: [...first.effects, ...effects] };
}

export function outcome(partition: number, what: Outcome): DirectoryEffect {
  return { kind: 'outcome', partition, outcome: what };
}
