import type { HistoryEvent } from '../history.ts';
import { gather, type Predicate } from './facts.ts';
import { CYC } from './cycles.ts';
import { F1, F3, F4, F5, F7, I5, I6 } from './epochs.ts';
import { LIN } from './linearizable.ts';
import { I1, I2, I3, I4, I7, I8, I10, K1, K2, K3 } from './log.ts';
import { F2, I9, I12 } from './losses.ts';
import { I11, T5, T6 } from './rows.ts';
import { RT } from './retention.ts';
import { SD } from './settled.ts';
import { ST } from './staleness.ts';
import { F6, S1, S2, S3, S5, S6 } from './state.ts';
import { T1, T2, T3, T4, T7, T8, T9 } from './tokens.ts';

/** What must hold of every history, by the names that docs/reliability.md gives. */
export const PREDICATES = {
  I1,
  I2,
  I3,
  I4,
  I5,
  I6,
  I7,
  I8,
  I9,
  I10,
  I11,
  I12,
  K1,
  K2,
  K3,
  S1,
  S2,
  S3,
  S5,
  S6,
  T1,
  T2,
  T3,
  T4,
  T5,
  T6,
  T7,
  T8,
  T9,
  ST,
  SD,
  RT,
  F1,
  F2,
  F3,
  F4,
  F5,
  F6,
  F7,
  LIN,
  CYC,
} satisfies Record<string, Predicate>;

export type PredicateId = keyof typeof PREDICATES;

export interface Violation {
  readonly id: PredicateId;
  readonly what: string;
}

/** Everything in a history that must not be. Reads nothing but the history. */
export function check(history: readonly HistoryEvent[]): Violation[] {
  const facts = gather(history);
  return Object.entries(PREDICATES).flatMap(([id, predicate]: [string, Predicate]) =>
    [...predicate(facts)].map((what) => ({ id: id as PredicateId, what })),
  );
}
