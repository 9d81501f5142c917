import { beforeEach, describe, expect, it } from 'vitest';
import { SQL_BYTES_MAX } from '../../shared/limits.ts';
import { all, run, type Sql, SqlError } from '../../shared/ports.ts';
import { Inspector } from '../../shared/tables/inspect.ts';
import { type ParsedStatement, parseStatement } from '../../shared/tables/statement.ts';
import type { NodeSql } from '../simulator/node-sql.ts';
import { guardedStore, refusalOf } from './guarded-store.ts';

/** A statement with other words to plan than the ones the guard looked at: as if the guard had not noticed. */
function unnoticed(sql: string): ParsedStatement {
  const parsed = parseStatement('SELECT 1');
  const kind = /^(CREATE|DROP|ALTER)/.test(sql) ? 'schema' : 'write';
  return { ...parsed, kind, verb: 'OTHER', text: sql, plan: { text: sql, parameterCount: 0, from: 0 } };
}

describe('the inspector', () => {
  let sql: NodeSql;
  let inspector: Inspector;
  beforeEach(() => {
    sql = guardedStore();
    inspector = new Inspector(sql);
  });

  it.each([
    ['SELECT 1', false],
    ['SELECT * FROM t, v WHERE t.id = v.id', false],
    ['SELECT * FROM sqlite_master', false],
    ['SELECT count(*) FROM main.sqlite_schema WHERE name = ?', false],
    ["SELECT * FROM pragma_table_info('t'), sqlite_sequence, json_each('[1]')", false],
    ['WITH w AS (SELECT 1) SELECT * FROM w', false],
    ['PRAGMA table_info(t)', false],
    ['PRAGMA defer_foreign_keys = ON', false],
    ['EXPLAIN DELETE FROM t', false],
    ['EXPLAIN QUERY PLAN SELECT * FROM sqlite_master', false],
    ['INSERT INTO t (a) VALUES (?)', true],
    ['INSERT INTO u (a) VALUES (1) RETURNING *', true],
    ['REPLACE INTO u VALUES (1, 2)', true],
    ['WITH w AS (SELECT 1) UPDATE t SET a = (SELECT * FROM w)', true],
    ['DELETE FROM t', true],
    ['DELETE FROM parent', true],
    ['INSERT INTO t (a) SELECT name FROM sqlite_master', true],
    ['UPDATE sqlite_sequence SET seq = 9', true],
    ['CREATE TABLE w (a REFERENCES t)', true],
    ['CREATE TABLE w AS SELECT * FROM t', true],
    ['CREATE INDEX w ON t (a)', true],
    ['CREATE TRIGGER w AFTER DELETE ON t BEGIN DELETE FROM u; END', true],
    ['ALTER TABLE t RENAME TO w', true],
    ['ALTER TABLE t ADD COLUMN c DEFAULT 1', true],
    ['ALTER TABLE t RENAME COLUMN a TO c', true],
    ['DROP TABLE parent', true],
    ['DROP TRIGGER u_to_t', true],
    ['DROP TABLE IF EXISTS missing', false],
    ['DROP TRIGGER IF EXISTS missing', false],
    ['CREATE TABLE IF NOT EXISTS t (a)', false],
    ['CREATE INDEX IF NOT EXISTS missing ON t (a)', true],
    ['DROP VIEW v', true],
    ['ANALYZE', true],
    ['REINDEX t', true],
  ])('[SG14] lets %s through and knows whether it writes', (text, writes) => {
    expect(inspector.inspect(parseStatement(text))).toEqual({ writes });
  });

  it.each([
    'SELECT * FROM _tidemark_changes',
    'INSERT INTO t (a) SELECT line FROM _tidemark_changes',
    "INSERT INTO _tidemark_changes (time, line) VALUES (1, 'x')",
    'INSERT INTO u (a) SELECT key FROM _cf_KV',
    'UPDATE t SET a = (SELECT max(id) FROM _tidemark_changes)',
    'DELETE FROM _tidemark_changes',
    'DELETE FROM _tidemark_changes WHERE id = 1',
    'SELECT * FROM sqlite_schema',
    'SELECT * FROM _tidemark_triggers',
    'SELECT * FROM _tidemark_schema',
    'CREATE TABLE w AS SELECT * FROM _tidemark_changes',
    'CREATE INDEX w ON _tidemark_changes (time)',
    'DROP TABLE _tidemark_meta',
    'INSERT OR ROLLBACK INTO u VALUES (1, 2)',
    'BEGIN',
    'SAVEPOINT a',
    'VACUUM',
  ])('[SG14] refuses %s by its plan alone', (text) => {
    expect(refusalOf(() => inspector.inspect(unnoticed(text)))?.code).toBe('sql-not-allowed');
  });

  it('[SG14] refuses what a view or a trigger of any name reaches, though its own triggers reach it too', () => {
    run(sql, 'CREATE VIEW w AS SELECT * FROM _tidemark_changes');
    run(
      sql,
      'CREATE TRIGGER child_insert AFTER INSERT ON child BEGIN INSERT INTO _tidemark_changes (time, line) VALUES (1, 2); END',
    );
    run(sql, 'CREATE TRIGGER parent_delete AFTER DELETE ON parent BEGIN SELECT RAISE(ROLLBACK, 1); END');
    for (const text of ['SELECT * FROM w', 'INSERT INTO child VALUES (1, NULL)', 'DELETE FROM parent']) {
      expect(refusalOf(() => inspector.inspect(parseStatement(text)))?.code).toBe('sql-not-allowed');
    }
    expect(inspector.inspect(parseStatement('DELETE FROM child'))).toEqual({ writes: true });
  });

  it('[SG14] gives only the users’ view to a statement that reads sqlite_master', () => {
    const parsed = parseStatement('SELECT name FROM sqlite_master, u');
    const text = 'SELECT name FROM _tidemark_schema, _tidemark_meta';
    expect(
      refusalOf(() => inspector.inspect({ ...parsed, plan: { text, parameterCount: 0, from: 0 } }))?.code,
    ).toBe('sql-not-allowed');
    expect(
      all(sql, parseStatement("SELECT count(*) FROM sqlite_master WHERE name LIKE '%tidemark%'").text),
    ).toEqual([[0]]);
  });

  it('looks a text up once, until the schema changes', () => {
    let explained = 0;
    const counting: Sql = {
      exec: (text, ...bindings) => {
        if (text.startsWith('EXPLAIN')) explained += 1;
        return sql.exec(text, ...bindings);
      },
      transaction: (work) => sql.transaction(work),
    };
    const cached = new Inspector(counting);
    const parsed = parseStatement('SELECT * FROM t');
    cached.inspect(parsed);
    cached.inspect(parsed);
    expect(explained).toBe(1);
    run(sql, 'DROP TABLE t');
    run(sql, 'CREATE VIEW t AS SELECT * FROM _tidemark_meta');
    cached.forget();
    expect(refusalOf(() => cached.inspect(parsed))?.code).toBe('sql-not-allowed');
    run(sql, 'DROP VIEW t');
    run(sql, 'CREATE VIEW t AS SELECT 1');
    expect(new Inspector(sql).inspect(parsed)).toEqual({ writes: false });
  });

  it('looks at an import’s rows once: texts that differ in literals share a verdict', () => {
    const insert = (from: number) =>
      parseStatement(
        `INSERT INTO t (a, b) VALUES ${Array.from({ length: 500 }, (_, i) => `(${from + i}, 'x;--')`).join(', ')} ON CONFLICT DO NOTHING`,
      );
    expect(insert(0).plan?.text).toBe('INSERT INTO t (a, b) VALUES (NULL,NULL) ON CONFLICT DO NOTHING');
    expect(insert(7).plan?.text).toBe(insert(0).plan?.text);
    expect(inspector.inspect(insert(0))).toEqual({ writes: true });
  });

  it('[SG14] looks at every row where rows hold more than literals', () => {
    const rows = Array.from({ length: 100 }, () => "(1, 'x')").join(', ');
    const parsed = parseStatement(`INSERT INTO t (a, b) VALUES ${rows}, (1, (SELECT a FROM u)), ${rows}`);
    expect(parsed.plan?.text).toBe(parsed.text);
  });

  it('[SG8] plans a statement of 100,000 bytes, too long with EXPLAIN before it', () => {
    const padding = (start: string, end: string) =>
      start + 'x'.repeat(SQL_BYTES_MAX - start.length - end.length) + end;
    const texts = [
      padding("SELECT '", "' FROM t"),
      padding("INSERT INTO t (a) VALUES ('", "')"),
      padding("UPDATE t SET a = '", "'"),
      padding('SELECT 1 /*', '*/ FROM t'),
      `SELECT 1 IN (${'1,'.repeat(40)}2)${' '.repeat(99_870)} FROM t`.padEnd(SQL_BYTES_MAX),
    ];
    for (const text of texts) {
      expect(inspector.inspect(parseStatement(text))).toEqual({ writes: !text.startsWith('SELECT') });
      run(sql, parseStatement(text).text);
    }
  });

  it('[SG7] gives SQLite’s error for what cannot be planned', () => {
    expect(() => inspector.inspect(parseStatement('SELECT * FROM nowhere'))).toThrow(
      new SqlError('no such table: nowhere', 'other', null),
    );
    expect(() => inspector.inspect(parseStatement('SELECT 1 1'))).toThrow(SqlError);
  });

  it.each([
    ['SELECT é é é', 'SELECT é é '],
    ["/* é */ SELECT 'é' FROM sqlite_master x y", "/* é */ SELECT 'é' FROM sqlite_master x "],
    ['SELECT 1 FROM y y y, sqlite_master', 'SELECT 1 FROM y y '],
    ['EXPLAIN QUERY PLAN SELECT é é é', 'EXPLAIN QUERY PLAN SELECT é é '],
  ])('[SG7] says where in the user’s own text the error of %s is', (text, before) => {
    const parsed = parseStatement(text);
    const planned = parsed.plan?.text ?? '';
    const word = planned.startsWith('SELECT 1') ? ' y,' : (/ \S+$/.exec(planned)?.[0] ?? '');
    const failing: Sql = {
      exec: (explain) => {
        throw new SqlError(
          'syntax error',
          'other',
          Buffer.byteLength(explain.slice(0, explain.lastIndexOf(word) + 1)),
        );
      },
      transaction: (work) => work(),
    };
    expect(() => new Inspector(failing).inspect(parsed)).toThrow(
      expect.objectContaining({ offset: Buffer.byteLength(before) }),
    );
  });
});
