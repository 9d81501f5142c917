import { expect } from 'vitest';
import { all, run } from '../../shared/ports.ts';
import { ALL_ROWS, type CopyCase, type Copying, insertRows, ONE_ROW } from './snapshot-copy.ts';
import { TABLE_CASES } from './snapshot-tables.contract.ts';

const REQUEST = { fingerprint: 'f', answer: '{"results":[]}' };

const KEY_CASES: Readonly<Record<string, CopyCase>> = {
  '[SI1] an empty database': async (copying) => {
    await copying.begin();
    expect(await copying.finish()).toBe(1);
  },
  '[SI1] a small database in one piece': async (copying) => {
    for (let i = 0; i < 20; i += 1)
      await copying.write(`CREATE TABLE t${i} (id INTEGER PRIMARY KEY, v)`, insertRows(`t${i}`, 1, 5));
    await copying.begin();
    expect(await copying.finish(ALL_ROWS)).toBe(1);
  },
  '[SI2] rowids of 64 bits, in their order': async (copying) => {
    await copying.write(
      'CREATE TABLE t (v TEXT, id INTEGER PRIMARY KEY)',
      `INSERT INTO t VALUES ('a', -9223372036854775808), ('b', -9007199254740993), ('c', -1), ('d', 0), ('e', 9007199254740992),
        ('f', 9007199254740993), ('g', 9007199254740994), ('h', 9223372036854775806), ('i', 9223372036854775807)`,
      'CREATE TABLE plain (v)',
      'INSERT INTO plain (rowid, v) VALUES (9007199254740993, 1), (9007199254740992, 2), (-5, NULL)',
    );
    await copying.begin();
    await copying.steps(9);
    // f is the last row of t that is there.
    await copying.write(
      "UPDATE t SET v = v || '!'",
      "UPDATE t SET id = 9007199254740995 WHERE v = 'f!'",
      "DELETE FROM t WHERE v = 'e!'",
    );
    await copying.steps(2);
    await copying.write(
      "UPDATE t SET id = 5 WHERE v = 'i!'",
      'UPDATE t SET id = 9223372036854775805 WHERE id = -1',
    );
  },
  '[SI2] keys with collations, directions and storage classes of their own': async (copying) => {
    const values =
      "(1, x'00'), (1, 'b'), (1, 'B '), (2, 'a'), (2, 1.5), (2, 2), (2, x'ff'), (10, 'C'), (10, 'd'), (10, 1e300)";
    const keys = [
      '(a, b)',
      '(a DESC, b DESC)',
      '(a, b DESC)',
      '(a DESC, b)',
      '(b COLLATE NOCASE DESC, a)',
      '(b COLLATE RTRIM, a COLLATE NOCASE DESC)',
      '(b COLLATE NOCASE, b)',
    ];
    for (const [i, key] of keys.entries())
      await copying.write(
        `CREATE TABLE t${i} (v DEFAULT 0, b, a TEXT, PRIMARY KEY ${key}) WITHOUT ROWID`,
        `INSERT INTO t${i} (a, b) VALUES ${values}`,
      );
    await copying.begin();
    for (let i = 0; i < 40; i += 1) {
      await copying.step();
      await copying.step();
      for (const table of [i % keys.length, (i + 3) % keys.length]) {
        await copying.write(`UPDATE t${table} SET v = v + 1`);
        await copying.write(
          `UPDATE OR IGNORE t${table} SET b = 'x' || v WHERE v % 10 = ${table} AND a = '2'`,
        );
        await copying.write(`UPDATE OR IGNORE t${table} SET a = 10 - a WHERE v % 7 = ${table}`);
      }
    }
  },
  '[SI2] keys that differ only in case, where the key tells them apart and the column does not': async (
    copying,
  ) => {
    await copying.write(
      'CREATE TABLE t (k TEXT COLLATE NOCASE, v, PRIMARY KEY (k COLLATE BINARY)) WITHOUT ROWID',
      "INSERT INTO t VALUES ('a', 1), ('A', 2), ('b', 3), ('B', 4), ('c', 5)",
    );
    await copying.begin();
    await copying.steps(2);
    await copying.write("INSERT INTO t VALUES ('AA', 1), ('bb', 2)");
    await copying.write(
      "UPDATE t SET v = 9 WHERE k = 'A' COLLATE BINARY",
      "DELETE FROM t WHERE k = 'B' COLLATE BINARY",
    );
    await copying.steps(2);
  },
};

