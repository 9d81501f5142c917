import { Lexer } from './lexer.ts';
import { Stopped } from './stopped.ts';

/** One statement of a script, without its semicolon and without the comments before it. */
export interface Piece {
  readonly text: string;
  /** Where it begins, counted from 1. */
  readonly line: number;
  /** A line such as `.mode csv`, which speaks to the sqlite3 shell and not to SQLite. */
  readonly shell: boolean;
}

/** SQLite's own limit is larger, but the whole statement is held in memory. */
const STATEMENT_CHARS_MAX = 64 * 1024 * 1024;

/**
 * Cuts a script into statements as it streams by: no more than one statement and one piece of the file
 * are in memory. A trigger ends where SQLite's shell ends it: at `; END ;`.
 */
export class SqlSplitter {
  #text = '';
  /** Up to here the tokens of the text are taken. */
  #at = 0;
  /** Where the statement begins, or -1 while there is none. */
  #from = -1;
  #line = 1;
  #lineAt = 0;
  /** The first words of the statement, as far as they tell whether it makes a trigger. */
  #words: string[] = [];
  /** The two tokens before this one, in upper case; only of triggers. */
  #before: [string, string] = ['', ''];

  push(text: string): Piece[] {
    this.#drop();
    this.#text += text;
    return this.#scan(false);
  }

  end(): Piece[] {
    const pieces = this.#scan(true);
    if (this.#from >= 0) pieces.push(this.#take(this.#text.length));
    return pieces;
  }

  #scan(final: boolean): Piece[] {
    const pieces: Piece[] = [];
    const lexer = new Lexer(this.#text, this.#at);
    while (lexer.next()) {
      if (lexer.end === this.#text.length && !final) break;
      if (this.#from < 0 && lexer.isSign('.')) {
        const newline = this.#text.indexOf('\n', lexer.start);
        if (newline < 0 && !final) break;
        this.#from = lexer.start;
        pieces.push({ ...this.#take(newline < 0 ? this.#text.length : newline), shell: true });
        lexer.end = this.#at;
        continue;
      }
      this.#at = lexer.end;
      if (lexer.kind === 'space') continue;
      if (lexer.isSign(';') && !this.#insideTrigger()) {
        if (this.#from >= 0) pieces.push(this.#take(lexer.start));
        this.#at = lexer.end;
        continue;
      }
      this.#note(lexer);
    }
    if (this.#text.length - Math.max(this.#from, 0) > STATEMENT_CHARS_MAX && this.#from >= 0)
      throw new Stopped(
        `The statement that begins in line ${this.#lineOf(this.#from)} is longer than ${STATEMENT_CHARS_MAX} characters. Write it as several statements.`,
      );
    return pieces;
  }

  #note(lexer: Lexer): void {
    if (this.#from < 0) this.#from = lexer.start;
    if (this.#words.length < 4) this.#words.push(lexer.kind === 'word' ? lexer.token.toUpperCase() : '');
    if (this.#isTrigger())
      this.#before = [this.#before[1], lexer.end - lexer.start > 3 ? '' : lexer.token.toUpperCase()];
  }

  #isTrigger(): boolean {
    const words = this.#words[0] === 'EXPLAIN' ? this.#words.slice(1) : this.#words;
    if (words[0] !== 'CREATE') return false;
    return (
      words[1] === 'TRIGGER' || ((words[1] === 'TEMP' || words[1] === 'TEMPORARY') && words[2] === 'TRIGGER')
    );
  }

  #insideTrigger(): boolean {
    if (!this.#isTrigger()) return false;
    if (this.#before[0] === ';' && this.#before[1] === 'END') return false;
    this.#before = [this.#before[1], ';'];
    return true;
  }

  #take(end: number): Piece {
    const piece = {
      text: this.#text.slice(this.#from, end).trimEnd(),
      line: this.#lineOf(this.#from),
      shell: false,
    };
    this.#at = end;
    this.#from = -1;
    this.#words = [];
    this.#before = ['', ''];
    return piece;
  }

  #lineOf(index: number): number {
    for (
      let at = this.#text.indexOf('\n', this.#lineAt);
      at >= 0 && at < index;
      at = this.#text.indexOf('\n', at + 1)
    ) {
      this.#line++;
      this.#lineAt = at + 1;
    }
    return this.#line;
  }

  /** Forgets the text before the statement that is being read. */
  #drop(): void {
    const keep = this.#from < 0 ? this.#at : this.#from;
    this.#lineOf(keep);
    this.#text = this.#text.slice(keep);
    this.#at -= keep;
    this.#lineAt -= keep;
    if (this.#from > 0) this.#from = 0;
  }
}
