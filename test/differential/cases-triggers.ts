import type { Step } from './harness.ts';
import { alike, done, failing, refused } from './step.ts';

/** A chain of tables, each trigger of which writes into the next. */
function chain(depth: number): string[] {
  const tables = Array.from({ length: depth + 1 }, (_, i) => `CREATE TABLE c${i} (v)`);
  const triggers = Array.from(
    { length: depth },
    (_, i) =>
      `CREATE TRIGGER x${i} AFTER INSERT ON c${i} BEGIN INSERT INTO c${i + 1} VALUES (NEW.v + 1); END`,
  );
  return [...tables, ...triggers];
}

export const TRIGGER_CASES: Readonly<Record<string, readonly Step[]>> = {
  'triggers before, after and nested': [
    done(
      'CREATE TABLE t (id INTEGER PRIMARY KEY, v)',
      'CREATE TABLE log (id INTEGER PRIMARY KEY, what, a, b)',
      'CREATE TABLE deep (n)',
    ),
    done(
      "CREATE TRIGGER b1 BEFORE INSERT ON t BEGIN INSERT INTO log VALUES (NULL, 'before insert', NEW.id, NEW.v); END",
      "CREATE TRIGGER a1 AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NULL, 'after insert', NEW.id, NEW.v); END",
      "CREATE TRIGGER b2 BEFORE UPDATE ON t BEGIN INSERT INTO log VALUES (NULL, 'before update', OLD.v, NEW.v); END",
      "CREATE TRIGGER a2 AFTER UPDATE OF v ON t WHEN NEW.v > 0 BEGIN INSERT INTO log VALUES (NULL, 'after update', OLD.v, NEW.v); END",
      "CREATE TRIGGER b3 BEFORE DELETE ON t BEGIN INSERT INTO log VALUES (NULL, 'before delete', OLD.id, OLD.v); END",
      "CREATE TRIGGER a3 AFTER DELETE ON t BEGIN INSERT INTO log VALUES (NULL, 'after delete', OLD.id, OLD.v); END",
      'CREATE TRIGGER n AFTER INSERT ON log BEGIN INSERT INTO deep VALUES (NEW.id); UPDATE deep SET n = n + 1; DELETE FROM deep WHERE n > 4; END',
    ),
    done('INSERT INTO t (v) VALUES (1), (2), (3)'),
    done('UPDATE t SET v = v - 2'),
    done('REPLACE INTO t VALUES (1, 7), (9, 9)'),
    done('INSERT INTO t VALUES (1, 5) ON CONFLICT DO UPDATE SET v = -1'),
    done('DELETE FROM t WHERE v <> 9'),
    done('DROP TRIGGER b1', 'INSERT INTO t (v) VALUES (4)'),
    done('DROP TABLE log', 'CREATE TABLE log (id INTEGER PRIMARY KEY, what, a, b)', 'DELETE FROM t'),
  ],
  'a trigger that undoes or changes what was just written': [
    done('CREATE TABLE t (id INTEGER PRIMARY KEY, v)'),
    done('CREATE TRIGGER x AFTER INSERT ON t WHEN NEW.v < 0 BEGIN DELETE FROM t WHERE id = NEW.id; END'),
    done(
      'CREATE TRIGGER y AFTER INSERT ON t WHEN NEW.v > 10 BEGIN UPDATE t SET v = v / 2 WHERE id = NEW.id; END',
    ),
    done(
      'CREATE TRIGGER z AFTER UPDATE ON t WHEN NEW.v > 10 BEGIN UPDATE t SET v = NEW.v - 7, id = id + 1000 WHERE id = NEW.id; END',
    ),
    done('INSERT INTO t (v) VALUES (-1)', 'INSERT INTO t (v) VALUES (1), (-2), (3), (90)'),
    done('UPDATE t SET v = 50'),
    done('REPLACE INTO t VALUES (1, -9), (2, 80)'),
    done(
      'CREATE TRIGGER again AFTER DELETE ON t WHEN OLD.v > 0 BEGIN INSERT INTO t VALUES (OLD.id, -OLD.v); END',
    ),
    done('DELETE FROM t'),
    done('DROP TRIGGER x', 'INSERT INTO t (v) VALUES (1), (2)', 'DELETE FROM t'),
    done('REPLACE INTO t SELECT id, 3 FROM t'),
  ],
  'a BEFORE trigger that changes or removes the row itself': [
    done('CREATE TABLE t (id INTEGER PRIMARY KEY, v, w)'),
    done('INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4)'),
    done(
      'CREATE TRIGGER x BEFORE UPDATE OF v ON t WHEN OLD.id = 1 BEGIN UPDATE t SET w = w + 10 WHERE id = OLD.id; END',
    ),
    done(
      'CREATE TRIGGER y BEFORE UPDATE OF v ON t WHEN OLD.id = 2 BEGIN DELETE FROM t WHERE id = OLD.id; END',
    ),
    done('CREATE TRIGGER z BEFORE DELETE ON t WHEN OLD.id = 3 BEGIN UPDATE t SET w = -1 WHERE id = 3; END'),
    done(
      'CREATE TRIGGER d BEFORE DELETE ON t WHEN OLD.id = 4 BEGIN DELETE FROM t WHERE id > 4; UPDATE t SET w = 9; END',
    ),
    done('CREATE TRIGGER e BEFORE DELETE ON t WHEN OLD.id = 1 BEGIN DELETE FROM t WHERE id IN (3, 4); END'),
    done(
      'CREATE TRIGGER i BEFORE INSERT ON t WHEN NEW.v = 0 BEGIN INSERT INTO t VALUES (NEW.id + 100, 1, 1); END',
    ),
    done('UPDATE t SET v = v + 1'),
    done('INSERT INTO t VALUES (7, 0, 0)', 'INSERT INTO t (v) VALUES (0)'),
    done('DELETE FROM t WHERE id < 5'),
  ],
  'RAISE in its forms': [
    done('CREATE TABLE t (id INTEGER PRIMARY KEY, v)', 'CREATE TABLE log (v)'),
    done(
      "CREATE TRIGGER a BEFORE INSERT ON t WHEN NEW.v = 1 BEGIN INSERT INTO log VALUES ('a'); SELECT RAISE(ABORT, 'not one'); END",
    ),
    done(
      "CREATE TRIGGER f BEFORE INSERT ON t WHEN NEW.v = 2 BEGIN INSERT INTO log VALUES ('f'); SELECT RAISE(FAIL, 'not two'); END",
    ),
    done(
      "CREATE TRIGGER i BEFORE INSERT ON t WHEN NEW.v = 3 BEGIN INSERT INTO log VALUES ('i'); SELECT RAISE(IGNORE); INSERT INTO log VALUES ('never'); END",
    ),
    done(
      "CREATE TRIGGER j AFTER INSERT ON t WHEN NEW.v = 4 BEGIN INSERT INTO log VALUES ('j'); SELECT RAISE(IGNORE); INSERT INTO log VALUES ('never'); END",
    ),
    done("CREATE TRIGGER k AFTER INSERT ON t WHEN NEW.v = 4 BEGIN INSERT INTO log VALUES ('k'); END"),
    failing('constraint', 'INSERT INTO t (v) VALUES (9), (1)'),
    failing('constraint', 'INSERT INTO t (v) VALUES (9), (2)'),
    done('INSERT INTO t (v) VALUES (8), (3), (4), (5)'),
    done(
      'CREATE TRIGGER l BEFORE DELETE ON t WHEN OLD.v = 4 BEGIN SELECT RAISE(IGNORE); END',
      'DELETE FROM t',
    ),
    done(
      'CREATE TRIGGER m BEFORE UPDATE ON t BEGIN SELECT RAISE(IGNORE) WHERE NEW.v = 0; END',
      'UPDATE t SET v = 0',
      'UPDATE t SET v = 6',
    ),
    refused('sql-not-allowed', "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT RAISE(ROLLBACK, 'x'); END"),
  ],
  'views with INSTEAD OF triggers': [
    done('CREATE TABLE t (id INTEGER PRIMARY KEY, v)', 'CREATE VIEW w AS SELECT id, v * 2 AS d FROM t'),
    failing('sql-error', 'INSERT INTO w VALUES (1, 1)'),
    done(
      'CREATE TRIGGER wi INSTEAD OF INSERT ON w BEGIN INSERT INTO t VALUES (NEW.id, NEW.d / 2); END',
      'CREATE TRIGGER wu INSTEAD OF UPDATE ON w BEGIN UPDATE t SET v = NEW.d / 2, id = NEW.id WHERE id = OLD.id; END',
      'CREATE TRIGGER wd INSTEAD OF DELETE ON w BEGIN DELETE FROM t WHERE id = OLD.id; END',
    ),
    done('INSERT INTO w VALUES (1, 2), (2, 4), (3, 6)'),
    done('INSERT INTO t VALUES (50, 50)', 'INSERT INTO w VALUES (60, 60)', 'SELECT last_insert_rowid()'),
    done('UPDATE w SET d = d + 10, id = id + 100 WHERE id < 3'),
    done('DELETE FROM w WHERE d > 13', 'SELECT * FROM w'),
    done('DROP VIEW w', 'CREATE VIEW w (a) AS SELECT v FROM t', 'SELECT * FROM w'),
  ],
  'chains of triggers, as deep as they may be': [
    done(...chain(8)),
    done('INSERT INTO c0 VALUES (1), (10)'),
    done('UPDATE c3 SET v = v + 1', 'DELETE FROM c8'),
  ],
  'a chain of triggers that is too deep leaves nothing': [
    done(...chain(11)),
    failing('sql-error', 'INSERT INTO c0 VALUES (1)'),
    done('SELECT * FROM c0'),
  ],
  'a trigger that calls itself': [
    done(
      'CREATE TABLE t (n)',
      'CREATE TRIGGER x AFTER INSERT ON t WHEN NEW.n > 0 BEGIN INSERT INTO t VALUES (NEW.n - 1); END',
    ),
    done('INSERT INTO t VALUES (7)'),
    failing('sql-error', 'INSERT INTO t VALUES (50)'),
  ],
  'triggers older and newer than an altered table': [
    done(
      'CREATE TABLE t (id INTEGER PRIMARY KEY, v)',
      'CREATE TABLE o (x)',
      'CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT INTO o VALUES (NEW.v); UPDATE t SET v = v + 1 WHERE id = NEW.id; END',
    ),
    done('INSERT INTO t (v) VALUES (1)'),
    done('ALTER TABLE t ADD COLUMN w', 'INSERT INTO t (v, w) VALUES (1, 2)'),
    done(
      'CREATE TRIGGER b AFTER INSERT ON t BEGIN UPDATE t SET w = 5 WHERE id = NEW.id AND w > 0; END',
      'INSERT INTO t (v, w) VALUES (1, 2)',
    ),
    done('ALTER TABLE t RENAME TO u', 'INSERT INTO u (v, w) VALUES (1, 2)'),
    done('ALTER TABLE u RENAME COLUMN v TO "new v"', 'INSERT INTO u ("new v") VALUES (1)'),
    alike('ALTER TABLE u DROP COLUMN w'),
    alike('INSERT INTO u ("new v") VALUES (1)'),
    done('DROP TRIGGER b', 'INSERT INTO u ("new v") VALUES (1)'),
    done('ALTER TABLE o RENAME TO p', 'INSERT INTO u ("new v") VALUES (1)'),
    done(
      'CREATE TABLE __proto__ (a)',
      'CREATE TRIGGER "__proto__t" AFTER INSERT ON __proto__ BEGIN DELETE FROM __proto__; END',
      'INSERT INTO __proto__ VALUES (1)',
    ),
    done(
      'CREATE TRIGGER "constructor" AFTER INSERT ON u BEGIN DELETE FROM u; END',
      'INSERT INTO u ("new v") VALUES (1)',
      'DROP TRIGGER "constructor"',
    ),
  ],
};
