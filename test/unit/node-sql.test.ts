import { describe, expect, it } from 'vitest';
import { all, run, SqlError } from '../../shared/ports.ts';
import { sqlErrorFrom } from '../../shared/sql-errors.ts';
import { indexOfByte, utf8Length } from '../../shared/utf8.ts';
import { NodeSql } from '../simulator/node-sql.ts';

function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return null;
}

describe('SQLite’s errors in the platform’s form', () => {
  it.each([
    ['no such table: x: SQLITE_ERROR', new SqlError('no such table: x', 'other', null)],
    ['near "x": syntax error at offset 7: SQLITE_ERROR', new SqlError('near "x": syntax error', 'other', 7)],
    [
      'UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)',
      new SqlError('UNIQUE constraint failed: t.a', 'constraint', null),
    ],
    [
      'mine: SQLITE_TOOBIG at offset 3: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_TRIGGER)',
      new SqlError('mine: SQLITE_TOOBIG at offset 3', 'constraint', null),
    ],
    ['string or blob too big: SQLITE_TOOBIG', new SqlError('string or blob too big', 'too-big', null)],
    ['something else', new SqlError('something else', 'other', null)],
  ])('reads %s', (message, error) => {
    expect(sqlErrorFrom(message)).toEqual(error);
    expect(sqlErrorFrom(message)).toMatchObject({ kind: error.kind, offset: error.offset });
  });
});

describe('the Sql port over node:sqlite', () => {
  it('binds every form of placeholder by its number', () => {
    const sql = new NodeSql();
    expect(
      all(sql, 'SELECT ?1, :b, ?, typeof(?3), $c::d(e), typeof(?1)', 1, 'x', new Uint8Array([1]), null),
    ).toEqual([[1, 'x', new Uint8Array([1]), 'blob', null, 'real']]);
    expect(errorOf(() => run(sql, 'SELECT ?'))).toBeInstanceOf(SqlError);
  });

  it('gives integers as a Durable Object does, rounded to doubles', () => {
    expect(all(new NodeSql(), 'SELECT 9007199254740993, 1, 1.5')).toEqual([[9007199254740992, 1, 1.5]]);
  });

  it('runs a statement when it is sent, counts what it wrote, and refuses several', () => {
    const sql = new NodeSql();
    run(sql, 'CREATE TABLE t (a UNIQUE)');
    const cursor = sql.exec('INSERT INTO t VALUES (1), (2) RETURNING a');
    expect(cursor.columns).toEqual(['a']);
    expect([...cursor]).toEqual([[1], [2]]);
    expect(cursor.rowsWritten).toBe(2);
    expect(sql.exec('SELECT * FROM t').rowsWritten).toBe(0);
    expect(errorOf(() => sql.exec('SELECT 1; SELECT 2'))).toBeInstanceOf(SqlError);
    expect(errorOf(() => sql.exec('INSERT INTO t VALUES (1)'))).toMatchObject({
      kind: 'constraint',
      message: 'UNIQUE constraint failed: t.a',
    });
  });

  it('closes an unread cursor when the next statement runs', () => {
    const sql = new NodeSql();
    const rows = sql.exec('VALUES (1), (2)')[Symbol.iterator]();
    expect(rows.next().value).toEqual([1]);
    run(sql, 'SELECT 1');
    expect(errorOf(() => rows.next())).toMatchObject({ message: expect.stringContaining('closed') });
  });

  it('undoes an inner transaction alone and an outer one with all in it', () => {
    const sql = new NodeSql();
    run(sql, 'CREATE TABLE t (a)');
    const fail = (value: number) => () => {
      run(sql, 'INSERT INTO t VALUES (?)', value);
      throw new Error('undo');
    };
    sql.transaction(() => {
      run(sql, 'INSERT INTO t VALUES (1)');
      expect(errorOf(() => sql.transaction(fail(2)))).toMatchObject({ message: 'undo' });
    });
    expect(errorOf(() => sql.transaction(() => sql.transaction(fail(3))))).toMatchObject({ message: 'undo' });
    expect(all(sql, 'SELECT a FROM t')).toEqual([[1]]);
  });

  it('has a clock that a test can set, and the platform’s limits', () => {
    let now = 1500;
    const sql = new NodeSql({ now: () => now });
    expect(all(sql, "SELECT unixepoch('subsec'), unixepoch(), unixepoch('1970-01-02')")).toEqual([
      [1.5, 1, 86_400],
    ]);
    now = 2500;
    expect(all(sql, "SELECT unixepoch('subsec'), unixepoch(), unixepoch('1970-01-02')")).toEqual([
      [2.5, 2, 86_400],
    ]);
    expect(errorOf(() => run(sql, `SELECT 1${' + 1'.repeat(101)}`))).toBeInstanceOf(SqlError);
    expect(errorOf(() => run(sql, `SELECT '${'x'.repeat(100_000)}'`))).toMatchObject({ kind: 'too-big' });
  });
});

describe('UTF-8', () => {
  it.each(['', 'abc', 'é', '€x', 'a😀b', '\ud800', 'x\udc00y', '\ud800😀'])(
    'counts the bytes of %j and finds its characters',
    (text) => {
      expect(utf8Length(text)).toBe(Buffer.byteLength(text));
      let at = 0;
      for (const char of text) {
        expect(indexOfByte(text, Buffer.byteLength(text.slice(0, at)))).toBe(at);
        at += char.length;
      }
      expect(indexOfByte(text, 1000)).toBe(text.length);
    },
  );
});