const LOG_CASES: Readonly<Record<string, CopyCase>> = {
  '[SI3] rows that cross the border': async (copying) => {
    await copying.write('CREATE TABLE t (id INTEGER PRIMARY KEY, v UNIQUE)', insertRows('t', 1, 10));
    await copying.begin();
    await copying.steps(5);
    await copying.write(
      'UPDATE t SET id = 100 WHERE id = 2',
      'UPDATE t SET id = 0 WHERE id = 9',
      'UPDATE t SET id = 11 WHERE id = 100',
      'UPDATE t SET id = 9 WHERE id = 1',
    );
    await copying.write(
      'DELETE FROM t WHERE id = 4',
      "INSERT INTO t VALUES (4, 'new'), (-1, 'v4'), (50, 'later')",
      "UPDATE t SET v = 'changed ' || id WHERE id > 3",
    );
    await copying.step();
    expect(await copying.value('follower', 'SELECT count(*) FROM t WHERE id > 6')).toBe(0);
  },
  '[SI3] a parent that crosses the border takes no child with it': async (copying) => {
    await copying.write(
      'CREATE TABLE c (id INTEGER PRIMARY KEY, k REFERENCES p (k) ON DELETE CASCADE ON UPDATE CASCADE, id2 REFERENCES p ON DELETE SET NULL)',
      // It names c, so that neither can come first, and the name decides.
      'CREATE TABLE p (id INTEGER PRIMARY KEY, k UNIQUE, c REFERENCES c)',
      "INSERT INTO p (id, k) VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')",
      "INSERT INTO c VALUES (1, 'a', 4), (2, 'b', 3), (3, 'c', NULL), (4, 'd', NULL)",
    );
    await copying.begin();
    await copying.steps(4 + 2);
    expect(await copying.place()).toMatchObject({ table: 'p', after: '[2]' });
    await copying.write("UPDATE p SET id = 20 WHERE k = 'b'");
    await copying.write("UPDATE p SET id = 10, k = 'aa' WHERE k = 'a'");
    await copying.write(
      'PRAGMA defer_foreign_keys = ON',
      "UPDATE p SET id = 0 WHERE k = 'd'",
      "INSERT INTO p (id, k) VALUES (4, 'e')",
    );
    await copying.step();
    await copying.write("DELETE FROM p WHERE k = 'c'");
  },
  '[SI4] columns, indexes, views and triggers that change meanwhile': async (copying) => {
    for (const t of ['a', 'b', 'c'])
      await copying.write(`CREATE TABLE ${t} (id INTEGER PRIMARY KEY, v)`, insertRows(t, 1, 4));
    await copying.write(
      'CREATE VIEW w AS SELECT v FROM b',
      'CREATE INDEX ib ON b (v)',
      "CREATE TRIGGER tr AFTER INSERT ON c BEGIN UPDATE b SET v = 'by c'; END",
    );
    await copying.begin();
    await copying.steps(6);
    expect(await copying.place()).toMatchObject({ table: 'b', after: '[2]' });
    for (const t of ['a', 'b', 'c']) {
      await copying.write(
        `ALTER TABLE ${t} ADD COLUMN x DEFAULT 'd'`,
        `UPDATE ${t} SET x = id`,
        `ALTER TABLE ${t} ADD COLUMN y DEFAULT 5`,
      );
      await copying.step();
      await copying.write(
        `ALTER TABLE ${t} RENAME COLUMN id TO key`,
        `UPDATE ${t} SET y = 6 WHERE key = 2`,
        `ALTER TABLE ${t} DROP COLUMN x`,
      );
      await copying.write(`CREATE UNIQUE INDEX u${t} ON ${t} (key, y)`);
    }
    await copying.write(
      'DROP TRIGGER tr',
      'DROP VIEW w',
      'DROP INDEX ib',
      'CREATE TRIGGER t2 AFTER DELETE ON a BEGIN DELETE FROM b WHERE key = OLD.key; END',
      'CREATE VIEW w2 AS SELECT * FROM a',
    );
    await copying.write('DELETE FROM a WHERE key = 1');
  },
  '[SI4] tables that are renamed, dropped and made meanwhile': async (copying) => {
    for (const t of ['a', 'b', 'c', 'd', 'e'])
      await copying.write(`CREATE TABLE ${t} (id INTEGER PRIMARY KEY, v)`, insertRows(t, 1, 4));
    await copying.begin();
    await copying.steps(6);
    await copying.write(
      'ALTER TABLE a RENAME TO z',
      'ALTER TABLE b RENAME TO a',
      'ALTER TABLE d RENAME TO b',
      'ALTER TABLE c RENAME TO d',
    );
    expect(await copying.progress()).toEqual({ tables: 5, tablesCopied: 1, rowsCopied: 6 });
    await copying.step();
    expect(await copying.place()).toEqual({ kind: 'rows', table: 'a', after: '[2]', next: ['d', 'b', 'e'] });
    await copying.write(
      'UPDATE a SET v = 1',
      'UPDATE b SET v = 2',
      'UPDATE d SET v = 3',
      'UPDATE z SET v = 4',
    );
    await copying.step();
    await copying.write(
      'DROP TABLE e',
      'CREATE TABLE e AS SELECT * FROM d',
      'CREATE TABLE f (id INTEGER PRIMARY KEY, v)',
      insertRows('f', 1, 3),
    );
    await copying.write('DROP TABLE a');
    await copying.step();
    expect(await copying.place()).toMatchObject({ table: 'd', after: null });
    await copying.steps(2);
    await copying.write(
      'DROP TABLE d',
      'CREATE TABLE d (k PRIMARY KEY, v) WITHOUT ROWID',
      insertRows('d', 1, 9),
      'DELETE FROM d WHERE k = 2',
    );
    await copying.step();
    expect(await copying.place()).toEqual({ kind: 'rows', table: 'b', after: null, next: [] });
    await copying.write('DROP TABLE b');
    await copying.step(ONE_ROW);
    expect(await copying.value('follower', 'SELECT count(*) FROM d')).toBe(8);
  },
  '[SI4] another table under the name of the one that is copied': async (copying) => {
    for (const t of ['a', 'b'])
      await copying.write(`CREATE TABLE ${t} (id INTEGER PRIMARY KEY, v)`, insertRows(t, 1, 4));
    await copying.begin();
    await copying.steps(2);
    await copying.write('DROP TABLE a', 'ALTER TABLE b RENAME TO a');
    await copying.step();
    expect(await copying.place()).toEqual({ kind: 'rows', table: 'a', after: null, next: [] });
  },
  '[SI5] request ids, those of the log only': async (copying) => {
    await copying.write('CREATE TABLE t (id INTEGER PRIMARY KEY, v)');
    for (let i = 0; i < 5; i += 1)
      await copying.request({ ...REQUEST, id: `id ${i}` }, `INSERT INTO t VALUES (${i}, 1)`);
    await copying.leader.run((sql) =>
      run(sql, "INSERT INTO _tidemark_requests VALUES ('id 7', 'f', 'here', 0, 0, 0)"),
    );
    await copying.follower.run((sql) =>
      run(
        sql,
        "INSERT INTO _tidemark_requests VALUES ('old', 'f', 'a', 0, 0, 1), ('id 2', 'f', 'wrong', 0, 0, 1)",
      ),
    );
    await copying.begin();
    await copying.request({ ...REQUEST, id: 'id 01' }, 'INSERT INTO t VALUES (100, 1)');
    await copying.steps(9);
    await copying.request({ ...REQUEST, id: 'id 02' }, 'INSERT INTO t VALUES (101, 1)');
    expect(await copying.place()).toMatchObject({ kind: 'requests' });
    await copying.finish();
    const asked =
      'SELECT id, fingerprint, answer, lsn, time, in_log FROM _tidemark_requests WHERE in_log ORDER BY id';
    const [here, there] = [
      await copying.leader.run((sql) => all(sql, asked)),
      await copying.follower.run((sql) => all(sql, asked)),
    ];
    expect(there).toEqual(here);
    expect(there.length).toBe(7);
    expect(await copying.value('follower', 'SELECT count(*) FROM _tidemark_requests')).toBe(7);
    await copying.begin();
  },
  '[SI5] counters of AUTOINCREMENT, and what ANALYZE found': async (copying) => {
    await copying.write('CREATE TABLE gone (id INTEGER PRIMARY KEY AUTOINCREMENT)', 'DROP TABLE gone');
    await copying.write(
      'CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v)',
      insertRows('t', 1, 6),
      'DELETE FROM t WHERE id > 3',
      'CREATE INDEX i ON t (v)',
    );
    await copying.write(
      'CREATE TABLE u (id INTEGER PRIMARY KEY AUTOINCREMENT, v)',
      insertRows('u', 1, 3),
      "UPDATE sqlite_sequence SET seq = 2 WHERE name = 'u'",
    );
    await copying.write('ANALYZE');
    await copying.begin();
    await copying.steps(2);
    await copying.write(
      'INSERT INTO t (v) VALUES (1)',
      'UPDATE sqlite_sequence SET seq = 50',
      'INSERT INTO u (v) VALUES (2)',
    );
    await copying.step();
    await copying.write("DELETE FROM sqlite_sequence WHERE name = 't'");
    await copying.finish();
    const stat = 'SELECT group_concat(tbl || idx || stat) FROM sqlite_stat1';
    expect(await copying.value('follower', stat)).toBe(await copying.value('leader', stat));
    await copying.begin();
  },
  '[SI5] a leader whose tables with AUTOINCREMENT are all gone': async (copying) => {
    await copying.write('CREATE TABLE gone (id INTEGER PRIMARY KEY AUTOINCREMENT)', 'DROP TABLE gone');
    await copying.begin();
  },
};

export const COPY_CASES: Readonly<Record<string, CopyCase>> = { ...KEY_CASES, ...LOG_CASES, ...TABLE_CASES };

/** What every case ends with. */
export async function endsAlike(copying: Copying): Promise<void> {
  if ((await copying.progress()) !== null) await copying.finish();
  const [leader, follower] = await copying.digests();
  expect(follower).toBe(leader);
  const left =
    "SELECT group_concat(name) FROM sqlite_schema WHERE name GLOB '_tidemark_installation*' OR name GLOB '_tidemark_wipe*' OR name GLOB '_tidemark_stand*' OR name GLOB '_tidemark_auto*'";
  expect(await copying.value('follower', left)).toBeNull();
}
