import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameOf, type Token, tokenize } from '../../shared/tables/tokens.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { fragmentText } from './sql-fragments.ts';

function shown(sql: string): string[] {
  return tokenize(sql).map(({ kind, text }) => `${kind} ${text}`);
}

function gaps(sql: string, tokens: readonly Token[]): string[] {
  return tokens.map((token, i) => sql.slice(tokens[i - 1]?.end ?? 0, token.start));
}

describe('tokens', () => {
  it.each<[string, string[]]>([
    [
      'SELECT a1, é FROM t;',
      ['word SELECT', 'word a1', 'symbol ,', 'word é', 'word FROM', 'word t', 'symbol ;'],
    ],
    [`'it''s' "a""b" \`c\`\`d\` [e"f]`, [`string 'it''s'`, 'quoted "a""b"', 'quoted `c``d`', 'quoted [e"f]']],
    [`x'0aFF' X'' x'0'`, [`blob x'0aFF'`, `blob X''`, `illegal x'0'`]],
    [
      '1 1.5 .5 5. 1e10 1E-3 0xfF 1_000 1.',
      [
        'number 1',
        'number 1.5',
        'number .5',
        'number 5.',
        'number 1e10',
        'number 1E-3',
        'number 0xfF',
        'number 1_000',
        'number 1.',
      ],
    ],
    ['1 12ab 3', ['number 1', 'illegal 12ab']],
    [
      '?,?12 :a @b $c::d(e) :f::g',
      [
        'parameter ?',
        'symbol ,',
        'parameter ?12',
        'parameter :a',
        'parameter @b',
        'parameter $c::d(e)',
        'parameter :f::g',
      ],
    ],
    [
      'a->b->>c||d<=e<>f!=g==h<<i>>j',
      [
        'word a',
        'symbol ->',
        'word b',
        'symbol ->>',
        'word c',
        'symbol ||',
        'word d',
        'symbol <=',
        'word e',
        'symbol <>',
        'word f',
        'symbol !=',
        'word g',
        'symbol ==',
        'word h',
        'symbol <<',
        'word i',
        'symbol >>',
        'word j',
      ],
    ],
    [
      '1--2\n+3/*4*/*5/**/-6',
      ['number 1', 'symbol +', 'number 3', 'symbol *', 'number 5', 'symbol -', 'number 6'],
    ],
    ['1 /*/ 2 */ 3 /* 4', ['number 1', 'number 3']],
    ['1 /*', ['number 1', 'symbol /', 'symbol *']],
    ['\uFEFFa\uFEFF', ['word a\uFEFF']],
    [`a 'b`, ['word a', `illegal 'b`]],
    ['a "b""', ['word a', 'illegal "b""']],
    ['a [b', ['word a', 'illegal [b']],
    ['a ! b', ['word a', 'illegal !']],
    ['a #1', ['word a', 'illegal #']],
    ['a $(b)', ['word a', 'illegal $']],
    ['$a(b c)', ['illegal $a(']],
    ['a \u000b b', ['word a', 'word b']],
    ['a+\u000bb', ['word a', 'symbol +', 'illegal \u000b']],
  ])('cuts %s', (sql, expected) => {
    expect(shown(sql)).toEqual(expected);
  });

  it.each([
    ['"a""b"', 'a"b'],
    ["'a''b'", "a'b"],
    ['[a"b]', 'a"b'],
    ['`a``b`', 'a`b'],
    ['Ab', 'Ab'],
  ])('takes the quotes off %s', (text, name) => {
    expect(nameOf(tokenize(text)[0] as Token)).toBe(name);
  });

  it('gives the text back, tokens and gaps together, and leaves nothing but spaces and comments between', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fragmentText), (sql) => {
        const tokens = tokenize(sql);
        const end = tokens.at(-1)?.end ?? 0;
        const between = gaps(sql, tokens);
        expect(tokens.map((token, i) => between[i] + token.text).join('') + sql.slice(end)).toBe(sql);
        for (const gap of between) expect(tokenize(`${gap} `)).toEqual([]);
        if (tokens.at(-1)?.kind !== 'illegal') expect(tokenize(sql.slice(end))).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  it('sees the end of a statement where SQLite sees it', () => {
    const sql = new NodeSql();
    fc.assert(
      fc.property(literalText, literalText, (a, b) => {
        const text = `SELECT ${a}; ${b}`;
        const semicolon = tokenize(text).find((token) => token.text === ';');
        const seen = sourceOfFirst(sql, text);
        if (seen !== null) expect(semicolon?.end ?? text.length).toBe(seen.length);
      }),
      { numRuns: 3000 },
    );
  });

  it('takes linear time', () => {
    for (const piece of ['/*', "'", '$a(', '"a""', '--', 'x', '[', "x'", '1e', ':'])
      tokenize(piece.repeat(100_000));
  });
});

const literalText = fc
  .array(
    fc.constantFrom(
      "'",
      '"',
      '`',
      '[',
      ']',
      '--',
      '\n',
      '/*',
      '*/',
      ';',
      'x',
      '1',
      '.',
      'e',
      '+',
      ' ',
      '\\',
      ':a',
      '(',
      ')',
      '$',
      '?',
      '-',
      '/',
      '*',
    ),
    { maxLength: 10 },
  )
  .map((pieces) => pieces.join(''));

/** The first statement of the text as SQLite cut it; null where it cannot be prepared. */
function sourceOfFirst(sql: NodeSql, text: string): string | null {
  try {
    return sql.database.prepare(text).sourceSQL;
  } catch {
    return null;
  }
}
