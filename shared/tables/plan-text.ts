import { SQL_BYTES_MAX } from '../limits.ts';
import { utf8Length } from '../utf8.ts';
import { isSymbol, wordAt } from './clauses.ts';
import { findParameters } from './parameters.ts';
import { type Token, tokenize } from './tokens.ts';

/** Room for what the inspector puts before a text. */
const PREFIX_CHARS_MAX = 32;

/** A statement that opens the same tables as the user's and is quicker to plan. */
export interface PlanText {
  readonly text: string;
  readonly parameterCount: number;
  /** Where `text` starts in the statement's text, or null where it is not a part of it. */
  readonly from: number | null;
}

/** Below this, a statement is planned as it is. */
const PLAIN_TOKENS_MAX = 60;
const LITERAL_CHARS_MAX = 20;

/**
 * An import's INSERT of a thousand rows has a plan of tens of thousands of steps, and no two such texts are
 * equal. One row of NULLs opens the same tables, and one verdict then serves the whole import.
 */
export function planTextOf(text: string, tokens: readonly Token[], from: number): PlanText {
  const whole = { text: text.slice(from), parameterCount: findParameters(tokens).count, from };
  if (tokens.length <= PLAIN_TOKENS_MAX && fits(whole.text)) return whole;
  const rows = literalRows(tokens);
  if (rows !== null) return rebuilt(withOneRow(whole.text, from, rows));
  return fits(whole.text) ? whole : rebuilt(withoutLongStrings(tokens));
}

function fits(text: string): boolean {
  return utf8Length(text) + PREFIX_CHARS_MAX <= SQL_BYTES_MAX;
}

function rebuilt(text: string): PlanText {
  return { text, parameterCount: findParameters(tokenize(text)).count, from: null };
}

interface LiteralRows {
  readonly start: number;
  readonly end: number;
  readonly width: number;
}

/** The rows behind INSERT's VALUES, if all that stands in them is literals and placeholders. */
function literalRows(tokens: readonly Token[]): LiteralRows | null {
  const verb = wordAt(tokens, 0);
  if (verb !== 'INSERT' && verb !== 'REPLACE') return null;
  const values = tokens.findIndex((_, i) => wordAt(tokens, i) === 'VALUES');
  if (values === -1) return null;
  let at = values + 1;
  let width = 0;
  for (;;) {
    const end = afterLiteralRow(tokens, at);
    if (end === null) return null;
    if (width === 0) width = tokens.slice(at, end).filter((token) => isSymbol(token, ',')).length + 1;
    at = end;
    if (!isSymbol(tokens[at], ',')) break;
    at += 1;
  }
  return { start: (tokens[values + 1] as Token).start, end: (tokens[at - 1] as Token).end, width };
}

function afterLiteralRow(tokens: readonly Token[], open: number): number | null {
  if (!isSymbol(tokens[open], '(')) return null;
  for (let at = open + 1; at < tokens.length; at += 1) {
    if (isSymbol(tokens[at], ')')) return at + 1;
    if (!isLiteral(tokens, at)) return null;
  }
  return null;
}

const LITERAL_KINDS: ReadonlySet<string> = new Set(['string', 'number', 'blob', 'parameter']);
const LITERAL_WORDS: ReadonlySet<string> = new Set(['NULL', 'TRUE', 'FALSE']);
const LITERAL_SYMBOLS: ReadonlySet<string> = new Set([',', '-', '+']);

function isLiteral(tokens: readonly Token[], at: number): boolean {
  const { kind, text } = tokens[at] as Token;
  if (kind === 'symbol') return LITERAL_SYMBOLS.has(text);
  return LITERAL_KINDS.has(kind) || LITERAL_WORDS.has(wordAt(tokens, at));
}

function withOneRow(text: string, from: number, { start, end, width }: LiteralRows): string {
  const row = `(${Array.from({ length: width }, () => 'NULL').join(',')})`;
  return text.slice(0, start - from) + row + text.slice(end - from);
}

/** What a long string says decides on no table: names are short. So the plan's text leaves room for EXPLAIN. */
function withoutLongStrings(tokens: readonly Token[]): string {
  return tokens
    .map(({ kind, text, start }, i) => {
      const gap = i > 0 && (tokens[i - 1] as Token).end < start ? ' ' : '';
      return gap + (kind === 'string' && text.length > LITERAL_CHARS_MAX ? "''" : text);
    })
    .join('');
}
