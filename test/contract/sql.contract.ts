import { expect } from 'vitest';
import { all, first, run, SqlError, type Sql } from '../../shared/ports.ts';

/**
 * The rules of the `Sql` port. Every adapter runs each on an empty database; `afterRestart` runs on a new
 * connection to the same storage.
 */
export interface SqlRule {
  readonly name: string;
  readonly check: (sql: Sql) => void;
  readonly afterRestart?: (sql: Sql) => void;
}

function errorOf(work: () => unknown): SqlError {
  try {
    work();
  } catch (error) {
    if (error instanceof SqlError) return error;
    throw error;
  }
  throw new Error('no error was thrown');
}

const VALUES: readonly SqlRule[] = [
  {
    name: '[SP1] a row is an array in the order of its columns, and column names may repeat',
    check: (sql) => {
      const cursor = sql.exec('SELECT 1 AS a, 2 AS a, 3 AS b');
      expect([...cursor.columns]).toEqual(['a', 'a', 'b']);
      expect([...cursor]).toEqual([[1, 2, 3]]);
    },
  },
  {
    name: '[SP1] a result without rows has its columns',
    check: (sql) => {
      const cursor = sql.exec('SELECT 1 AS a WHERE 0');
      expect([...cursor]).toEqual([]);
      expect([...cursor.columns]).toEqual(['a']);
    },
  },
  {
    name: '[SP2] an integer beyond 2^53 comes back rounded to a double',
    check: (sql) => {
      expect(first(sql, 'SELECT 9007199254740993, 9223372036854775807')).toEqual([9007199254740992, 2 ** 63]);
    },
  },
  {
    name: '[SP3] a number binds as REAL',
    check: (sql) => {
      run(sql, 'CREATE TABLE t (x TEXT, y, z INTEGER)');
      run(sql, 'INSERT INTO t VALUES (?, ?, ?)', 5, 5, 5);
      expect(first(sql, 'SELECT x, typeof(y), typeof(z) FROM t')).toEqual(['5.0', 'real', 'integer']);
    },
  },
  {
    name: "[SP3] digits bound as text to (?->>'$') are an exact INTEGER",
    check: (sql) => {
      const largest = '9223372036854775807';
      expect(first(sql, "SELECT typeof(v), CAST(v AS TEXT) FROM (SELECT (?->>'$') AS v)", largest)).toEqual([
        'integer',
        largest,
      ]);
      run(sql, 'CREATE TABLE t (x TEXT, y)');
      run(sql, "INSERT INTO t VALUES ((?->>'$'), (?->>'$'))", '5', '-9223372036854775808');
      expect(first(sql, 'SELECT x, typeof(y), CAST(y AS TEXT) FROM t')).toEqual([
        '5',
        'integer',
        '-9223372036854775808',
      ]);
    },
  },
  {
    name: '[SP4] blobs go in and out as bytes, an empty one and a part of a buffer too',
    check: (sql) => {
      const part = new Uint8Array([9, 0, 255, 7, 9]).subarray(1, 4);
      const row = first(sql, 'SELECT ?, typeof(?), hex(?), ?', part, part, part, new Uint8Array(0));
      expect(row).toEqual([new Uint8Array([0, 255, 7]), 'blob', '00FF07', new Uint8Array(0)]);
    },
  },
  {
    name: '[SP5] NULL, and text with NUL, lone quotes and characters beyond 16 bits',
    check: (sql) => {
      const text = "a\0b'\u{1f30a}é";
      expect(first(sql, 'SELECT ?, ?, length(CAST(? AS BLOB)), NULL', null, text, text)).toEqual([
        null,
        text,
        10,
        null,
      ]);
    },
  },
  {
    name: '[SP5] infinities come back as they are, and NaN binds as NULL',
    check: (sql) => {
      expect(first(sql, 'SELECT 9e999, -9e999, typeof(?)', Number.NaN)).toEqual([
        Infinity,
        -Infinity,
        'null',
      ]);
    },
  },
];

