import type { Step } from './harness.ts';
import { alike, done, failing, refused } from './step.ts';

const DEFER = 'PRAGMA defer_foreign_keys = ON';
const ACTIONS = ['CASCADE', 'SET NULL', 'SET DEFAULT', 'RESTRICT', 'NO ACTION'] as const;

function actionCase(action: string, deferred: string): Step[] {
  const refuses = action === 'RESTRICT' || action === 'NO ACTION';
  return [
    done(
      'CREATE TABLE p (id INTEGER PRIMARY KEY, k TEXT UNIQUE)',
      "INSERT INTO p VALUES (0, 'zero'), (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')",
    ),
    done(
      `CREATE TABLE c (id INTEGER PRIMARY KEY, p INT DEFAULT 0 REFERENCES p ON DELETE ${action} ON UPDATE ${action} ${deferred},
        k TEXT DEFAULT 'zero' REFERENCES p (k) ON DELETE ${action} ON UPDATE ${action} ${deferred})`,
      "INSERT INTO c VALUES (1, 1, 'a'), (2, 1, NULL), (3, 2, 'b'), (4, 3, 'c'), (5, NULL, NULL)",
    ),
    done('CREATE TABLE g (c REFERENCES c ON DELETE CASCADE)', 'INSERT INTO g VALUES (1), (2), (3)'),
    failing('constraint', 'INSERT INTO c (p) VALUES (99)'),
    alike('DELETE FROM p WHERE id = 1'),
    alike('UPDATE p SET id = 22, k = k || k WHERE id = 2'),
    alike("REPLACE INTO p VALUES (3, 'new')"),
    alike("INSERT INTO p VALUES (3, 'c') ON CONFLICT DO UPDATE SET id = 33, k = 'cc'"),
    alike('UPDATE p SET id = id + 100 WHERE id > 0'),
    alike(DEFER, 'UPDATE p SET id = id + 100 WHERE id > 0', 'UPDATE c SET p = NULL'),
    alike('DELETE FROM c WHERE id = 4', 'DELETE FROM p WHERE id <> 0'),
    alike(DEFER, 'DELETE FROM p WHERE id = 0', "INSERT INTO p VALUES (0, 'zero')"),
    ...(refuses ? [] : [done('SELECT count(*) FROM c')]),
    alike('DROP TABLE p'),
  ];
}

