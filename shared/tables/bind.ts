import { refuse } from '../failure.ts';
import type { SqlValue } from '../ports.ts';
import { checkParametersMax } from './parameters.ts';
import { publicMessage } from './reserved.ts';
import type { ParsedStatement } from './statement.ts';
import type { SqlParam } from './values.ts';

export interface Bound {
  readonly text: string;
  readonly bindings: readonly SqlValue[];
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/**
 * The text and values that give SQLite exactly what the user bound.
 *
 * A JavaScript number binds as REAL, so an integer is bound as its digits, and the placeholder is wrapped in
 * a cast that turns the digits into an INTEGER of all 64 bits. The plus takes the cast's affinity away: a
 * placeholder has none, and with one `name = ?` would compare as numbers. The tab is the mark by which
 * `columnName` knows the wrapping from a user's own words.
 *
 * @throws Refusal `invalid-request` or `too-large`
 */
export function bindStatement(parsed: ParsedStatement, params: readonly SqlParam[]): Bound {
  checkCount(parsed, params.length);
  if (params.length === 0) return { text: parsed.text, bindings: [] };
  return { text: wrappedText(parsed, params), bindings: params.map(toValue) };
}

function checkCount({ parameters }: ParsedStatement, given: number): void {
  const wanted = parameters.count;
  checkParametersMax(given);
  if (wanted !== given) {
    refuse({
      code: 'invalid-request',
      detail: `the statement has ${wanted} placeholders but "params" holds ${given} values`,
    });
  }
}

function toValue(param: SqlParam, index: number): SqlValue {
  if (typeof param === 'bigint') {
    if (param >= INT64_MIN && param <= INT64_MAX) return String(param);
    return refuse({
      code: 'invalid-request',
      detail: `params[${index}] is beyond 64 bits; an INTEGER is from ${INT64_MIN} to ${INT64_MAX}`,
    });
  }
  if (typeof param === 'string' && !param.isWellFormed()) {
    return refuse({
      code: 'invalid-request',
      detail: `params[${index}] holds half of a surrogate pair, which UTF-8 cannot carry; bind it as a blob`,
    });
  }
  return param;
}

/** Per statement, the text used last and which of its values it wraps: '1' for an integer. */
const lastTexts = new WeakMap<ParsedStatement, { readonly wrapped: string; readonly text: string }>();

function wrappedText(parsed: ParsedStatement, params: readonly SqlParam[]): string {
  const last = lastTexts.get(parsed);
  // A NULL fits both forms. It takes the last one's, so that a column of integers and NULLs has one text:
  // SQLite compiles each text anew.
  const wrapped = params
    .map((param, i) => (param === null ? (last?.wrapped[i] ?? '0') : typeof param === 'bigint' ? '1' : '0'))
    .join('');
  if (last?.wrapped === wrapped) return last.text;
  const text = wrapped.includes('1') ? wrapPlaces(parsed, wrapped) : parsed.text;
  lastTexts.set(parsed, { wrapped, text });
  return text;
}

function wrapPlaces({ text, parameters }: ParsedStatement, wrapped: string): string {
  let result = '';
  let at = 0;
  for (const place of parameters.places) {
    if (wrapped[place.index] !== '1') continue;
    result += `${text.slice(at, place.start)}(+CAST(${place.text}\tAS INTEGER))`;
    at = place.end;
  }
  return result + text.slice(at);
}

const WRAPPED = /\(\+CAST\(([^\t]+)\tAS INTEGER\)\)/g;

/** A result column's name as the user's own text would have given it: SQLite names unnamed ones by their text. */
export function columnName(name: string): string {
  return publicMessage(name.includes('\t') ? name.replaceAll(WRAPPED, '$1') : name);
}
