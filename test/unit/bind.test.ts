import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { all, run } from '../../shared/ports.ts';
import { bindStatement, columnName } from '../../shared/tables/bind.ts';
import { parseStatement } from '../../shared/tables/statement.ts';
import type { SqlParam } from '../../shared/tables/values.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { refusalOf } from './guarded-store.ts';

function bound(sql: string, ...params: SqlParam[]) {
  return bindStatement(parseStatement(sql), params);
}

describe('bound values', () => {
  const sql = new NodeSql();
  run(sql, 'CREATE TABLE t (id INTEGER PRIMARY KEY, untyped, txt TEXT, num NUMERIC, rl REAL, blb BLOB)');
  run(
    sql,
    "INSERT INTO t VALUES (1, 5, '5', 5, 5, 5), (2, '5', '5.0', 5.5, 5.5, '5'), (3, 5.0, 'x', 'x', 6, x'35')",
  );

  function rows(text: string, ...params: SqlParam[]) {
    const { text: boundText, bindings } = bound(text, ...params);
    return all(sql, boundText, ...bindings);
  }

  it.each<[SqlParam, string, string]>([
    [5n, 'integer', '5'],
    [9223372036854775807n, 'integer', '9223372036854775807'],
    [-9223372036854775808n, 'integer', '-9223372036854775808'],
    [9007199254740993n, 'integer', '9007199254740993'],
    [5, 'real', '5.0'],
    [-0.5, 'real', '-0.5'],
    ['5', 'text', '5'],
    ['a\0b', 'text', 'a\0b'],
    [new Uint8Array([65]), 'blob', 'A'],
    [null, 'null', 'none'],
  ])('[SG11] binds %s as %s, exactly', (param, type, text) => {
    expect(rows("SELECT typeof(?1), ifnull(CAST(?1 AS TEXT), 'none')", param)).toEqual([[type, text]]);
  });

  it('[SG11] keeps the types of columns with and without affinity', () => {
    expect(
      rows(
        'SELECT typeof(untyped), typeof(txt), typeof(num), typeof(rl), typeof(blb) FROM (SELECT * FROM t WHERE id = ?)',
        1n,
      ),
    ).toEqual([['integer', 'text', 'integer', 'real', 'integer']]);
  });

  it.each([
    'SELECT id FROM t WHERE untyped = ?1 ORDER BY id',
    'SELECT id FROM t WHERE ?1 = txt ORDER BY id',
    'SELECT id FROM t WHERE num IN (?1, 7) ORDER BY id',
    'SELECT id FROM t WHERE ?1 IN (txt) ORDER BY id',
    'SELECT id FROM t WHERE ?1 IN (SELECT txt FROM t) ORDER BY id',
    'SELECT id FROM t WHERE blb BETWEEN ?1 AND ?1 ORDER BY id',
    "SELECT id, ?1 = '5', ?1 < 'a', typeof(?1), -?1, ?1 || '', CASE ?1 WHEN '5' THEN 1 WHEN 5 THEN 2 END FROM t ORDER BY id",
    'SELECT id FROM t ORDER BY id LIMIT ?1 - 3 OFFSET ?1 - 4',
    'SELECT id FROM t ORDER BY ?1, id DESC',
    'SELECT sum(num) OVER (ORDER BY id ROWS BETWEEN ?1 PRECEDING AND ?1 - 4 FOLLOWING) FROM t',
    'SELECT sum(num) OVER (ORDER BY id RANGE BETWEEN ?1 PRECEDING AND CURRENT ROW) FROM t',
    'SELECT count(*) FROM t GROUP BY ?1',
    'SELECT value FROM json_each(json_array(?1)), (VALUES (?1))',
    'SELECT txt COLLATE NOCASE = ?1, ?1 IS num, ?1 LIKE 5 FROM t ORDER BY id',
    'SELECT min(?1, txt), coalesce(NULL, ?1), nullif(?1, 5), iif(?1, 1, 0), round(?1 / 2) FROM t ORDER BY id',
    'SELECT *, ?1 FROM (SELECT ?1 AS x) WHERE x = ?1',
    'UPDATE t SET txt = ?1, untyped = ?1, rl = ?1, blb = ?1 RETURNING *, typeof(txt), typeof(untyped), typeof(rl), typeof(blb)',
    'INSERT INTO t (untyped, txt, num) VALUES (?1, ?1, ?1) RETURNING untyped, typeof(untyped), txt, typeof(num)',
    'INSERT INTO t (id) VALUES (?1) ON CONFLICT (id) DO UPDATE SET num = ?1 WHERE id = ?1 RETURNING *',
  ])('[SG11] gives for an integer in %s what SQLite gives for its own', (text) => {
    const native = sql.database.prepare(text);
    native.setReturnArrays(true);
    const undone = (work: () => unknown) => {
      sql.database.exec('BEGIN');
      try {
        return work();
      } finally {
        sql.database.exec('ROLLBACK');
      }
    };
    expect(undone(() => rows(text, 5n))).toEqual(undone(() => native.all({ '?1': 5n })));
  });

  it('[SG11] looks an integer up by the same index as SQLite’s own', () => {
    const plan = (text: string) => all(sql, `EXPLAIN QUERY PLAN ${text}`, '1').map((row) => row[3]);
    run(sql, 'CREATE INDEX by_untyped ON t (untyped)');
    for (const text of [
      'SELECT * FROM t WHERE id = ?',
      'SELECT * FROM t WHERE untyped > ?',
      'DELETE FROM t WHERE id IN (?)',
    ]) {
      expect(plan(bound(text, 1n).text)).toEqual(plan(text));
    }
  });

  it('[SG11] holds for every placeholder form', () => {
    expect(rows('SELECT ?, ?3, :a, ?2, $b::c(d), @e, :a', 1n, 'two', 3n, null, 5n, 6)).toEqual([
      [1, 3, null, 'two', 5, 6, null],
    ]);
  });

  it('[SG11] gives any 64-bit integer back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (integer) => {
        expect(rows('SELECT CAST(? AS TEXT)', integer)).toEqual([[String(integer)]]);
      }),
    );
  });

  it.each<[string, SqlParam[]]>([
    ['SELECT 1', [1]],
    ['SELECT ?', []],
    ['SELECT ?, ?', [1]],
    ['SELECT ?3', [1, 2]],
    ['SELECT :a, :b, :a', [1, 2, 3]],
  ])('[SG12] refuses a number of parameters other than the placeholders’: %s', (text, params) => {
    expect(refusalOf(() => bound(text, ...params))).toMatchObject({
      code: 'invalid-request',
      detail: expect.stringMatching(new RegExp(`\\b${params.length} values`)),
    });
  });

  it('[SG12] takes 100 parameters and refuses 101', () => {
    const text = (count: number) => `SELECT ${Array.from({ length: count }, () => '?').join(' + ')}`;
    expect(bound(text(100), ...Array.from({ length: 100 }, () => 1n)).bindings).toHaveLength(100);
    expect(refusalOf(() => bound(text(101), ...Array.from({ length: 101 }, () => 1n)))).toMatchObject({
      code: 'too-large',
      limit: 100,
    });
    expect(refusalOf(() => bound('SELECT ?101', 1))).toMatchObject({ code: 'too-large', limit: 100 });
    expect(refusalOf(() => bound('SELECT ?99999999999999999999', 1))).toMatchObject({
      code: 'too-large',
      limit: 100,
    });
  });

  it('[SG12] refuses ?0, integers beyond 64 bits and halves of surrogate pairs', () => {
    expect(refusalOf(() => bound('SELECT ?', 2n ** 63n))?.code).toBe('invalid-request');
    expect(refusalOf(() => bound('SELECT ?', -(2n ** 63n) - 1n))?.code).toBe('invalid-request');
    expect(refusalOf(() => bound('SELECT ?', 'a\udc00'))).toMatchObject({
      code: 'invalid-request',
      detail: expect.stringContaining('params[0]'),
    });
  });
});

