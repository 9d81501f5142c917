import { describe, expect, it } from 'vitest';
import { SQL_BYTES_MAX } from '../../shared/limits.ts';
import { publicMessage } from '../../shared/tables/reserved.ts';
import { parseStatement, StatementCache } from '../../shared/tables/statement.ts';
import { refusalOf } from './guarded-store.ts';

function kindOf(sql: string): string {
  const { kind, verb } = parseStatement(sql);
  return `${kind} ${verb}`;
}

describe('kinds of statements', () => {
  it.each([
    ['select 1', 'read SELECT'],
    [' ; -- x\n /* y */ Select 1 ; ; /* z', 'read SELECT'],
    ['VALUES (1), (2)', 'read VALUES'],
    ['WITH a AS (SELECT 1), b(x, y) AS NOT MATERIALIZED (SELECT (2), 3) SELECT * FROM a, b', 'read SELECT'],
    ['WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) VALUES (1)', 'read VALUES'],
    ['WITH recursive AS (SELECT 1) SELECT * FROM recursive', 'read SELECT'],
    ['WITH replace AS (SELECT 1) SELECT * FROM replace', 'read SELECT'],
    ['WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a', 'write INSERT'],
    ['with a as materialized (delete) update t set a = 1', 'write UPDATE'],
    ['INSERT OR IGNORE INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1 RETURNING *', 'write INSERT'],
    ['REPLACE INTO t VALUES (1)', 'write REPLACE'],
    ['DELETE FROM t', 'write DELETE'],
    ['EXPLAIN SELECT 1', 'read EXPLAIN'],
    ['EXPLAIN QUERY PLAN WITH a AS (SELECT 1) DELETE FROM t', 'read EXPLAIN'],
    ['CREATE TABLE t (a)', 'schema CREATE'],
    ['CREATE UNIQUE INDEX i ON t (a)', 'schema CREATE'],
    ['CREATE VIEW v AS SELECT 1', 'schema CREATE'],
    ['ALTER TABLE t ADD COLUMN b', 'schema ALTER'],
    ['DROP TRIGGER IF EXISTS x', 'schema DROP'],
    ['ANALYZE', 'schema ANALYZE'],
    ['REINDEX t', 'schema REINDEX'],
    ['PRAGMA table_info(t)', 'read PRAGMA'],
    ['PRAGMA main."Index_List"(\'t\')', 'read PRAGMA'],
    ['PRAGMA foreign_key_check', 'read PRAGMA'],
    ['PRAGMA quick_check', 'read PRAGMA'],
    ['PRAGMA defer_foreign_keys = ON', 'setting PRAGMA'],
    ['pragma Defer_Foreign_Keys(0);', 'setting PRAGMA'],
  ])('[SG1] tells from the words what %s is', (sql, kind) => {
    expect(kindOf(sql)).toBe(kind);
  });

  it('[SG2] runs the statement alone, without what stands around it', () => {
    expect(parseStatement(' ; -- x\n SELECT /* a */ 1 -- y\n ; -- z').text).toBe('SELECT /* a */ 1');
  });

  it.each([
    ['CREATE TABLE a AS SELECT 1', true],
    ['CREATE TABLE IF NOT EXISTS main."a" AS SELECT 1', true],
    ['CREATE TABLE a (b AS (1))', false],
    ['CREATE VIEW a AS SELECT 1', false],
  ])('knows whether %s makes a table of a query', (sql, expected) => {
    expect(parseStatement(sql).createsTableAs).toBe(expected);
  });
});

describe('triggers', () => {
  it.each([
    'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END',
    'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; SELECT CASE WHEN 1 THEN 2 END; UPDATE t SET a = CASE a WHEN 1 THEN 2 END; END',
    'CREATE TRIGGER begin AFTER UPDATE OF "end" ON t WHEN NEW.a BEGIN INSERT INTO t (begin, end) VALUES (NEW.begin, NEW.end); END',
  ])('[SG3] takes %s as one statement', (sql) => {
    expect(parseStatement(`${sql} ; `).text).toBe(sql);
  });

  it.each([
    'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END; DROP TABLE t',
    'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END; SELECT 1; END',
    'CREATE TRIGGER x AFTER INSERT ON t; DROP TABLE t',
    'CREATE TABLE x (a); SELECT 1; END',
  ])('[SG3] refuses %s as several statements', (sql) => {
    expect(refusalOf(() => parseStatement(sql))).toMatchObject({
      code: 'sql-not-allowed',
      detail: expect.stringContaining('several statements'),
    });
  });
});

