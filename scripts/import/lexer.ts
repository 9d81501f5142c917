export type TokenKind = 'space' | 'word' | 'name' | 'string' | 'blob' | 'number' | 'sign';

const SPACE = /[ \t\n\r\f\uFEFF]+/y;
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const NUMBER = /(?:0[xX][0-9a-fA-F]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/y;
const CLOSING: Readonly<Record<string, string>> = { "'": "'", '"': '"', '`': '`', '[': ']' };

/**
 * SQLite's tokens, one after another, without making an object for each: a dump holds millions.
 * The last token of a text may go on in the next piece of a file; the caller sees that `end` is the text's end.
 */
export class Lexer {
  readonly text: string;
  kind: TokenKind = 'space';
  start = 0;
  end: number;

  constructor(text: string, at = 0) {
    this.text = text;
    this.end = at;
  }

  /** Moves to the next token; false at the end of the text. */
  next(): boolean {
    this.start = this.end;
    if (this.start >= this.text.length) return false;
    const character = this.text[this.start] as string;
    if (this.#comment(character)) return true;
    if (this.#match(SPACE, 'space')) return true;
    if ((character === 'x' || character === 'X') && this.text[this.start + 1] === "'")
      return this.#quoted("'", 1, 'blob');
    if (this.#match(WORD, 'word')) return true;
    const closing = CLOSING[character];
    if (closing !== undefined) return this.#quoted(closing, 0, character === "'" ? 'string' : 'name');
    if (this.#match(NUMBER, 'number')) return true;
    this.kind = 'sign';
    this.end = this.start + 1;
    return true;
  }

  /** Moves to the next token that is not white space or a comment. */
  nextReal(): boolean {
    while (this.next()) if (this.kind !== 'space') return true;
    return false;
  }

  get token(): string {
    return this.text.slice(this.start, this.end);
  }

  isWord(word: string): boolean {
    return this.kind === 'word' && this.end - this.start === word.length && this.token.toUpperCase() === word;
  }

  isSign(sign: string): boolean {
    return this.kind === 'sign' && this.text[this.start] === sign;
  }

  #match(pattern: RegExp, kind: TokenKind): boolean {
    pattern.lastIndex = this.start;
    if (!pattern.test(this.text)) return false;
    this.kind = kind;
    this.end = pattern.lastIndex;
    return true;
  }

  #comment(character: string): boolean {
    const second = this.text[this.start + 1];
    const line = character === '-' && second === '-';
    if (!line && !(character === '/' && second === '*')) return false;
    const close = line ? '\n' : '*/';
    const found = this.text.indexOf(close, this.start + 2);
    this.kind = 'space';
    this.end = found < 0 ? this.text.length : found + close.length;
    return true;
  }

  /** A doubled quote stands for itself, but not in [brackets]. */
  #quoted(closing: string, prefix: number, kind: TokenKind): true {
    this.kind = kind;
    let at = this.start + prefix + 1;
    for (;;) {
      const found = this.text.indexOf(closing, at);
      this.end = found < 0 ? this.text.length : found + 1;
      if (found < 0 || closing === ']' || this.text[found + 1] !== closing) return true;
      at = found + 2;
    }
  }
}

/** The name that a word or a quoted name stands for. */
export function unquoted(token: string): string {
  const closing = CLOSING[token[0] ?? ''];
  if (closing === undefined) return token;
  const inside = token.slice(1, -1);
  return closing === ']' ? inside : inside.replaceAll(closing + closing, closing);
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