const ERRORS: readonly SqlRule[] = [
  {
    name: '[SP6] a broken constraint says which',
    check: (sql) => {
      run(sql, 'CREATE TABLE p (id INTEGER PRIMARY KEY)');
      run(sql, 'CREATE TABLE t (a UNIQUE, b NOT NULL CHECK (b > 0), c REFERENCES p)');
      run(sql, 'INSERT INTO t VALUES (1, 1, NULL)');
      const messages = ['1, 1, NULL', '2, NULL, NULL', '2, 0, NULL', '2, 1, 7'].map((values) => {
        const { kind, message, offset } = errorOf(() => run(sql, `INSERT INTO t VALUES (${values})`));
        return [kind, message, offset];
      });
      expect(messages).toEqual([
        ['constraint', 'UNIQUE constraint failed: t.a', null],
        ['constraint', 'NOT NULL constraint failed: t.b', null],
        ['constraint', 'CHECK constraint failed: b > 0', null],
        ['constraint', 'FOREIGN KEY constraint failed', null],
      ]);
    },
  },
  {
    name: '[SP6] the words of RAISE come through whole',
    check: (sql) => {
      run(sql, 'CREATE TABLE t (a)');
      run(sql, `CREATE TRIGGER g BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'no: at offset 3'); END`);
      const { kind, message } = errorOf(() => run(sql, 'INSERT INTO t VALUES (1)'));
      expect([kind, message]).toEqual(['constraint', 'no: at offset 3']);
    },
  },
  {
    name: '[SP6] a wrong statement has the same words everywhere',
    check: (sql) => {
      const messageOf = (text: string) => {
        const { kind, message } = errorOf(() => run(sql, text));
        return [kind, message];
      };
      expect(messageOf('SELECT * FROM missing')).toEqual(['other', 'no such table: missing']);
      expect(messageOf('SELEC 1')).toEqual(['other', 'near "SELEC": syntax error']);
      expect(messageOf('SELECT absent(1)')).toEqual(['other', 'no such function: absent']);
    },
  },
  {
    name: '[SP6] a value that is too large is refused as such',
    check: (sql) => {
      expect(errorOf(() => run(sql, 'SELECT length(zeroblob(20000000))')).kind).toBe('too-big');
    },
  },
  {
    name: '[SP6] an error in the middle of reading is an SqlError too',
    check: (sql) => {
      const text = `SELECT json_extract(value, '$') FROM json_each('["1", "2", "{"]')`;
      expect(errorOf(() => all(sql, text)).message).toBe('malformed JSON');
    },
  },
  {
    name: '[SP6] a missing value is refused',
    check: (sql) => {
      expect(errorOf(() => run(sql, 'SELECT ?, ?', 1)).kind).toBe('other');
    },
  },
];