describe('statements that are refused', () => {
  it.each([
    ['', 'no statement'],
    [' ; -- x', 'no statement'],
    ['SELECT 1; SELECT 2', 'the second starts with SELECT, at character 11'],
    ['EXPLAIN SELECT 1; DROP TABLE t', 'several statements'],
  ])('[SG3] refuses %j: it must be exactly one', (sql, words) => {
    expect(refusalOf(() => parseStatement(sql))).toMatchObject({
      code: 'sql-not-allowed',
      detail: expect.stringContaining(words),
    });
  });

  it.each([
    'BEGIN',
    'begin immediate',
    'COMMIT',
    'END',
    'ROLLBACK',
    'SAVEPOINT a',
    'RELEASE a',
    "ATTACH 'x' AS y",
    'DETACH y',
    'VACUUM',
    'EXPLAIN BEGIN',
    'EXPLAIN PRAGMA table_info(t)',
    'EXPLAIN CREATE TABLE x (a)',
    'CREATE TEMP TABLE x (a)',
    'CREATE TEMPORARY TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END',
    'CREATE TABLE temp.x (a)',
    'DROP TABLE IF EXISTS "Temp".x',
    'CREATE VIRTUAL TABLE x USING fts5(a)',
    'CREATE TABLE x AS SELECT ?',
  ])('[SG4] refuses %s', (sql) => {
    expect(refusalOf(() => parseStatement(sql))?.code).toBe('sql-not-allowed');
  });

  it.each([
    'INSERT OR ROLLBACK INTO t VALUES (1)',
    'UPDATE or /* x */ rollback t SET a = 1',
    'INSERT INTO t VALUES (1) ON CONFLICT ROLLBACK',
    'CREATE TABLE x (a UNIQUE ON CONFLICT -- y\n ROLLBACK)',
    'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT raise /**/ ( /**/ rollback , 1); END',
  ])('[SG5] refuses %s: it would end the transaction', (sql) => {
    expect(refusalOf(() => parseStatement(sql))).toMatchObject({
      code: 'sql-not-allowed',
      detail: expect.stringContaining('ABORT'),
    });
  });

  it("[SG5] takes the word ROLLBACK in a string or as a column's name", () => {
    expect(kindOf("INSERT INTO t (rollback) VALUES ('OR ROLLBACK')")).toBe('write INSERT');
  });

  it.each([
    'PRAGMA foreign_keys = OFF',
    'PRAGMA foreign_keys',
    'PRAGMA recursive_triggers(0)',
    'PRAGMA table_list',
    'PRAGMA table_info',
    'PRAGMA table_info = t',
    'PRAGMA table_info(_tidemark_changes)',
    "PRAGMA table_info('_CF_KV')",
    'PRAGMA temp.table_info(t)',
    'PRAGMA defer_foreign_keys',
    'PRAGMA defer_foreign_keys = 2',
    'PRAGMA main.defer_foreign_keys = 1',
    'PRAGMA writable_schema = 1',
    'PRAGMA integrity_check',
  ])('[SG6] refuses %s', (sql) => {
    expect(refusalOf(() => parseStatement(sql))?.code).toBe('sql-not-allowed');
  });

  it.each([
    ['SELEC 1', 'near "SELEC": syntax error', 0],
    ['é SELECT', 'near "é": syntax error', 0],
    ['SELECT "é", \'x', 'unrecognized token: "\'x"', 13],
    ['CREATE FOO x', 'near "FOO": syntax error', 7],
    ['PRAGMA table_info(t) x', 'near "x": syntax error', 21],
    ['WITH a AS (SELECT 1) PRAGMA table_info(t)', 'near "PRAGMA": syntax error', 21],
  ])('[SG7] says of %s what SQLite says, and where', (sql, detail, offset) => {
    expect(refusalOf(() => parseStatement(sql))).toEqual({ code: 'sql-error', detail, offset });
  });

  it('[SG7] says of a statement that ends too early that it does', () => {
    for (const sql of ['WITH a', 'WITH a AS (', 'CREATE', 'PRAGMA', 'EXPLAIN']) {
      expect(refusalOf(() => parseStatement(sql))).toEqual({ code: 'sql-error', detail: 'incomplete input' });
    }
  });

  it('[SG8] takes 100,000 bytes and refuses one more', () => {
    const text = (bytes: number) => `SELECT '${'é'.repeat((bytes - 10) / 2)}x'`;
    expect(kindOf(text(SQL_BYTES_MAX))).toBe('read SELECT');
    expect(refusalOf(() => parseStatement(`${text(SQL_BYTES_MAX)} `))).toMatchObject({
      code: 'too-large',
      limit: SQL_BYTES_MAX,
    });
  });

  it('[SG8] refuses a NUL, behind which SQLite would not read, and half a surrogate pair', () => {
    expect(refusalOf(() => parseStatement("SELECT 1\0; 'x"))?.code).toBe('sql-not-allowed');
    expect(refusalOf(() => parseStatement("SELECT '\ud800'"))?.code).toBe('invalid-request');
  });
});

