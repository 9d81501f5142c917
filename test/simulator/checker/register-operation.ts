import type { Effect } from '../model.ts';

/** What a register holds; undefined: nothing was ever written to it. */
export type Value = unknown;

export type RegisterEffect = Extract<Effect, readonly ['set' | 'compare-and-set', ...unknown[]]>;

/** What one operation did to one register, all at once. */
export interface RegisterOperation {
  readonly op: number;
  readonly client: string;
  readonly key: string;
  readonly call: number;
  /** Its place in the history; Infinity where it is unknown whether it happened: then it may yet, or never. */
  readonly ret: number;
  readonly does: RegisterRead | RegisterWrite;
  /** The values that it compares with what was there before it. */
  readonly looked: readonly Value[];
  /** It leaves one value behind, whatever was there before. */
  readonly overwrites: boolean;
}

export interface RegisterRead {
  readonly kind: 'read';
  readonly value: Value;
}

export interface RegisterWrite {
  readonly kind: 'write';
  readonly effects: readonly RegisterEffect[];
  /** For each effect, whether a compare-and-set found what it looked for; null where that is not known. */
  readonly matched: readonly (boolean | null)[];
}

/** What an operation leaves behind where it happens at `state`. */
type Outcome = { readonly isPossible: true; readonly state: Value } | { readonly isPossible: false };

const IMPOSSIBLE: Outcome = { isPossible: false };

export function outcomeAt({ does }: RegisterOperation, state: Value): Outcome {
  if (does.kind === 'read') return does.value === state ? { isPossible: true, state } : IMPOSSIBLE;
  let after = state;
  for (const [i, effect] of does.effects.entries()) {
    if (effect[0] === 'set') {
      after = effect[2];
      continue;
    }
    const [, , from, to] = effect;
    const isMatch = after === from;
    if ((does.matched[i] ?? isMatch) !== isMatch) return IMPOSSIBLE;
    if (isMatch) after = to;
  }
  return { isPossible: true, state: after };
}

/** A read looks at one value; a write at those that it compares, up to where it overwrites what was there. */
export function lookedAtBy(does: RegisterOperation['does']): readonly Value[] {
  if (does.kind === 'read') return [does.value];
  const values: Value[] = [];
  for (const effect of does.effects) {
    if (effect[0] === 'set') return values;
    values.push(effect[2]);
  }
  return values;
}

export function overwrites(does: RegisterOperation['does']): boolean {
  return does.kind === 'write' && does.effects.some(([kind]) => kind === 'set');
}

/** It happens the same way whatever was there before. */
export function isBlind({ does, looked }: RegisterOperation): boolean {
  return does.kind === 'write' && looked.length === 0;
}

/** A compare-and-set of which it is not known whether it matched is not among them: it may be wanted later, to match. */
export function changesNothing(operation: RegisterOperation, state: Value): boolean {
  const { does } = operation;
  if (does.kind === 'write' && does.matched.some((matched) => matched !== false)) return false;
  return outcomeAt(operation, state).isPossible;
}

export function show({ op, does }: RegisterOperation): string {
  if (does.kind === 'read') return `read ${op}, which saw ${showValue(does.value)}`;
  const effects = does.effects.map((effect, i) => {
    if (effect[0] === 'set') return `set ${effect[2]}`;
    return `compare-and-set ${effect[2]} to ${effect[3]}${MATCHED[String(does.matched[i])] ?? ''}`;
  });
  return `write ${op} (${effects.join(', ')})`;
}

const MATCHED: Readonly<Record<string, string>> = { true: ', matched', false: ', not matched' };

export function showValue(value: Value): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