describe('texts', () => {
  it('keeps one text for a placeholder that takes integers and NULLs', () => {
    const parsed = parseStatement('INSERT INTO t VALUES (?, ?)');
    const { text } = bindStatement(parsed, [1n, 'x']);
    expect(bindStatement(parsed, [2n, null]).text).toBe(text);
    expect(bindStatement(parsed, [null, 'y']).text).toBe(text);
    expect(bindStatement(parsed, ['x', 'y']).text).toBe(parsed.text);
  });

  it.each([
    ['SELECT ?, ?2 + 1, lower(:a)', ['?', '?2 + 1', 'lower(:a)']],
    ['SELECT (+CAST(? AS INTEGER)), $a(b) IS NULL, 1', ['(+CAST(? AS INTEGER))', '$a(b) IS NULL', '1']],
    [
      'SELECT max(sqlite_master.name), sqlite_master.type, ? FROM sqlite_master',
      ['max(sqlite_master.name)', 'type', '?'],
    ],
  ])('[SG13] names the columns of %s as if the text had been run as it is', (text, expected) => {
    const sql = new NodeSql();
    run(sql, 'CREATE VIEW _tidemark_schema AS SELECT * FROM sqlite_schema');
    const parsed = parseStatement(text);
    const { text: boundText, bindings } = bindStatement(
      parsed,
      Array.from({ length: parsed.parameters.count }, () => 1n),
    );
    expect(sql.exec(boundText, ...bindings).columns.map(columnName)).toEqual(expected);
  });
});
