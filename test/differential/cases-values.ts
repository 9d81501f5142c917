import type { SqlParam } from '../../shared/tables/values.ts';
import type { Step } from './harness.ts';
import { bound, done, drawn, failing, refused } from './step.ts';

const INT64_MAX = 9223372036854775807n;
const INT64_MIN = -9223372036854775808n;

const VALUES: readonly SqlParam[] = [
  null,
  0n,
  1n,
  -1n,
  5n,
  2n ** 53n,
  2n ** 53n + 1n,
  INT64_MAX,
  INT64_MIN,
  INT64_MIN + 1n,
  0.0,
  1.0,
  -1.5,
  0.1,
  1e15,
  1e16,
  2 ** 53 + 2,
  2 ** 63,
  -(2 ** 63),
  1e22,
  1e23,
  1e-7,
  5e-324,
  -5e-324,
  2.225073858507201e-308,
  2.2250738585072014e-308,
  1.7976931348623157e308,
  Infinity,
  -Infinity,
  '',
  ' ',
  '5',
  '5.0',
  '05',
  '1e3',
  '9223372036854775808',
  'NaN',
  'inf',
  'true',
  'a\0b',
  '\0',
  'tab\tnewline\ncarriage\r',
  '\u0001\u001F\u007F\u0080\u2028\u2029',
  '"quotes" \'and\' \\back\\slashes',
  '{"x":"41"}',
  '[1,2]',
  'ünïcode ☃ 🌊 \uFFFD',
  new Uint8Array(),
  new Uint8Array([0]),
  new Uint8Array([0xff, 0xfe, 0, 0x41]),
  new TextEncoder().encode('{"x":"41"}'),
];

const TYPES = [
  '',
  'ANY',
  'BLOB',
  'TEXT',
  'INTEGER',
  'REAL',
  'NUMERIC',
  'VARCHAR(10)',
  'BOOLEAN',
  'DATETIME',
  'FLOATING POINT',
];

function storageOf(columns: string, options = ''): Step[] {
  return [
    done(`CREATE TABLE t (id INTEGER PRIMARY KEY, ${columns})${options}`),
    ...VALUES.map((value) => done(bound('INSERT INTO t (c) VALUES (?)', value))),
    done('UPDATE t SET c = c WHERE id % 2'),
    done('INSERT INTO t (c) SELECT c FROM t'),
    done(bound('UPDATE t SET c = ? WHERE id < 4', INT64_MAX)),
    done(...VALUES.map((value) => bound('UPDATE t SET c = ? WHERE id = 7', value))),
    done('DELETE FROM t WHERE id > 60'),
    done('SELECT id, typeof(c), c FROM t ORDER BY id'),
    done('DELETE FROM t'),
  ];
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}

function randomDoubles(count: number): number[] {
  const next = random(42);
  const view = new DataView(new ArrayBuffer(8));
  const doubles: number[] = [];
  while (doubles.length < count) {
    // Each fourth is denormal.
    view.setUint32(0, doubles.length % 4 === 0 ? next() % 2 ** 20 : next());
    view.setUint32(4, next());
    if (Number.isFinite(view.getFloat64(0))) doubles.push(view.getFloat64(0));
  }
  return doubles;
}

const MIB = 1024 * 1024;