const TRANSACTIONS: readonly SqlRule[] = [
  {
    name: '[SP7] a transaction that throws leaves nothing behind and throws what the work threw',
    check: (sql) => {
      run(sql, 'CREATE TABLE t (a)');
      const reason = new Error('mine');
      let thrown: unknown;
      try {
        sql.transaction(() => {
          run(sql, 'INSERT INTO t VALUES (1)');
          run(sql, 'CREATE TABLE u (a)');
          throw reason;
        });
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBe(reason);
      expect(all(sql, 'SELECT a FROM t')).toEqual([]);
      expect(first(sql, "SELECT name FROM sqlite_master WHERE name = 'u'")).toBeNull();
    },
  },
  {
    name: '[SP7] an inner transaction that throws undoes only itself',
    check: (sql) => {
      run(sql, 'CREATE TABLE t (a INTEGER)');
      const result = sql.transaction(() => {
        run(sql, 'INSERT INTO t VALUES (1)');
        const inner = errorOf(() =>
          sql.transaction(() => {
            run(sql, 'INSERT INTO t VALUES (2)');
            sql.transaction(() => run(sql, 'INSERT INTO t VALUES (3)'));
            run(sql, 'INSERT INTO missing VALUES (4)');
          }),
        );
        expect(inner.message).toBe('no such table: missing');
        run(sql, 'INSERT INTO t VALUES (5)');
        return 'kept';
      });
      expect(result).toBe('kept');
      expect(all(sql, 'SELECT a FROM t ORDER BY a')).toEqual([[1], [5]]);
    },
  },
  {
    name: '[SP7] a statement that fails undoes itself and not the transaction around it',
    check: (sql) => {
      run(sql, 'CREATE TABLE t (a INTEGER UNIQUE)');
      sql.transaction(() => {
        run(sql, 'INSERT INTO t VALUES (1)');
        errorOf(() => run(sql, 'INSERT INTO t VALUES (2), (3), (1)'));
        run(sql, 'INSERT INTO t VALUES (4)');
      });
      expect(all(sql, 'SELECT a FROM t ORDER BY a')).toEqual([[1], [4]]);
    },
  },
];

const BEHAVIOUR: readonly SqlRule[] = [
  {
    name: '[SP8] a statement runs when it is sent, whether or not its rows are read',
    check: (sql) => {
      run(sql, 'CREATE TABLE t (a INTEGER)');
      sql.exec('INSERT INTO t VALUES (1), (2) RETURNING a');
      expect(all(sql, 'SELECT a FROM t')).toEqual([[1], [2]]);
    },
  },
  {
    name: '[SP8] reading may stop early, in a transaction too, and a write is done all the same',
    check: (sql) => {
      run(sql, 'CREATE TABLE t (a INTEGER)');
      const stopEarly = (text: string) => {
        for (const _row of sql.exec(text)) return;
      };
      sql.transaction(() => stopEarly('INSERT INTO t VALUES (1), (2) RETURNING a'));
      sql.transaction(() => sql.transaction(() => stopEarly('UPDATE t SET a = a + 1 RETURNING a')));
      const undone = () => {
        stopEarly('DELETE FROM t RETURNING a');
        throw new SqlError('undone', 'other', null);
      };
      sql.transaction(() => errorOf(() => sql.transaction(undone)));
      sql.transaction(() =>
        stopEarly('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n'),
      );
      expect(all(sql, 'SELECT a FROM t')).toEqual([[2], [3]]);
    },
  },
  {
    name: '[SP8] a query that is not read to its end locks nothing',
    check: (sql) => {
      run(sql, 'CREATE TABLE t (a INTEGER)');
      run(sql, 'INSERT INTO t VALUES (1), (2), (3)');
      for (const _row of sql.exec('SELECT x.a FROM t AS x, t AS y')) break;
      sql.transaction(() => run(sql, 'CREATE INDEX i ON t (a)'));
      for (const _row of sql.exec('SELECT a FROM t INDEXED BY i WHERE a > 0')) break;
      sql.transaction(() => {
        run(sql, 'DROP INDEX i');
        run(sql, 'DROP TABLE t');
      });
      expect(
        first(sql, "SELECT count(*) FROM sqlite_schema WHERE name IN ('t', 'i', '_tidemark_abort')"),
      ).toEqual([0]);
    },
  },
  {
    name: '[SP8] rowsRead and rowsWritten count what the statement did',
    check: (sql) => {
      run(sql, 'CREATE TABLE t (a INTEGER)');
      const write = sql.exec('INSERT INTO t VALUES (1), (2), (3)');
      expect([...write]).toEqual([]);
      expect(write.rowsWritten).toBe(3);
      const read = sql.exec('SELECT a FROM t');
      expect([...read]).toHaveLength(3);
      expect(read.rowsRead).toBe(3);
      expect(read.rowsWritten).toBe(0);
    },
  },
  {
    name: '[SP9] foreign keys are on',
    check: (sql) => {
      run(sql, 'CREATE TABLE p (id INTEGER PRIMARY KEY)');
      run(sql, 'CREATE TABLE c (p REFERENCES p ON DELETE CASCADE)');
      run(sql, 'INSERT INTO p VALUES (1)');
      run(sql, 'INSERT INTO c VALUES (1)');
      run(sql, 'DELETE FROM p');
      expect(all(sql, 'SELECT p FROM c')).toEqual([]);
    },
  },
  {
    name: '[SP10] REPLACE fires the delete trigger of the row it replaces, after a restart too',
    check: (sql) => {
      run(sql, 'CREATE TABLE t (a INTEGER PRIMARY KEY, b)');
      run(sql, 'CREATE TABLE gone (b)');
      run(sql, 'CREATE TRIGGER g AFTER DELETE ON t BEGIN INSERT INTO gone VALUES (OLD.b); END');
      run(sql, `INSERT INTO t VALUES (1, 'x')`);
      run(sql, `REPLACE INTO t VALUES (1, 'y')`);
      expect(all(sql, 'SELECT b FROM gone')).toEqual([['x']]);
    },
    afterRestart: (sql) => {
      run(sql, `REPLACE INTO t VALUES (1, 'z')`);
      expect(all(sql, 'SELECT b FROM gone ORDER BY rowid')).toEqual([['x'], ['y']]);
    },
  },
  {
    name: '[SP11] of several triggers the newest fires first, after a restart too',
    check: (sql) => {
      run(sql, 'CREATE TABLE t (a)');
      run(sql, 'CREATE TABLE fired (name)');
      // Names that sort neither up nor down, so that no order of names passes for the order of making.
      for (const name of ['m', 'z', 'a']) {
        run(sql, `CREATE TRIGGER ${name} AFTER INSERT ON t BEGIN INSERT INTO fired VALUES ('${name}'); END`);
      }
      run(sql, 'INSERT INTO t VALUES (1)');
      expect(all(sql, 'SELECT name FROM fired ORDER BY rowid')).toEqual([['a'], ['z'], ['m']]);
    },
    afterRestart: (sql) => {
      run(sql, 'DELETE FROM fired');
      run(sql, 'INSERT INTO t VALUES (2)');
      expect(all(sql, 'SELECT name FROM fired ORDER BY rowid')).toEqual([['a'], ['z'], ['m']]);
    },
  },
];

export const SQL_RULES: readonly SqlRule[] = [...VALUES, ...ERRORS, ...TRANSACTIONS, ...BEHAVIOUR];
