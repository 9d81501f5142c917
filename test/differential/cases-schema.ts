import type { Step } from './harness.ts';
import { done, failing, refused } from './step.ts';

const names = (count: number) => Array.from({ length: count }, (_, i) => `c${i}`);

function wide(table: string, count: number, key: string): Step[] {
  const columns = names(count);
  const values = columns.map((_, i) => (i % 7 === 0 ? `x'0${i % 10}'` : i % 5 === 0 ? 'NULL' : `'v${i}'`));
  return [
    done(`CREATE TABLE ${table} (${key}${columns.join(', ')})`),
    done(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${values.join(', ')}), (${values.toReversed().join(', ')})`,
    ),
    done(`UPDATE ${table} SET c0 = 5, c${count - 1} = x'ff'`),
    done(`INSERT INTO ${table} (c1) VALUES (1)`, `UPDATE ${table} SET c0 = c1`),
    done(`DELETE FROM ${table} WHERE c1 = 1`),
  ];
}

export const SCHEMA_CASES: Readonly<Record<string, readonly Step[]>> = {
  'ALTER TABLE in all its forms': [
    done(
      'CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)',
      'INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)',
      'CREATE INDEX i ON t (a)',
      'CREATE VIEW v AS SELECT a, b FROM t',
    ),
    done("ALTER TABLE t ADD COLUMN c DEFAULT 'd'"),
    done('ALTER TABLE t ADD COLUMN d INT NOT NULL DEFAULT 5', "ALTER TABLE t ADD e TEXT DEFAULT '5'"),
    done('UPDATE t SET a = 9 WHERE id = 1'),
    done('INSERT INTO t (id, a, c) VALUES (3, 3, NULL)'),
    done('ALTER TABLE t RENAME COLUMN a TO aa', 'SELECT * FROM v'),
    done('ALTER TABLE t RENAME b TO "b b"'),
    done('UPDATE t SET aa = 1, "b b" = aa, c = 2'),
    done('ALTER TABLE t DROP COLUMN c', 'INSERT INTO t (aa) VALUES (7)'),
    failing('sql-error', 'ALTER TABLE t DROP COLUMN aa'),
    done('ALTER TABLE t RENAME TO "T two"', 'INSERT INTO "T two" (aa) VALUES (8)', 'SELECT * FROM v'),
    failing('sql-error', 'ALTER TABLE "T two" RENAME TO "t TWO"'),
    failing('sql-error', 'ALTER TABLE nowhere RENAME TO x'),
    done('ALTER TABLE "t two" ADD COLUMN g AS (aa || d)', 'UPDATE "t two" SET d = 6'),
    failing('sql-error', 'ALTER TABLE "t two" ADD COLUMN h NOT NULL'),
    done('ALTER TABLE "t two" ADD COLUMN k REFERENCES "t two" (id)', 'UPDATE "t two" SET k = id'),
  ],
  'renaming with keys, triggers and views that name it': [
    done(
      'CREATE TABLE p (id INTEGER PRIMARY KEY, k UNIQUE)',
      'CREATE TABLE c (p REFERENCES p (k) ON UPDATE CASCADE ON DELETE CASCADE)',
      "INSERT INTO p VALUES (1, 'a')",
      "INSERT INTO c VALUES ('a')",
    ),
    done(
      'CREATE TRIGGER x AFTER UPDATE ON p BEGIN INSERT INTO c VALUES (NULL); UPDATE p SET id = id + 1 WHERE k = NEW.k AND id < 5; END',
      'CREATE VIEW v AS SELECT p.k FROM p JOIN c ON c.p = p.k',
    ),
    done('ALTER TABLE p RENAME TO parents', "UPDATE parents SET k = 'b'"),
    done('ALTER TABLE parents RENAME COLUMN k TO name', "UPDATE parents SET name = 'c'", 'SELECT * FROM v'),
    done(
      'ALTER TABLE c RENAME p TO parent',
      'DELETE FROM parents',
      'SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name',
    ),
  ],
  'DROP and create again': [
    done(
      'CREATE TABLE t (a PRIMARY KEY, b)',
      'INSERT INTO t VALUES (1, 1)',
      'CREATE INDEX i ON t (b)',
      'CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM t; END',
    ),
    done('DROP TABLE t'),
    done('CREATE TABLE t (b, a INTEGER PRIMARY KEY)', 'INSERT INTO t VALUES (1, 2)'),
    done(
      'DROP TABLE IF EXISTS t',
      'DROP TABLE IF EXISTS t',
      'CREATE TABLE IF NOT EXISTS t (x)',
      'CREATE TABLE IF NOT EXISTS t (y)',
      'INSERT INTO t VALUES (3)',
    ),
    failing('sql-error', 'CREATE TABLE t (z)'),
    done(
      'CREATE INDEX i ON t (x)',
      'DROP INDEX i',
      'DROP INDEX IF EXISTS i',
      'CREATE UNIQUE INDEX i ON t (x)',
    ),
    failing('constraint', 'INSERT INTO t VALUES (3)'),
    done('INSERT INTO t VALUES (4)'),
    done(
      'DROP TABLE t',
      'CREATE TABLE t (x, y, PRIMARY KEY (x)) WITHOUT ROWID',
      'INSERT INTO t VALUES (1, 1)',
      'UPDATE t SET y = 2',
    ),
    done('DROP TABLE t', 'CREATE VIEW t AS SELECT 1 AS one', 'SELECT * FROM t', 'DROP VIEW t'),
  ],
  'DROP of a parent acts on its children': [
    done(
      'CREATE TABLE p (id INTEGER PRIMARY KEY)',
      'CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE)',
      'CREATE TABLE n (p REFERENCES p ON DELETE SET NULL)',
      'CREATE TABLE log (x)',
    ),
    done(
      'CREATE TRIGGER x AFTER DELETE ON c BEGIN INSERT INTO log VALUES (OLD.id); END',
      'CREATE TRIGGER y AFTER UPDATE ON n BEGIN INSERT INTO log VALUES (OLD.p); END',
    ),
    done(
      'INSERT INTO p VALUES (1), (2)',
      'INSERT INTO c VALUES (1, 1), (2, 2), (3, NULL)',
      'INSERT INTO n VALUES (1), (2)',
    ),
    done('DROP TABLE p'),
    failing('sql-error', 'INSERT INTO n VALUES (NULL)'),
  ],
  'CREATE TABLE AS': [
    done(
      'CREATE TABLE s (a INT, b TEXT COLLATE NOCASE, c BLOB, d)',
      "INSERT INTO s VALUES (1, 'x', x'00ff', 1.5), (9223372036854775807, 'y', NULL, 'z'), (3, '', x'', 9e999)",
    ),
    done('CREATE TABLE t AS SELECT * FROM s'),
    done(
      'CREATE TABLE IF NOT EXISTS t AS SELECT 1',
      'CREATE TABLE IF NOT EXISTS u AS SELECT a + 1 AS a, b AS b, 1 AS "1", count(*) FROM s GROUP BY a',
    ),
    done('INSERT INTO t SELECT * FROM s', 'UPDATE t SET a = a - 1', 'DELETE FROM u WHERE a = 2'),
    done('CREATE TABLE empty AS SELECT * FROM s WHERE 0', 'INSERT INTO empty (a) VALUES (1)'),
    done(
      'CREATE TABLE "quoted "" name" AS SELECT a AS "a b", b AS "select" FROM s',
      'SELECT * FROM "quoted "" name"',
    ),
    done(
      'CREATE TABLE many AS WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c WHERE x < 1200) SELECT x, x * 1.5 AS y FROM c',
      'DELETE FROM many WHERE x % 2',
    ),
    done(`CREATE TABLE j AS SELECT json_array(1) AS j, json('{"x":"41"}') AS k`),
  ],
  'generated columns': [
    done(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, a, v AS (a || '!') VIRTUAL, s TEXT GENERATED ALWAYS AS (a * 2) STORED UNIQUE, b)",
    ),
    done('INSERT INTO t (a, b) VALUES (1, 1), (2, NULL), (3.5, 3)'),
    done('UPDATE t SET a = a + 10', 'UPDATE t SET b = s'),
    failing('constraint', 'UPDATE t SET a = 1'),
    done('REPLACE INTO t (id, a) VALUES (9, 12)'),
    done('CREATE INDEX i ON t (v)', "DELETE FROM t WHERE v = '12!'"),
    done(
      'CREATE TABLE g (x AS (y + 1) STORED, y INTEGER PRIMARY KEY, z AS (x + y)) STRICT'
        .replace('x AS', 'x INT AS')
        .replace('z AS', 'z INT AS'),
    ),
    done('INSERT INTO g (y) VALUES (1), (2)', 'UPDATE g SET y = y + 10', 'SELECT * FROM g'),
    done(
      "CREATE TABLE k (a, b AS (a || 'k') STORED, c, PRIMARY KEY (a, c)) WITHOUT ROWID",
      'INSERT INTO k (a, c) VALUES (1, 1)',
      'UPDATE k SET c = b',
    ),
    done('CREATE TABLE n (a, "rowid" AS (a + 1))', 'INSERT INTO n (a) VALUES (1)', 'UPDATE n SET a = 2'),
  ],
  'partial and expression indexes': [
    done(
      'CREATE TABLE t (a, b)',
      'CREATE UNIQUE INDEX p ON t (a) WHERE b IS NULL',
      'CREATE UNIQUE INDEX e ON t (lower(a), b + 1)',
      'CREATE INDEX d ON t (a COLLATE NOCASE DESC)',
    ),
    done("INSERT INTO t VALUES ('x', NULL), ('x', 1), ('y', 1)"),
    failing('constraint', "INSERT INTO t VALUES ('X', 1)"),
    done("REPLACE INTO t VALUES ('Y', 1)", "INSERT OR REPLACE INTO t VALUES ('x', NULL)"),
    done("INSERT INTO t VALUES ('x', NULL) ON CONFLICT (a) WHERE b IS NULL DO UPDATE SET b = 5"),
    done('REINDEX', 'REINDEX t', 'REINDEX p', 'REINDEX NOCASE', 'DELETE FROM t'),
  ],
  'ANALYZE and REINDEX': [
    {
      ...done(
        'CREATE TABLE t (a PRIMARY KEY, b)',
        'INSERT INTO t VALUES (1, 1), (2, 1)',
        'CREATE INDEX i ON t (b)',
        'ANALYZE',
      ),
      beside: 'replicas only',
    },
    done('ANALYZE t', 'INSERT INTO t VALUES (3, 1)', 'ANALYZE', 'REINDEX', 'SELECT * FROM t WHERE b = 1'),
    done('DROP TABLE t', 'ANALYZE'),
  ],
  'tables with many columns': [
    ...wide('w31', 31, ''),
    ...wide('w32', 32, ''),
    ...wide('w33', 33, ''),
    ...wide('w64', 64, 'id INTEGER PRIMARY KEY, '),
    ...wide('w99', 99, ''),
    ...wide('w100', 99, 'id INTEGER PRIMARY KEY, '),
    failing('sql-error', `CREATE TABLE w101 (${names(101).join(', ')})`),
  ],
  'a table of 100 columns needs a key of its own': [
    refused('sql-not-allowed', `CREATE TABLE w (${names(100).join(', ')})`),
    done(`CREATE TABLE w (${names(99).join(', ')})`, 'INSERT INTO w (c1) VALUES (1)'),
    refused('sql-not-allowed', 'ALTER TABLE w ADD COLUMN d'),
    done(
      `CREATE TABLE k (${names(100).join(', ')}, PRIMARY KEY (c1, c0)) WITHOUT ROWID`,
      'INSERT INTO k (c0, c1) VALUES (1, 1)',
      'UPDATE k SET c1 = 2, c99 = 3',
    ),
    done(
      `CREATE TABLE i (${names(100).join(', ').replace('c50', 'c50 INTEGER PRIMARY KEY')})`,
      'INSERT INTO i (c0) VALUES (1)',
      'UPDATE i SET c50 = 2, c99 = 3',
    ),
  ],
  'columns named like the rowid': [
    done(
      'CREATE TABLE a (rowid TEXT, v)',
      "INSERT INTO a VALUES ('x', 1), ('x', 2), (NULL, 3)",
      'UPDATE a SET rowid = v',
      'DELETE FROM a WHERE v = 2',
    ),
    done(
      'CREATE TABLE b (OID, _rowid_, v)',
      'INSERT INTO b VALUES (1, 1, 1), (1, 1, 1)',
      'UPDATE b SET v = rowid',
      'DELETE FROM b WHERE v = 1',
    ),
    done(
      'CREATE TABLE c (rowid INTEGER PRIMARY KEY, oid, _rowid_)',
      'INSERT INTO c VALUES (5, 1, 1)',
      'UPDATE c SET rowid = 6',
    ),
    done(
      'CREATE TABLE d (rowid, oid, _rowid_, PRIMARY KEY (oid)) WITHOUT ROWID',
      'INSERT INTO d VALUES (5, 1, 1)',
      'UPDATE d SET rowid = 6',
    ),
    refused('sql-not-allowed', 'CREATE TABLE e (rowid, oid, _rowid_)'),
    refused('sql-not-allowed', 'CREATE TABLE e (rowid, oid)', 'ALTER TABLE e ADD COLUMN _rowid_'),
    refused('sql-not-allowed', 'CREATE TABLE e AS SELECT 1 AS rowid, 2 AS oid, 3 AS _ROWID_'),
  ],
  'names of all kinds': [
    done(
      `CREATE TABLE "a ""quoted"" 'name'" ("select" TEXT, "my ""col""", 'single', [brackets], \`ticks\`, "tab\tnew\nline", "ünï☃🌊", "")`,
    ),
    done(
      `INSERT INTO "a ""quoted"" 'name'" VALUES (1, 2, 3, 4, 5, 6, 7, 8)`,
      `UPDATE "A ""QUOTED"" 'name'" SET "MY ""col""" = "ünï☃🌊", "" = 9`,
    ),
    done(
      'CREATE TABLE "tab\tnew\nline" (a)',
      'INSERT INTO "tab\tnew\nline" VALUES (1)',
      'UPDATE "TAB\tNEW\nLINE" SET A = 2',
      'DELETE FROM "tab\tnew\nline"',
    ),
    done(
      'CREATE TABLE "select" ("from" PRIMARY KEY, "where" REFERENCES "select" ON DELETE CASCADE) WITHOUT ROWID',
      `INSERT INTO "select" VALUES ('a', 'a'), ('b', 'a')`,
      `DELETE FROM "select" WHERE "from" = 'a'`,
    ),
    done('CREATE TABLE "" (a)', 'INSERT INTO "" VALUES (1)', 'UPDATE "" SET a = 2'),
    done(
      'CREATE TABLE Ünïcode (Ä, "日本" AS (Ä + 1))',
      'INSERT INTO Ünïcode VALUES (1)',
      'UPDATE Ünïcode SET Ä = 5',
      'ALTER TABLE Ünïcode RENAME TO "🌊"',
      'DELETE FROM "🌊"',
    ),
    done(
      "CREATE TABLE 'it''s' (a)",
      "CREATE TRIGGER 'tr''s' AFTER INSERT ON 'it''s' BEGIN INSERT INTO \"select\" VALUES (NEW.a, NEW.a); END",
      "INSERT INTO \"it's\" VALUES ('q')",
    ),
    done(
      'CREATE TABLE MixedCase (Id INTEGER PRIMARY KEY, Val)',
      'INSERT INTO mixedcase (ID, vaL) VALUES (1, 1)',
      'UPDATE MIXEDCASE SET VAL = 2',
      'CREATE TRIGGER tc AFTER DELETE ON mixedCASE BEGIN INSERT INTO "" VALUES (OLD.ID); END',
      'DELETE FROM mIXEDcASE',
    ),
    done(
      'CREATE TABLE child (P REFERENCES mixedCASE (ID) ON DELETE CASCADE)',
      'INSERT INTO MixedCase VALUES (1, 1)',
      'INSERT INTO child VALUES (1)',
      'DELETE FROM MixedCase',
    ),
    done(
      'CREATE TABLE main.qualified (a)',
      'INSERT INTO main.qualified VALUES (1)',
      'CREATE INDEX main.qi ON qualified (a)',
      'DROP TABLE main.qualified',
    ),
    done(
      'CREATE TABLE "x\\" ("y\\""", "$[0]", "a.b")',
      'INSERT INTO "x\\" VALUES (1, 2, 3)',
      'UPDATE "x\\" SET "$[0]" = 5',
    ),
  ],
  'what is not taken': [
    done('CREATE TABLE t (a)'),
    refused('sql-not-allowed', 'CREATE VIRTUAL TABLE f USING fts5 (a)'),
    refused('sql-not-allowed', 'CREATE VIRTUAL TABLE r USING rtree (id, a, b)'),
    refused('sql-not-allowed', 'CREATE TEMP TABLE x (a)'),
    refused('sql-not-allowed', 'CREATE TEMPORARY TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END'),
    refused('sql-not-allowed', 'CREATE TABLE temp.x (a)'),
    refused('sql-not-allowed', 'CREATE TABLE _tidemark_x (a)'),
    refused('sql-not-allowed', 'DROP TABLE _tidemark_changes'),
    refused('sql-not-allowed', 'INSERT INTO t VALUES (1)', 'INSERT OR ROLLBACK INTO t VALUES (1)'),
    refused('sql-not-allowed', 'BEGIN'),
    refused('sql-not-allowed', 'VACUUM'),
    done('INSERT INTO t VALUES (1)'),
  ],
};