describe('names', () => {
  it.each([
    'SELECT * FROM _tidemark_changes',
    'SELECT "_TideMark_x" FROM t',
    'SELECT * FROM [_cf_KV]',
    'SELECT 1 AS `_tidemark_x`',
    "SELECT * FROM '_tidemark_changes'",
    "SELECT * FROM t, ((t JOIN '_tidemark_changes'))",
    "SELECT * FROM t WHERE a IN '_tidemark_changes'",
    "SELECT * FROM main . '_cf_KV'",
    "INSERT INTO '_tidemark_changes' VALUES (1)",
    "UPDATE OR IGNORE '_tidemark_changes' SET a = 1",
    "DELETE FROM '_tidemark_changes'",
    "CREATE TABLE '_tidemark_x' (a)",
    "ALTER TABLE t RENAME TO '_tidemark_x'",
    "CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM '_tidemark_changes'; END",
    'SELECT * FROM sqlite_temp_master',
    'SELECT * FROM sqlite_stat1',
    'SELECT * FROM pragma_table_list',
    "SELECT * FROM 'pragma_function_list'",
    "SELECT * FROM pragma_table_info('_tidemark_changes')",
    'CREATE VIEW x AS SELECT * FROM sqlite_master',
    'DROP TABLE "SQLite_Schema"',
  ])('[SG9] refuses %s', (sql) => {
    expect(refusalOf(() => parseStatement(sql))?.code).toBe('sql-not-allowed');
  });

  it.each([
    "SELECT '_tidemark_x', '_cf_x' FROM t WHERE a IN ('_tidemark_x', 'sqlite_master') AND b IS NOT DISTINCT FROM (1, '_cf_x')",
    "SELECT name FROM t WHERE name NOT LIKE '_cf_%' AND name <> 'sqlite_stat1'",
    "INSERT INTO t VALUES ('_tidemark_x', 'pragma_table_list')",
    "UPDATE t SET a = '_tidemark_x', b = '_cf_x' FROM u WHERE u.a = '_tidemark_x'",
    'SELECT x_tidemark_ FROM tidemark_x, cf_x, _cf',
    "SELECT * FROM pragma_table_info('t'), PRAGMA_index_list('t')",
    'INSERT INTO sqlite_sequence VALUES (1, 2)',
  ])('[SG9] takes %s as it is', (sql) => {
    expect(parseStatement(sql).text).toBe(sql);
  });

  it('[SG10] reads the users’ view wherever SQLite’s schema table is named', () => {
    const { text, readsSchema } = parseStatement(
      `SELECT main.SQLITE_MASTER.name, 'sqlite_master' FROM main . "sqlite_schema", [sqlite_master], 'sqlite_schema' x`,
    );
    expect(text).toBe(
      `SELECT main._tidemark_schema.name, 'sqlite_master' FROM main . "_tidemark_schema", "_tidemark_schema", "_tidemark_schema" x`,
    );
    expect(readsSchema).toBe(true);
    expect(publicMessage('no such column: _tidemark_schema.x')).toBe('no such column: sqlite_master.x');
  });
});

describe('the cache of statements', () => {
  it('gives the same parsed statement for the same text, and forgets the text used least lately', () => {
    const cache = new StatementCache();
    const first = cache.parse('SELECT 1');
    expect(cache.parse('SELECT 1')).toBe(first);
    for (let i = 0; i < 1000; i += 1) cache.parse(`SELECT ${i}, 2`);
    expect(cache.parse('SELECT 999, 2')).toBe(cache.parse('SELECT 999, 2'));
    expect(cache.parse('SELECT 1')).not.toBe(first);
  });

  it('refuses again what it refused', () => {
    const cache = new StatementCache();
    expect(refusalOf(() => cache.parse('BEGIN'))).toEqual(refusalOf(() => cache.parse('BEGIN')));
  });
});