export const VALUE_CASES: Readonly<Record<string, readonly Step[]>> = {
  ...Object.fromEntries(
    TYPES.map((type) => [`every value in a column of type '${type}'`, storageOf(`c ${type}`)]),
  ),
  'every value in a column of type ANY of a STRICT table': storageOf('c ANY', ' STRICT'),
  'STRICT tables hold to their types': [
    done('CREATE TABLE t (i INT, n INTEGER, r REAL, s TEXT, b BLOB, a ANY) STRICT'),
    done(bound('INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)', 1n, INT64_MIN, 3.0, '4', new Uint8Array([5]), '6')),
    done(bound('INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)', 1.0, '2', 3n, 4n, null, 6.0)),
    failing('constraint', "INSERT INTO t (i) VALUES ('x')"),
    failing('constraint', "INSERT INTO t (b) VALUES ('x')"),
    failing('constraint', 'INSERT INTO t (n) VALUES (1.5)'),
    failing('constraint', "UPDATE t SET r = 'x'"),
    done('UPDATE t SET a = NULL, s = 5.5'),
  ],
  'STRICT and WITHOUT ROWID with a key of type ANY': [
    done('CREATE TABLE t (k ANY PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID'),
    ...VALUES.filter((value) => value !== null && value !== 0 && value !== 1).map((value) =>
      done(bound('INSERT OR REPLACE INTO t VALUES (?, 0)', value)),
    ),
    done('UPDATE t SET v = 1'),
    done("DELETE FROM t WHERE typeof(k) IN ('text', 'real')"),
    done('DELETE FROM t'),
  ],
  'a thousand random doubles': [
    done('CREATE TABLE t (id INTEGER PRIMARY KEY, c, r REAL)'),
    ...Array.from({ length: 20 }, (_, i) =>
      done(
        ...randomDoubles(1000)
          .slice(i * 50, i * 50 + 50)
          .map((value) => bound('INSERT INTO t (c, r) VALUES (?1, ?1)', value)),
      ),
    ),
    done('UPDATE t SET c = -c'),
  ],
  'values that SQL functions made, JSON too': [
    done('CREATE TABLE t (id INTEGER PRIMARY KEY, c)'),
    done(
      `INSERT INTO t (c) VALUES (json('{"x":"41"}')), (json_array(1, 2)), (json_object('x', 'ff')), (json_quote('a'))`,
    ),
    done(`UPDATE t SET c = json_set(c, '$.y', 1) WHERE id = 1`),
    done(`UPDATE t SET c = jsonb('[1]') WHERE id = 2`),
    done(`INSERT INTO t (c) SELECT json_group_array(id) FROM t`),
    done(`UPDATE t SET c = (SELECT json_group_object(id, typeof(c)) FROM t)`),
    done(
      `INSERT INTO t (c) VALUES (zeroblob(20)), (x''), (char(0)), (9e999), (-9e999), (0x7fffffffffffffff)`,
    ),
    done("INSERT INTO t (c) VALUES (json(NULL)), (json(1)), (json(1.0)), (json('\"text\"')), (json('true'))"),
    done('CREATE TABLE k (c PRIMARY KEY) WITHOUT ROWID'),
    done(`INSERT INTO k VALUES (json('{"x":"41"}')), (json_array(1, 2))`),
    done('UPDATE k SET c = json(c)'),
    done('DELETE FROM k'),
  ],
  'large and small blobs and texts': [
    done('CREATE TABLE t (id INTEGER PRIMARY KEY, c)'),
    done(bound('INSERT INTO t (c) VALUES (?)', new Uint8Array(700_000).fill(7))),
    done(bound('INSERT INTO t (c) VALUES (?)', 'x'.repeat(1_500_000))),
    done('INSERT INTO t (c) VALUES (zeroblob(900000))'),
    done("INSERT INTO t (c) VALUES (replace(hex(zeroblob(150000)), '0', 'é'))"),
    done('UPDATE t SET id = id + 10 WHERE id = 4'),
    done('DELETE FROM t'),
  ],
  'a row that is too large for the log is refused, and nothing of it stays': [
    done('CREATE TABLE t (id INTEGER PRIMARY KEY, c)'),
    refused('too-large', bound('INSERT INTO t (c) VALUES (?)', new Uint8Array(1_500_000))),
    refused('too-large', 'INSERT INTO t (c) VALUES (1)', 'INSERT INTO t (c) VALUES (zeroblob(1200000))'),
    failing('too-large', 'INSERT INTO t (c) VALUES (zeroblob(3000000))'),
    done(bound('INSERT INTO t (c) VALUES (?)', 'x'.repeat(1_500_000))),
    refused('too-large', "UPDATE t SET c = c || 'x'"),
    done('DELETE FROM t'),
  ],
  'a transaction that is too large for an entry is refused': [
    done('CREATE TABLE t (id INTEGER PRIMARY KEY, c)'),
    refused(
      'too-large',
      ...Array.from({ length: 9 }, () => bound('INSERT INTO t (c) VALUES (?)', 'y'.repeat(MIB))),
    ),
    done(...Array.from({ length: 7 }, () => bound('INSERT INTO t (c) VALUES (?)', 'y'.repeat(MIB)))),
    done('DELETE FROM t WHERE id < 4'),
  ],
  'text that is not UTF-8 is refused': [
    done('CREATE TABLE t (id INTEGER PRIMARY KEY, c)', 'CREATE TABLE k (c PRIMARY KEY) WITHOUT ROWID'),
    done("INSERT INTO t (c) VALUES (char(65533)), ('\uFFFD'), (CAST(x'efbfbd' AS TEXT)), (x'ff')"),
    refused('sql-not-allowed', "INSERT INTO t (c) VALUES (CAST(x'ff' AS TEXT))"),
    refused('sql-not-allowed', "INSERT INTO t (c) VALUES ('\uFFFD' || CAST(x'e282' AS TEXT))"),
    refused(
      'sql-not-allowed',
      'INSERT INTO t (c) VALUES (1)',
      "UPDATE t SET c = CAST(x'eda080' AS TEXT) WHERE id = 1",
    ),
    refused('sql-not-allowed', "INSERT INTO k VALUES (CAST(x'c0' AS TEXT))"),
    refused('sql-not-allowed', "CREATE TABLE u AS SELECT CAST(x'f8' AS TEXT) AS c"),
    done("UPDATE t SET c = '\uFFFD' || c WHERE id < 3"),
  ],
  'random and current values are the same on every replica': [
    drawn(
      'CREATE TABLE t (id INTEGER PRIMARY KEY, r DEFAULT (random()), b DEFAULT (randomblob(8)), d DEFAULT CURRENT_TIMESTAMP, u DEFAULT (hex(randomblob(16))))',
    ),
    ...Array.from({ length: 5 }, () => drawn('INSERT INTO t DEFAULT VALUES')),
    drawn("UPDATE t SET r = random(), d = datetime('now'), b = strftime('%f')"),
    drawn('INSERT INTO t (id) VALUES (9223372036854775807)'),
    drawn('INSERT INTO t DEFAULT VALUES', 'INSERT INTO t DEFAULT VALUES'),
    drawn('DELETE FROM t WHERE r % 2'),
    drawn(
      'CREATE TABLE c (id INTEGER PRIMARY KEY, x CHECK (random() IS NOT 0), y CHECK (abs(random() % 2) + x < 2))',
    ),
    ...Array.from({ length: 5 }, () =>
      drawn('INSERT OR IGNORE INTO c (x, y) VALUES (1, 1), (1, 2), (1, 3), (1, 4)'),
    ),
    ...Array.from({ length: 3 }, () => drawn('UPDATE OR IGNORE c SET x = 1')),
    drawn('CREATE TABLE r AS SELECT random() AS a, * FROM t'),
    drawn('DELETE FROM t WHERE id IN (SELECT id FROM t ORDER BY random() LIMIT 2)'),
  ],
};
