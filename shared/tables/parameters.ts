import { refuse } from '../failure.ts';
import { PARAMS_MAX } from '../limits.ts';
import type { Token } from './tokens.ts';

/** One placeholder: where it stands and which value it takes. */
export interface ParameterPlace {
  /** String indexes into the text that was cut. */
  readonly start: number;
  readonly end: number;
  /** From 0. Several placeholders may take one value. */
  readonly index: number;
  /** As written: `?`, `?3`, `:name`. */
  readonly text: string;
}

export interface Parameters {
  readonly places: readonly ParameterPlace[];
  /** How many values SQLite expects; more than the places where `?7` skips numbers. */
  readonly count: number;
}

/** Numbers placeholders as SQLite does: `?` is one more than the largest so far, a new name too. */
export function findParameters(tokens: readonly Token[]): Parameters {
  const places: ParameterPlace[] = [];
  const named = new Map<string, number>();
  let count = 0;
  for (const { kind, text, start, end } of tokens) {
    if (kind !== 'parameter') continue;
    const number = numberOf(text, named) ?? count + 1;
    if (text[0] !== '?') named.set(text, number);
    count = Math.max(count, number);
    places.push({ start, end, index: number - 1, text });
  }
  return { places, count };
}

function numberOf(text: string, named: ReadonlyMap<string, number>): number | undefined {
  if (text[0] !== '?') return named.get(text);
  return text === '?' ? undefined : Number(text.slice(1));
}

export function checkParametersMax(count: number): void {
  if (count <= PARAMS_MAX) return;
  refuse({
    code: 'too-large',
    detail: `a statement takes at most ${PARAMS_MAX} parameters, not ${count}; bind one JSON text and read it with json_each(?), or send several statements`,
    limit: PARAMS_MAX,
  });
}