export const CASCADE_CASES: Readonly<Record<string, readonly Step[]>> = {
  ...Object.fromEntries(
    ACTIONS.flatMap((action) =>
      ['', 'DEFERRABLE INITIALLY DEFERRED'].map((deferred) => [
        `ON DELETE and ON UPDATE ${action} ${deferred}`.trim(),
        actionCase(action, deferred),
      ]),
    ),
  ),
  'deferred keys: the end of the transaction counts': [
    done(
      'CREATE TABLE p (id INTEGER PRIMARY KEY)',
      'CREATE TABLE c (id INTEGER PRIMARY KEY, p INT REFERENCES p DEFERRABLE INITIALLY DEFERRED)',
    ),
    done(
      'INSERT INTO c VALUES (1, 1)',
      'DROP TRIGGER IF EXISTS x',
      'CREATE TABLE other (a)',
      'DROP VIEW IF EXISTS y',
      'INSERT INTO p VALUES (1)',
    ),
    failing('constraint', 'INSERT INTO c VALUES (2, 2)'),
    failing('constraint', 'INSERT INTO c VALUES (2, 2)', 'INSERT INTO p VALUES (3)'),
    failing('constraint', 'DELETE FROM p'),
    failing('constraint', 'UPDATE p SET id = 9'),
    failing('constraint', 'UPDATE c SET p = 7'),
    done('DELETE FROM p', 'DELETE FROM c'),
    done('INSERT INTO c VALUES (5, 5)', 'UPDATE c SET p = NULL'),
    done('INSERT INTO c VALUES (6, 6)', 'DELETE FROM c WHERE id = 6'),
    failing(
      'constraint',
      'INSERT INTO p VALUES (6)',
      'INSERT INTO c VALUES (6, 6)',
      'REPLACE INTO p VALUES (6)',
      'DELETE FROM p',
    ),
    done(
      'INSERT INTO p VALUES (6)',
      'INSERT INTO c VALUES (6, 6)',
      'DELETE FROM p',
      'INSERT INTO p VALUES (6)',
    ),
  ],
  'keys deferred by PRAGMA, for one transaction': [
    done(
      'CREATE TABLE p (id INTEGER PRIMARY KEY)',
      'CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE RESTRICT)',
    ),
    done(DEFER, 'INSERT INTO c VALUES (1, 1)', 'INSERT INTO p VALUES (1)'),
    failing('constraint', 'INSERT INTO c VALUES (2, 2)', 'INSERT INTO p VALUES (2)'),
    failing('constraint', DEFER, 'INSERT INTO c VALUES (2, 2)'),
    failing('constraint', DEFER, 'DELETE FROM p'),
    failing('constraint', DEFER, 'UPDATE p SET id = 4'),
    done(DEFER, 'DELETE FROM p', 'INSERT INTO p VALUES (1)'),
    done(DEFER, 'UPDATE p SET id = 5', 'UPDATE c SET p = 5'),
    failing('constraint', DEFER, 'DROP TABLE p'),
    done(
      DEFER,
      'DROP TABLE p',
      'CREATE TABLE p (id INTEGER PRIMARY KEY, extra)',
      'INSERT INTO p VALUES (5, 1)',
    ),
    failing('constraint', 'INSERT INTO c VALUES (2, 2)'),
  ],
  'a table rebuilt as SQLite documents it': [
    done(
      'CREATE TABLE p (id INTEGER PRIMARY KEY, k TEXT)',
      'CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p)',
      "INSERT INTO p VALUES (1, 'a')",
      'INSERT INTO c VALUES (1, 1)',
    ),
    {
      ...done(
        DEFER,
        'CREATE TABLE p2 (id INTEGER PRIMARY KEY, k TEXT NOT NULL)',
        'INSERT INTO p2 SELECT * FROM p',
        'DROP TABLE p',
        'ALTER TABLE p2 RENAME TO p',
      ),
      beside: 'replicas only',
    },
    done("INSERT INTO p VALUES (2, 'b')"),
  ],
  'DROP of a parent whose children are deferred': [
    done(
      'CREATE TABLE p (id INTEGER PRIMARY KEY)',
      'CREATE TABLE c (id INTEGER PRIMARY KEY, p INT REFERENCES p DEFERRABLE INITIALLY DEFERRED)',
    ),
    done('INSERT INTO p VALUES (1)', 'INSERT INTO c VALUES (1, 1)'),
    failing('constraint', 'DROP TABLE p'),
    failing('constraint', DEFER, 'DROP TABLE p'),
    refused(
      'constraint',
      'DROP TABLE p',
      'CREATE TABLE p (id INTEGER PRIMARY KEY)',
      'INSERT INTO p VALUES (1)',
    ),
    refused(
      'constraint',
      'CREATE TABLE q (id INTEGER PRIMARY KEY)',
      'INSERT INTO q SELECT * FROM p',
      'DROP TABLE p',
      'ALTER TABLE q RENAME TO p',
    ),
    done('UPDATE c SET p = NULL', 'DROP TABLE p'),
    failing('sql-error', 'INSERT INTO c VALUES (2, 2)'),
    done(
      'CREATE TABLE p (id INTEGER PRIMARY KEY)',
      'INSERT INTO p VALUES (2)',
      'INSERT INTO c VALUES (2, 2)',
    ),
  ],
  'a deferred key needs columns that compare alike': [
    done('CREATE TABLE p (id INTEGER PRIMARY KEY, k TEXT COLLATE NOCASE UNIQUE)'),
    refused('sql-not-allowed', 'CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)'),
    refused('sql-not-allowed', 'CREATE TABLE c (k TEXT REFERENCES p (k) DEFERRABLE INITIALLY DEFERRED)'),
    refused(
      'sql-not-allowed',
      'CREATE TABLE c (p TEXT REFERENCES q DEFERRABLE INITIALLY DEFERRED)',
      'CREATE TABLE q (id INTEGER PRIMARY KEY)',
    ),
    refused(
      'sql-not-allowed',
      'CREATE TABLE s (id TEXT PRIMARY KEY, up REFERENCES s DEFERRABLE INITIALLY DEFERRED)',
    ),
    refused(
      'sql-not-allowed',
      'CREATE TABLE s (id TEXT COLLATE NOCASE PRIMARY KEY, up TEXT COLLATE NOCASE REFERENCES s DEFERRABLE INITIALLY DEFERRED)',
    ),
    done(
      'CREATE TABLE c (p BIGINT REFERENCES p DEFERRABLE INITIALLY DEFERRED, k VARCHAR(20) COLLATE NOCASE REFERENCES p (k) DEFERRABLE INITIALLY DEFERRED)',
    ),
    done('CREATE TABLE d (p REFERENCES p, k TEXT REFERENCES p (k))'),
    done(
      "INSERT INTO p VALUES (1, 'Abc')",
      "INSERT INTO c VALUES ('1', 'aBC')",
      "INSERT INTO d VALUES ('1', 'ABC')",
    ),
    failing('constraint', 'DELETE FROM p'),
    failing('constraint', 'PRAGMA defer_foreign_keys = ON', 'DELETE FROM c', 'DELETE FROM p'),
    done('PRAGMA defer_foreign_keys = ON', 'DELETE FROM p', 'DELETE FROM c', 'DELETE FROM d'),
  ],
  'keys deferred by PRAGMA, in the midst of a transaction': [
    done(
      'CREATE TABLE p (id INTEGER PRIMARY KEY)',
      'CREATE TABLE c (p INT REFERENCES p DEFERRABLE INITIALLY DEFERRED, q INT REFERENCES p)',
    ),
    done(
      'INSERT INTO p VALUES (0)',
      'INSERT INTO c VALUES (1, NULL)',
      'INSERT INTO p VALUES (1)',
      DEFER,
      'INSERT INTO c VALUES (2, 3)',
      'INSERT INTO p VALUES (2), (3)',
    ),
    refused('constraint', 'INSERT INTO c VALUES (4, NULL)', DEFER, 'INSERT INTO p VALUES (4)'),
    refused(
      'constraint',
      DEFER,
      'INSERT INTO c VALUES (5, 6)',
      'PRAGMA defer_foreign_keys = OFF',
      'INSERT INTO p VALUES (5)',
    ),
    done('PRAGMA defer_foreign_keys = OFF', 'INSERT INTO c VALUES (7, 1)', 'INSERT INTO p VALUES (7)'),
    done('INSERT INTO p VALUES (100)'),
  ],
  'keys that SQLite cannot check, of columns that do not change': [
    done(
      'CREATE TABLE p (id INTEGER PRIMARY KEY, k, v)',
      'CREATE UNIQUE INDEX i ON p (k)',
      'CREATE TABLE c (id INTEGER PRIMARY KEY, k REFERENCES p (k), v)',
      'CREATE TABLE o (id INTEGER PRIMARY KEY, gone REFERENCES p, v)',
      'CREATE TABLE up (id INTEGER PRIMARY KEY, v)',
      'CREATE TABLE down (k, up REFERENCES up ON UPDATE CASCADE, v)',
      'CREATE TABLE below (d REFERENCES down (k))',
      'INSERT INTO c (id) VALUES (1)',
      'INSERT INTO o (id) VALUES (1)',
      'INSERT INTO up VALUES (1, 1), (2, 2)',
    ),
    done('DROP INDEX i'),
    done(
      'UPDATE c SET v = 1',
      'UPDATE c SET id = 5, v = 2',
      'UPDATE up SET v = 3 WHERE id = 1',
      'UPDATE up SET v = 4',
    ),
    alike('DROP TABLE p'),
    alike('UPDATE o SET v = 1', 'UPDATE c SET v = 7'),
    alike('DELETE FROM c'),
    alike('DELETE FROM o'),
    alike('DELETE FROM up'),
  ],
  'self references': [
    done('CREATE TABLE t (id INTEGER PRIMARY KEY, up REFERENCES t ON DELETE CASCADE ON UPDATE CASCADE, v)'),
    done(
      'INSERT INTO t VALUES (1, NULL, 0), (2, 1, 0), (3, 2, 0), (4, 3, 0), (5, 5, 0), (6, 5, 0), (7, 1, 0)',
    ),
    done('UPDATE t SET id = 20 WHERE id = 2'),
    done('UPDATE t SET id = 50 WHERE id = 5'),
    done('REPLACE INTO t VALUES (20, 1, 1)'),
    done('INSERT INTO t VALUES (21, 20, 1), (22, 21, 1)'),
    done('UPDATE t SET id = id + 100'),
    done('DELETE FROM t WHERE id = 101'),
    done('DELETE FROM t WHERE up = id'),
    done('CREATE TABLE s (id INTEGER PRIMARY KEY, up INT REFERENCES s DEFERRABLE INITIALLY DEFERRED)'),
    done('INSERT INTO s VALUES (1, 2), (2, 3), (3, 1)'),
    failing('constraint', 'DELETE FROM s WHERE id = 2'),
    done('DELETE FROM s'),
    done(
      'CREATE TABLE n (k PRIMARY KEY, up REFERENCES n ON DELETE SET NULL) WITHOUT ROWID',
      "INSERT INTO n VALUES ('a', 'a'), ('b', 'a'), ('c', 'b')",
    ),
    done("DELETE FROM n WHERE k = 'a'", "REPLACE INTO n VALUES ('b', 'b')"),
  ],
  'two tables that name each other, and diamonds': [
    done(
      'CREATE TABLE a (id INTEGER PRIMARY KEY, b INT REFERENCES b ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED)',
      'CREATE TABLE b (id INTEGER PRIMARY KEY, a INT REFERENCES a ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED)',
    ),
    done('INSERT INTO a VALUES (1, 1), (2, 1)', 'INSERT INTO b VALUES (1, 1), (2, 2)'),
    done('DELETE FROM a WHERE id = 1'),
    done(
      'CREATE TABLE top (id INTEGER PRIMARY KEY)',
      'CREATE TABLE l (id INTEGER PRIMARY KEY, t REFERENCES top ON DELETE CASCADE)',
      'CREATE TABLE r (id INTEGER PRIMARY KEY, t REFERENCES top ON DELETE CASCADE)',
    ),
    done('CREATE TABLE low (l REFERENCES l ON DELETE CASCADE, r REFERENCES r ON DELETE SET NULL)'),
    done(
      'INSERT INTO top VALUES (1), (2)',
      'INSERT INTO l VALUES (1, 1), (2, 2)',
      'INSERT INTO r VALUES (1, 1), (2, 2)',
      'INSERT INTO low VALUES (1, 1), (1, 2), (2, 1), (2, 2)',
    ),
    done('DELETE FROM top WHERE id = 1'),
    done('REPLACE INTO top VALUES (2)'),
  ],
  'rows that come back between a cascade and its cause': [
    done(
      'CREATE TABLE p (id INTEGER PRIMARY KEY, v)',
      'CREATE TABLE c (id INTEGER PRIMARY KEY, p INT REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED, v)',
      'CREATE TABLE g (id INTEGER PRIMARY KEY, c REFERENCES c ON DELETE CASCADE)',
      'CREATE TRIGGER again AFTER DELETE ON c BEGIN INSERT INTO c VALUES (OLD.id + 100, OLD.p, OLD.v); INSERT INTO g VALUES (OLD.id + 100, OLD.id + 100); END',
      'CREATE TRIGGER moved AFTER UPDATE OF p ON c BEGIN INSERT INTO c VALUES (OLD.id + 1000, OLD.p, OLD.v); END',
      'INSERT INTO p VALUES (1, 1), (2, 2)',
      'INSERT INTO c VALUES (1, 1, 1), (2, 1, 2), (3, 2, 3)',
    ),
    done('DELETE FROM p WHERE id = 1', 'INSERT INTO p VALUES (1, 5)'),
    done('UPDATE p SET id = 7 WHERE id = 2', 'INSERT INTO p VALUES (2, 6)'),
    done('REPLACE INTO p VALUES (1, 8)'),
    done('CREATE TRIGGER keep BEFORE DELETE ON c WHEN OLD.p = 7 BEGIN SELECT RAISE(IGNORE); END'),
    done('DELETE FROM p WHERE id = 7', 'INSERT INTO p VALUES (7, 9)'),
    failing('constraint', 'DELETE FROM p WHERE id = 7'),
    done(
      'CREATE TABLE s (p INT REFERENCES p ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED, v)',
      'INSERT INTO s VALUES (1, 1)',
    ),
    done(
      'CREATE TRIGGER reset AFTER UPDATE ON s WHEN NEW.p IS NULL BEGIN UPDATE s SET p = OLD.p WHERE rowid = NEW.rowid; END',
    ),
    done('REPLACE INTO p VALUES (1, 10)'),
    done('DELETE FROM p WHERE id = 1', 'INSERT INTO p VALUES (1, 11)'),
  ],
  'a trigger that changes a row while a cascade runs': [
    done(
      'CREATE TABLE p (id INTEGER PRIMARY KEY, n DEFAULT 0)',
      'CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE)',
      'CREATE TRIGGER count_down AFTER DELETE ON c BEGIN UPDATE p SET n = n - 1 WHERE id = OLD.p; END',
      'CREATE TRIGGER count_up AFTER INSERT ON c BEGIN UPDATE p SET n = n + 1 WHERE id = NEW.p; END',
      'CREATE TRIGGER count_move AFTER UPDATE ON c BEGIN UPDATE p SET n = n + 100 WHERE id IN (OLD.p, NEW.p); END',
      'INSERT INTO p (id) VALUES (1), (2)',
      'INSERT INTO c VALUES (1, 1), (2, 1), (3, 2)',
    ),
    done('UPDATE p SET id = 9 WHERE id = 2'),
    done('DELETE FROM c WHERE id = 1', 'DELETE FROM p WHERE id = 1'),
    done('REPLACE INTO p (id) VALUES (9)'),
  ],
};
