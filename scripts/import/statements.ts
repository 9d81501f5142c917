import { Lexer, unquoted } from './lexer.ts';

/** What a statement of a dump is for the importer. Table names are in lower case, as SQLite compares them. */
export type Heading =
  | { readonly kind: 'insert'; readonly table: string }
  | { readonly kind: 'create-table'; readonly table: string; readonly references: readonly string[] }
  | { readonly kind: 'create-trigger'; readonly table: string }
  | { readonly kind: 'drop'; readonly name: string }
  | { readonly kind: 'other'; readonly words: readonly [string, string, string] };

/** An INSERT … VALUES, taken apart at its rows. */
export interface Rows {
  /** Up to and with VALUES. */
  readonly head: string;
  readonly tuples: readonly string[];
  /** ON CONFLICT … or RETURNING …, with a space before it, or nothing. */
  readonly tail: string;
}

export function headingOf(text: string): Heading {
  const lexer = new Lexer(text);
  const words: [string, string, string] = ['', '', ''];
  for (let at = 0; at < 3 && lexer.nextReal(); at++)
    words[at] = lexer.kind === 'word' ? lexer.token.toUpperCase() : '';
  if (words[0] === 'INSERT' || words[0] === 'REPLACE')
    return { kind: 'insert', table: nameAfter(text, 'INTO') };
  if (words[0] === 'DROP') return { kind: 'drop', name: nameAfter(text, words[1]) };
  if (words[0] !== 'CREATE') return { kind: 'other', words };
  if (words.includes('TRIGGER')) return { kind: 'create-trigger', table: nameAfter(text, 'ON') };
  if (words[1] === 'TABLE')
    return { kind: 'create-table', table: nameAfter(text, 'TABLE'), references: references(text) };
  return { kind: 'other', words };
}

/** The (last part of the) name that follows a keyword and, for CREATE, IF NOT EXISTS. */
function nameAfter(text: string, keyword: string): string {
  const lexer = new Lexer(text);
  while (lexer.nextReal() && !lexer.isWord(keyword));
  while (lexer.nextReal() && (lexer.isWord('IF') || lexer.isWord('NOT') || lexer.isWord('EXISTS')));
  const name = unquoted(lexer.token);
  if (!lexer.nextReal() || !lexer.isSign('.') || !lexer.nextReal()) return name.toLowerCase();
  return unquoted(lexer.token).toLowerCase();
}

function references(text: string): string[] {
  const found: string[] = [];
  const lexer = new Lexer(text);
  while (lexer.nextReal()) {
    if (!lexer.isWord('REFERENCES') || !lexer.nextReal()) continue;
    found.push(unquoted(lexer.token).toLowerCase());
  }
  return found;
}

/** Null where the statement is no plain INSERT … VALUES, or where a row looks at other rows: then it stays whole. */
export function rowsOf(text: string): Rows | null {
  const lexer = new Lexer(text);
  if (!seekValues(lexer)) return null;
  const head = text.slice(0, lexer.end);
  const tuples: string[] = [];
  while (lexer.nextReal() && lexer.isSign('(')) {
    const from = lexer.start;
    if (!closeTuple(lexer)) return null;
    tuples.push(text.slice(from, lexer.end));
    if (!lexer.nextReal()) return { head, tuples, tail: '' };
    if (!lexer.isSign(',')) return tailFrom(lexer, { head, tuples });
  }
  return null;
}

function tailFrom(lexer: Lexer, rows: Pick<Rows, 'head' | 'tuples'>): Rows | null {
  if (!lexer.isWord('ON') && !lexer.isWord('RETURNING')) return null;
  return { ...rows, tail: ` ${lexer.text.slice(lexer.start)}` };
}

function seekValues(lexer: Lexer): boolean {
  let depth = 0;
  while (lexer.nextReal()) {
    if (lexer.isSign('(')) depth++;
    if (lexer.isSign(')')) depth--;
    if (depth !== 0 || lexer.kind !== 'word') continue;
    if (lexer.isWord('SELECT') || lexer.isWord('DEFAULT')) return false;
    if (lexer.isWord('VALUES')) return true;
  }
  return false;
}

/** From an opening parenthesis to behind the closing one. */
function closeTuple(lexer: Lexer): boolean {
  let depth = 1;
  while (depth > 0) {
    if (!lexer.nextReal() || lexer.isWord('SELECT')) return false;
    if (lexer.isSign('(')) depth++;
    if (lexer.isSign(')')) depth--;
  }
  return true;
}

/**
 * Puts `?` in place of the text's long literals. A row with one large blob or text is longer than a
 * statement may be; bound as a parameter it counts with the body.
 */
export function bindLongLiterals(
  text: string,
  charsMin: number,
): { readonly text: string; readonly params: readonly string[] } {
  const lexer = new Lexer(text);
  const params: string[] = [];
  let result = '';
  while (lexer.next()) {
    const long = lexer.end - lexer.start >= charsMin;
    if (!long || (lexer.kind !== 'string' && lexer.kind !== 'blob')) {
      result += lexer.token;
      continue;
    }
    result += '?';
    params.push(literalParam(lexer));
  }
  return { text: result, params };
}

function literalParam(lexer: Lexer): string {
  if (lexer.kind === 'blob')
    return JSON.stringify({ base64: Buffer.from(lexer.token.slice(2, -1), 'hex').toString('base64') });
  return JSON.stringify(lexer.token.slice(1, -1).replaceAll("''", "'"));
}
