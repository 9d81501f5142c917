export type TokenKind =
  | 'word'
  | 'quoted'
  | 'string'
  | 'blob'
  | 'number'
  | 'parameter'
  | 'symbol'
  /** SQLite would say: unrecognized token. */
  | 'illegal';

/** A piece of SQL as SQLite cuts it. Between tokens there is nothing but white space and comments. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** String indexes; `end` is after the last character. */
  readonly start: number;
  readonly end: number;
}

const WORD = /[A-Za-z0-9_$\u0080-\uFFFF]+/y;
const SPACE = /[\t\n\f\r ][\t-\r ]*|\uFEFF/y;
const NUMBER =
  /0[xX][0-9a-fA-F][0-9a-fA-F_]*|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE](?:[0-9]|[+-][0-9])[0-9_]*)?/y;
const BLOB = /[xX]'(?:[0-9a-fA-F]{2})*'/y;
const TCL_INDEX = /\([^)\t-\r ]*\)/y;
const NUMBERED = /\?[0-9]*/y;
const SYMBOL = /->>|->|==|<=|<>|<<|>=|>>|!=|\|\||[-(),;+*/%=<>|&~.]/y;

/**
 * Cuts SQL exactly as SQLite does, in linear time. Were one quote or comment seen otherwise than by SQLite,
 * a forbidden word could hide in what is a string here and a statement there; so this follows its
 * tokenizer rule by rule, the odd ones too. Ends at the first illegal token. A NUL ends SQL early in
 * SQLite: callers refuse it first.
 */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  let at = gapEnd(sql, 0);
  while (at < sql.length) {
    const token = tokenAt(sql, at);
    tokens.push(token);
    if (token.kind === 'illegal') break;
    at = gapEnd(sql, token.end);
  }
  return tokens;
}

/** Where the white space and comments that start at `at` end. */
function gapEnd(sql: string, at: number): number {
  let end = at;
  while (end < sql.length) {
    const next = afterGap(sql, end);
    if (next === end) break;
    end = next;
  }
  return end;
}

function afterGap(sql: string, at: number): number {
  const char = sql[at] as string;
  if (char > '/' && char !== '\uFEFF') return at;
  if (char === '-') return sql[at + 1] === '-' ? indexOrEnd(sql, '\n', at + 2) : at;
  if (char !== '/') return matchEnd(SPACE, sql, at);
  // SQLite takes `/*` as the start of a comment only where something follows it.
  if (sql[at + 1] !== '*' || at + 2 >= sql.length) return at;
  const close = sql.indexOf('*/', at + 2);
  return close === -1 ? sql.length : close + 2;
}

function tokenAt(sql: string, start: number): Token {
  const char = sql[start] as string;
  switch (char) {
    case '(':
    case ')':
    case ',':
    case ';':
      return toToken(sql, 'symbol', start, start + 1);
    case "'":
      return quotedToken(sql, 'string', start);
    case '"':
    case '`':
      return quotedToken(sql, 'quoted', start);
    case '[': {
      const close = sql.indexOf(']', start);
      return close === -1
        ? toToken(sql, 'illegal', start, sql.length)
        : toToken(sql, 'quoted', start, close + 1);
    }
    case '?':
      return toToken(sql, 'parameter', start, matchEnd(NUMBERED, sql, start));
    case '$':
    case '@':
    case ':':
      return namedParameter(sql, start);
    default:
      return char <= '9' ? numberOrSymbol(sql, start) : wordOrSymbol(sql, start);
  }
}

function numberOrSymbol(sql: string, start: number): Token {
  const number = matchEnd(NUMBER, sql, start);
  if (number === start) return symbolToken(sql, start);
  const end = matchEnd(WORD, sql, number);
  return toToken(sql, end > number ? 'illegal' : 'number', start, end);
}

function wordOrSymbol(sql: string, start: number): Token {
  const word = matchEnd(WORD, sql, start);
  if (word === start + 1 && sql[word] === "'" && /[xX]/.test(sql[start] as string))
    return blobToken(sql, start);
  return word > start ? toToken(sql, 'word', start, word) : symbolToken(sql, start);
}

function symbolToken(sql: string, start: number): Token {
  const symbol = matchEnd(SYMBOL, sql, start);
  return symbol > start ? toToken(sql, 'symbol', start, symbol) : toToken(sql, 'illegal', start, start + 1);
}

function blobToken(sql: string, start: number): Token {
  const end = matchEnd(BLOB, sql, start);
  if (end > start) return toToken(sql, 'blob', start, end);
  return toToken(sql, 'illegal', start, Math.min(sql.length, indexOrEnd(sql, "'", start + 2) + 1));
}

/** A doubled quote stands for one and does not end the token. */
function quotedToken(sql: string, kind: TokenKind, start: number): Token {
  const quote = sql[start] as string;
  let close = sql.indexOf(quote, start + 1);
  while (close !== -1 && sql[close + 1] === quote) close = sql.indexOf(quote, close + 2);
  return close === -1 ? toToken(sql, 'illegal', start, sql.length) : toToken(sql, kind, start, close + 1);
}

/** `:a`, `@a`, `$a`; and as SQLite takes them from Tcl, `$a::b` and `$a(any text)`. */
function namedParameter(sql: string, start: number): Token {
  let at = start + 1;
  let named = false;
  for (;;) {
    const word = matchEnd(WORD, sql, at);
    if (word > at) {
      named = true;
      at = word;
      continue;
    }
    if (!sql.startsWith('::', at)) break;
    at += 2;
  }
  if (!named) return toToken(sql, 'illegal', start, at);
  if (sql[at] !== '(') return toToken(sql, 'parameter', start, at);
  const close = matchEnd(TCL_INDEX, sql, at);
  return close > at ? toToken(sql, 'parameter', start, close) : toToken(sql, 'illegal', start, at + 1);
}

/** The end of what `pattern` (sticky) matches at `at`; `at` itself where it does not. */
function matchEnd(pattern: RegExp, sql: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(sql) ? pattern.lastIndex : at;
}

function indexOrEnd(sql: string, what: string, from: number): number {
  const index = sql.indexOf(what, from);
  return index === -1 ? sql.length : index;
}

function toToken(sql: string, kind: TokenKind, start: number, end: number): Token {
  return { kind, text: sql.slice(start, end), start, end };
}

/** What a quoted name or a string names or says; the text of any other token. */
export function nameOf(token: Token): string {
  const { text, kind } = token;
  if (kind !== 'quoted' && kind !== 'string') return text;
  const quote = text[0] as string;
  const inner = text.slice(1, -1);
  return quote === '[' ? inner : inner.replaceAll(quote + quote, quote);
}
