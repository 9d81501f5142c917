import { expect } from 'vitest';
import { ALL_ROWS, type CopyCase, insertRows, Writer } from './snapshot-copy.ts';

export const TABLE_CASES: Readonly<Record<string, CopyCase>> = {
  '[SI6] children before parents, rows that name themselves, tables that name each other': async (
    copying,
  ) => {
    await copying.write(
      'CREATE TABLE a (id INTEGER PRIMARY KEY, b INT NOT NULL REFERENCES b ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED)',
      'CREATE TABLE b (id INTEGER PRIMARY KEY, a INT REFERENCES a ON DELETE CASCADE ON UPDATE CASCADE)',
      'CREATE TABLE s (id INTEGER PRIMARY KEY, up REFERENCES s ON DELETE CASCADE ON UPDATE CASCADE)',
      'CREATE TABLE r (id PRIMARY KEY, up REFERENCES r ON DELETE RESTRICT) WITHOUT ROWID',
      'INSERT INTO a VALUES (1, 2), (2, 1), (3, 2)',
      'INSERT INTO b VALUES (1, 3), (2, 1)',
      'INSERT INTO s VALUES (9, NULL), (8, 9), (7, 8), (1, 7), (5, 5)',
      'INSERT INTO r VALUES (1, NULL), (0, 1), (2, 2)',
    );
    await copying.begin();
    await copying.steps(3);
    await copying.write(
      'INSERT INTO b VALUES (9, 3)',
      'UPDATE a SET id = 0 WHERE id = 3',
      'INSERT INTO a VALUES (3, 9)',
      'DELETE FROM a WHERE id = 2',
    );
    await copying.steps(4);
    await copying.write('UPDATE s SET id = 20 WHERE id = 8', 'DELETE FROM s WHERE id = 7');
    await copying.step();
    await copying.write('DELETE FROM a WHERE id = 0');
  },
  '[SI6] rows whose foreign key SQLite cannot check': async (copying) => {
    await copying.write(
      'CREATE TABLE p (id INTEGER PRIMARY KEY, k, v)',
      'CREATE UNIQUE INDEX i ON p (k)',
      'CREATE TABLE q (id INTEGER PRIMARY KEY)',
      'CREATE TABLE c (id INTEGER PRIMARY KEY, k REFERENCES p (k), v, q REFERENCES Q, w REFERENCES q (id) ON DELETE CASCADE)',
      "INSERT INTO p VALUES (1, 'a', 1), (2, 'b', 2), (3, NULL, 3)",
      "INSERT INTO c VALUES (1, 'a', 1, NULL, NULL), (2, NULL, 2, NULL, NULL), (3, 'b', 3, NULL, NULL)",
      'DROP TABLE q',
      'DROP INDEX i',
    );
    await copying.begin();
    await copying.steps(2);
    await copying.write(
      'UPDATE c SET v = 9',
      'UPDATE c SET id = 4 WHERE id = 1',
      'UPDATE c SET id = 0 WHERE id = 3',
    );
    await copying.steps(4);
    await copying.write('UPDATE p SET v = 9', 'UPDATE p SET id = 9 WHERE id = 1');
    await copying.step();
    await copying.write('CREATE TABLE q (id INTEGER PRIMARY KEY)', 'INSERT INTO q VALUES (5)');
  },
  '[SI6] a parent whose rows are not what a foreign key takes them for': async (copying) => {
    await copying.write(
      'CREATE TABLE p (k, n)',
      "INSERT INTO p VALUES (1, 'a'), (1, 'b'), (2, 'a')",
      'CREATE TABLE c (id INTEGER PRIMARY KEY AUTOINCREMENT, n REFERENCES p (k))',
      'CREATE INDEX i ON c (n)',
      'CREATE TABLE d (id REFERENCES p, k UNIQUE REFERENCES p (missing))',
      'CREATE TABLE e (id REFERENCES c)',
    );
    await copying.begin();
    await copying.step();
    await copying.write('UPDATE p SET n = 5', 'UPDATE p SET rowid = 8 WHERE rowid = 1');
  },
  '[SI7] over what a leader was': async (copying) => {
    await copying.follower.run((sql) =>
      sql.transaction(() => {
        Writer.begin(sql);
        const statements = [
          'CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, up REFERENCES t ON DELETE CASCADE ON UPDATE CASCADE)',
          'CREATE TABLE k (id INTEGER PRIMARY KEY, t REFERENCES t ON DELETE CASCADE)',
          'CREATE TRIGGER tr AFTER DELETE ON k BEGIN DELETE FROM t; END',
          'INSERT INTO t WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i, nullif(i - 1, 0) FROM n',
          'INSERT INTO k SELECT id, id FROM t',
          'CREATE TABLE l (id INTEGER PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES l ON DELETE CASCADE)',
          'CREATE TABLE m (id INTEGER PRIMARY KEY, up INT UNIQUE REFERENCES m ON DELETE SET DEFAULT, k REFERENCES n)',
          'CREATE TABLE n (id INTEGER PRIMARY KEY, up INT REFERENCES m ON DELETE RESTRICT)',
          'INSERT INTO l SELECT * FROM t',
          'INSERT INTO m SELECT *, NULL FROM t',
          'INSERT INTO n SELECT * FROM t',
          'UPDATE m SET k = id',
          'CREATE UNIQUE INDEX i ON n (up)',
          'CREATE VIEW v AS SELECT * FROM t',
        ];
        expect(new Writer(sql).write(statements.map((text) => ({ sql: text, params: [] })))).toBeNull();
      }),
    );
    const logged = 'SELECT count(*) FROM _tidemark_changes';
    const before = await copying.value('follower', logged);
    await copying.write('CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v)', insertRows('t', 1, 3));
    await copying.begin();
    expect(await copying.value('follower', logged)).toBe(before);
  },
  '[SI7] over what was there before': async (copying) => {
    await copying.write(
      'CREATE TABLE s (id INTEGER PRIMARY KEY AUTOINCREMENT, up INT REFERENCES s ON DELETE CASCADE)',
      'CREATE TABLE c (id INTEGER PRIMARY KEY, s INT REFERENCES s ON DELETE SET NULL, d INT REFERENCES d DEFERRABLE INITIALLY DEFERRED)',
      'CREATE TABLE d (id INTEGER PRIMARY KEY, c REFERENCES c ON DELETE CASCADE, n NOT NULL REFERENCES s ON DELETE RESTRICT)',
      `INSERT INTO s WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT i, nullif(i - 1, 0) FROM n`,
      'INSERT INTO c SELECT id, id, NULL FROM s',
      'INSERT INTO d SELECT id, id, id FROM s',
      'UPDATE c SET d = id',
      'CREATE VIEW w AS SELECT * FROM v2',
      'CREATE VIEW v2 AS SELECT * FROM s',
      'CREATE INDEX i ON c (s)',
      'CREATE TRIGGER tr AFTER DELETE ON s BEGIN DELETE FROM c; END',
      'CREATE TRIGGER iv INSTEAD OF INSERT ON w BEGIN DELETE FROM c; END',
      'ANALYZE',
    );
    await copying.begin();
    await copying.finish(ALL_ROWS);
    const [before, there] = await copying.digests();
    expect(there).toBe(before);
    await copying.write(
      'DROP VIEW w',
      'DROP VIEW v2',
      'DROP TRIGGER tr',
      'UPDATE c SET d = NULL',
      'DELETE FROM d',
      'DROP TABLE d',
      'DROP TABLE c',
    );
    await copying.begin();
    await copying.finish({ rows: 50, chars: 1_000_000 });
    await copying.begin();
    await copying.finish({ rows: 100, chars: 1_000_000 });
  },
  '[SI8] rows of very different sizes, within the bound': async (copying) => {
    await copying.write(
      'CREATE TABLE t (id INTEGER PRIMARY KEY, v)',
      insertRows('t', 1, 300),
      "INSERT INTO t VALUES (301, printf('%.*c', 400000, 'x')), (302, zeroblob(300000)), (303, 1)",
    );
    await copying.write('UPDATE t SET v = zeroblob(200000) WHERE id = 5');
    await copying.begin();
    let before = 0;
    for (let isDone = false; !isDone;) {
      isDone = await copying.step({ rows: 1000, chars: 20_000 });
      const copied = (await copying.value('follower', 'SELECT sum(length(v)) FROM t')) as number;
      const large = (await copying.value(
        'follower',
        'SELECT max(length(v)) FROM (SELECT v FROM t ORDER BY id DESC LIMIT 1)',
      )) as number;
      expect(copied - before <= 20_000 || large > 20_000).toBe(true);
      before = copied;
    }
    await copying.finish();
  },
  '[SI4] generated columns, strict and wide tables, odd names': async (copying) => {
    const columns = Array.from({ length: 99 }, (_, i) => `c${i}`).join(', ');
    await copying.write(
      'CREATE TABLE g (x INT AS (y + 1) STORED, y INTEGER PRIMARY KEY, z INT AS (x + y)) STRICT',
      'INSERT INTO g (y) VALUES (1), (2)',
      `CREATE TABLE wide (${columns})`,
      "INSERT INTO wide (c0, c98) VALUES (x'00', 1.0), (9e999, -1), ('a' || char(0) || 'b', json('[1]'))",
      'CREATE TABLE "a ""q"" \'n\'\t" ("select" TEXT, rowid, "", PRIMARY KEY ("select", "")) WITHOUT ROWID',
      `INSERT INTO "a ""q"" 'n'\t" VALUES ('x', 1, 2), ('y
z', 1, x'')`,
      'CREATE TABLE k (a CHECK (a IS NOT 4), b UNIQUE ON CONFLICT REPLACE, c NOT NULL DEFAULT (random()))',
      'INSERT INTO k (a, b) VALUES (1, 1), (2, NULL), (3, NULL)',
    );
    await copying.begin();
    await copying.steps(3);
    await copying.write(
      'UPDATE g SET y = y + 10',
      'UPDATE wide SET c5 = 5',
      `UPDATE "a ""q"" 'n'\t" SET "" = 7`,
    );
    await copying.steps(3);
  },
};
