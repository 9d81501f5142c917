import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SqlSplitter } from '../../scripts/import/splitter.ts';
import { bindLongLiterals, headingOf, rowsOf } from '../../scripts/import/statements.ts';

function split(...texts: string[]): { text: string; line: number }[] {
  const splitter = new SqlSplitter();
  return [...texts.flatMap((text) => splitter.push(text)), ...splitter.end()].map(({ text, line }) => ({
    text,
    line,
  }));
}

const SCRIPT = `-- a comment; with a semicolon
CREATE TABLE "a;b" (x TEXT DEFAULT ';', [y;z] TEXT, \`q;\`\`\` INT); /* ; */
INSERT INTO "a;b" VALUES('it''s; -- here', X'00ff', 1.5e-3);;
.mode csv
CREATE TRIGGER t AFTER INSERT ON "a;b" BEGIN
  UPDATE "a;b" SET x = CASE WHEN x = 'END;' THEN 1 ELSE 2 END; -- END;
  SELECT 1;
END;
create temp trigger "end" after delete on q begin select 1; end
;
SELECT 1`;

describe('the splitter', () => {
  it('[IM2] cuts a script at the semicolons that end a statement', () => {
    expect(split(SCRIPT).map(({ text, line }) => [line, text.split('\n')[0]])).toEqual([
      [2, `CREATE TABLE "a;b" (x TEXT DEFAULT ';', [y;z] TEXT, \`q;\`\`\` INT)`],
      [3, `INSERT INTO "a;b" VALUES('it''s; -- here', X'00ff', 1.5e-3)`],
      [4, '.mode csv'],
      [5, 'CREATE TRIGGER t AFTER INSERT ON "a;b" BEGIN'],
      [9, 'create temp trigger "end" after delete on q begin select 1; end'],
      [11, 'SELECT 1'],
    ]);
  });

  it('[IM2] gives the same statements however the file is cut into pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: SCRIPT.length }), { maxLength: 40 }), (cuts) => {
        const sorted = [0, ...cuts.toSorted((left, right) => left - right), SCRIPT.length];
        const texts = sorted.slice(1).map((to, at) => SCRIPT.slice(sorted[at], to));
        expect(split(...texts)).toEqual(split(SCRIPT));
      }),
    );
  });
});

describe('statements', () => {
  it('[IM4] takes an INSERT apart at its rows', () => {
    expect(rowsOf("INSERT INTO t(a, b) VALUES (1, ')'), (2, char(10, (3))) ON CONFLICT DO NOTHING")).toEqual({
      head: 'INSERT INTO t(a, b) VALUES',
      tuples: ["(1, ')')", '(2, char(10, (3)))'],
      tail: ' ON CONFLICT DO NOTHING',
    });
  });

  it.each([
    'INSERT INTO t SELECT 1',
    'INSERT INTO t DEFAULT VALUES',
    'INSERT INTO t VALUES ((SELECT max(a) FROM t))',
    'INSERT INTO t VALUES (1',
  ])('[IM4] leaves whole: %s', (text) => expect(rowsOf(text)).toBeNull());

  it('[IM4] binds long literals', () => {
    expect(bindLongLiterals("(1, 'it''s long', x'00ff00ff', 'no')", 8)).toEqual({
      text: "(1, ?, ?, 'no')",
      params: ['"it\'s long"', '{"base64":"AP8A/w=="}'],
    });
  });

  it('[IM3] finds a table and the tables that it refers to', () => {
    expect(
      headingOf(
        'CREATE TABLE IF NOT EXISTS "main".[A b] (x REFERENCES "C""d"(id), FOREIGN KEY (y) REFERENCES e)',
      ),
    ).toEqual({
      kind: 'create-table',
      table: 'a b',
      references: ['c"d', 'e'],
    });
    expect(headingOf('insert or replace into `T`(a) values (1)')).toEqual({ kind: 'insert', table: 't' });
  });
});
