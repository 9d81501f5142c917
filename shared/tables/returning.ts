import { all, type Sql } from '../ports.ts';
import { type Token, tokenize } from './tokens.ts';

/** A writing statement that also gives the digits of integers which JavaScript would round. */
export interface ExactReturning {
  readonly text: string;
  /** For each column of the user's own, the place of its digits behind them; null where it has none. */
  readonly digits: readonly (number | null)[];
}

const RESULT_COLUMNS_MAX = 100;

/**
 * Adds to RETURNING, for each item that is a column or `*`, a column with its digits where it is an integer beyond 2^53.
 * Such integers reach JavaScript rounded, and unlike a read, a write cannot be run again. Items that are expressions
 * stay as they are. Null where there is nothing to add.
 */
export function exactReturning(sql: Sql, text: string): ExactReturning | null {
  const tokens = tokenize(text);
  const items = returningItems(tokens);
  if (items === null) return null;
  const columns = items.flatMap((item) => (isStar(item) ? columnsOfTarget(sql, tokens) : [columnOf(item)]));
  const digits: (number | null)[] = [];
  const added: string[] = [];
  for (const column of columns) {
    digits.push(column === null ? null : added.length);
    if (column !== null) added.push(digitsSql(column));
  }
  if (added.length === 0 || columns.length + added.length > RESULT_COLUMNS_MAX) return null;
  return { text: `${text}, ${added.join(', ')}`, digits };
}

function digitsSql(column: string): string {
  return `CASE WHEN typeof(${column}) = 'integer' AND ${column} NOT BETWEEN -9007199254740991 AND 9007199254740991 THEN CAST(${column} AS TEXT) END`;
}

/** The items of the statement's own RETURNING, not of one inside a trigger or a string; null where it has none. */
function returningItems(tokens: readonly Token[]): Token[][] | null {
  let depth = 0;
  let items: Token[][] | null = null;
  for (const token of tokens) {
    if (token.text === '(') depth += 1;
    if (token.text === ')') depth -= 1;
    if (depth === 0 && token.kind === 'word' && token.text.toUpperCase() === 'RETURNING') items = [[]];
    else if (depth === 0 && token.text === ',') items?.push([]);
    else items?.at(-1)?.push(token);
  }
  return items;
}

function isStar(item: readonly Token[]): boolean {
  return item.length === 1 && item[0]?.text === '*';
}

function isName(token: Token | undefined): boolean {
  return token?.kind === 'word' || token?.kind === 'quoted';
}

/** The column that an item is, behind its table and without its alias; null for any other expression. */
function columnOf(item: readonly Token[]): string | null {
  const isQualified = item[1]?.text === '.';
  const length = isQualified ? 3 : 1;
  const alias = item.slice(length).filter((token) => token.text.toUpperCase() !== 'AS');
  if (!item.slice(0, length).every((token, i) => (i === 1 ? token.text === '.' : isName(token)))) return null;
  if (alias.length > 1 || !alias.every(isName)) return null;
  return item
    .slice(0, length)
    .map((token) => token.text)
    .join('');
}

/** What `*` stands for: the columns of the table behind INTO, UPDATE or DELETE FROM. */
function columnsOfTarget(sql: Sql, tokens: readonly Token[]): (string | null)[] {
  const table = targetOf(tokens);
  const rows = all(sql, 'SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid', table);
  return rows.map(([name]) => `"${String(name).replaceAll('"', '""')}"`);
}

function targetOf(tokens: readonly Token[]): string {
  let depth = 0;
  const at = tokens.findIndex((token, i) => {
    if (token.text === '(') depth += 1;
    if (token.text === ')') depth -= 1;
    const word = token.text.toUpperCase();
    return (
      depth === 0 &&
      token.kind === 'word' &&
      (word === 'INTO' ||
        word === 'UPDATE' ||
        (word === 'FROM' && tokens[i - 1]?.text.toUpperCase() === 'DELETE'))
    );
  });
  const isOr = tokens[at + 1]?.text.toUpperCase() === 'OR';
  const first = isOr ? at + 3 : at + 1;
  const name = tokens[first + 1]?.text === '.' ? tokens[first + 2] : tokens[first];
  return unquoted(name?.text ?? '');
}

function unquoted(name: string): string {
  const quote = name[0] ?? '';
  if (quote === '[') return name.slice(1, -1);
  if (quote !== '"' && quote !== '`' && quote !== "'") return name;
  return name.slice(1, -1).replaceAll(quote + quote, quote);
}
