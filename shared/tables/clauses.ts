import { refuse } from '../failure.ts';
import { utf8Length } from '../utf8.ts';
import { nameOf, type Token } from './tokens.ts';

/** The word in capitals; empty for any other token, a quoted name too, and past the end. */
export function wordAt(tokens: readonly Token[], at: number): string {
  const token = tokens[at];
  return token?.kind === 'word' ? token.text.toUpperCase() : '';
}

export function isSymbol(token: Token | undefined, text: string): boolean {
  return token?.kind === 'symbol' && token.text === text;
}

/** @throws Refusal, in SQLite's words, for a statement that cannot be read any further. */
export function refuseSyntax(sql: string, token: Token | undefined): never {
  if (token === undefined) return refuse({ code: 'sql-error', detail: 'incomplete input' });
  const offset = utf8Length(sql.slice(0, token.start));
  return refuse({ code: 'sql-error', detail: `near "${token.text}": syntax error`, offset });
}

/**
 * The tokens of the one statement, without the semicolons around it.
 * @throws Refusal for none and for several: SQLite would run them all, and only the first was looked at.
 */
export function oneStatement(tokens: readonly Token[]): readonly Token[] {
  const start = tokens.findIndex((token) => !isSymbol(token, ';'));
  if (start === -1)
    return refuse({ code: 'sql-not-allowed', detail: 'the text holds no statement; send one SQL statement' });
  const end = endOfStatement(tokens, start);
  const next = tokens.slice(end).find((token) => !isSymbol(token, ';'));
  if (next === undefined) return tokens.slice(start, end);
  return refuse({
    code: 'sql-not-allowed',
    detail: `the text holds several statements (the second starts with ${next.text.slice(0, 20)}, at character ${next.start + 1}); send them as a list, "statements", which is one transaction`,
  });
}

function endOfStatement(tokens: readonly Token[], start: number): number {
  const semicolon = tokens.findIndex((token, i) => i > start && isSymbol(token, ';'));
  if (semicolon === -1) return tokens.length;
  if (!isTrigger(tokens, start)) return semicolon;
  // Each statement of the body ends with a semicolon and none starts with END, so the first END after one
  // is the trigger's. An END anywhere else belongs to a CASE, or is a column's name.
  const last = tokens.findIndex(
    (token, i) => i >= semicolon && isSymbol(token, ';') && wordAt(tokens, i + 1) === 'END',
  );
  return last === -1 ? semicolon : last + 2;
}

function isTrigger(tokens: readonly Token[], start: number): boolean {
  if (wordAt(tokens, start) !== 'CREATE') return false;
  const word = wordAt(tokens, start + 1);
  return wordAt(tokens, word === 'TEMP' || word === 'TEMPORARY' ? start + 2 : start + 1) === 'TRIGGER';
}

/** Where the verb stands that says what a statement does: behind all common table expressions. */
export function mainVerbAt(sql: string, tokens: readonly Token[], start: number): number {
  if (wordAt(tokens, start) !== 'WITH') return start;
  let at = start + 1;
  const next = tokens[at + 1];
  // RECURSIVE may be a table's own name.
  if (wordAt(tokens, at) === 'RECURSIVE' && wordAt(tokens, at + 1) !== 'AS' && !isSymbol(next, '(')) at += 1;
  for (;;) {
    at = afterCommonTable(sql, tokens, at);
    if (!isSymbol(tokens[at], ',')) return at;
    at += 1;
  }
}

function afterCommonTable(sql: string, tokens: readonly Token[], start: number): number {
  let at = start + 1;
  if (isSymbol(tokens[at], '(')) at = afterGroup(sql, tokens, at);
  if (wordAt(tokens, at) !== 'AS') refuseSyntax(sql, tokens[at]);
  at += 1;
  if (wordAt(tokens, at) === 'NOT') at += 1;
  if (wordAt(tokens, at) === 'MATERIALIZED') at += 1;
  return afterGroup(sql, tokens, at);
}

/** The index after the bracket that closes the one at `open`. */
function afterGroup(sql: string, tokens: readonly Token[], open: number): number {
  if (!isSymbol(tokens[open], '(')) refuseSyntax(sql, tokens[open]);
  let depth = 0;
  for (let at = open; at < tokens.length; at += 1) {
    if (isSymbol(tokens[at], '(')) depth += 1;
    if (isSymbol(tokens[at], ')')) depth -= 1;
    if (depth === 0) return at + 1;
  }
  return refuseSyntax(sql, undefined);
}

/**
 * ROLLBACK as an answer to a conflict ends the transaction that Tidemark runs statements in, and on the
 * platform every other caller's with it. The words are looked for anywhere, in bodies of triggers too.
 */
export function refuseRollback(tokens: readonly Token[]): void {
  for (let i = 0; i < tokens.length; i += 1) {
    if (wordAt(tokens, i) !== 'ROLLBACK') continue;
    const before = wordAt(tokens, i - 1);
    const isRaised = isSymbol(tokens[i - 1], '(') && wordAt(tokens, i - 2) === 'RAISE';
    if (before !== 'OR' && before !== 'CONFLICT' && !isRaised) continue;
    refuse({
      code: 'sql-not-allowed',
      detail: `${isRaised ? 'RAISE(ROLLBACK' : `${before} ROLLBACK`} is not taken: use ABORT, which undoes the statement; a list of statements is undone as a whole`,
    });
  }
}

/** Whether these are the tokens of CREATE TABLE … AS SELECT. */
export function isCreateTableAs(tokens: readonly Token[]): boolean {
  if (wordAt(tokens, 0) !== 'CREATE' || wordAt(tokens, 1) !== 'TABLE') return false;
  const name = objectNameAt(tokens);
  return wordAt(tokens, isSymbol(tokens[name + 1], '.') ? name + 3 : name + 1) === 'AS';
}

/** Whether a schema statement makes or names something temporary. */
export function isTemporary(tokens: readonly Token[]): boolean {
  const word = wordAt(tokens, 1);
  if (wordAt(tokens, 0) === 'CREATE' && (word === 'TEMP' || word === 'TEMPORARY')) return true;
  const name = objectNameAt(tokens);
  const qualifier = tokens[name];
  return qualifier !== undefined && isSymbol(tokens[name + 1], '.') && /^temp$/i.test(nameOf(qualifier));
}

/** Where the name stands of what a schema statement makes, changes or drops. */
function objectNameAt(tokens: readonly Token[]): number {
  const verb = wordAt(tokens, 0);
  if (verb === 'ANALYZE' || verb === 'REINDEX') return 1;
  let at = wordAt(tokens, 1) === 'UNIQUE' ? 3 : 2;
  if (wordAt(tokens, at) === 'IF' && wordAt(tokens, at + 1) === 'NOT') at += 3;
  if (wordAt(tokens, at) === 'IF' && wordAt(tokens, at + 1) === 'EXISTS') at += 2;
  return at;
}
