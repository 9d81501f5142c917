import type { SqlParam } from '../../../shared/tables/values.ts';
import type { Random } from '../random.ts';
import { integer, run, statement, type Workload } from './task.ts';

const IDS = 5;

/** What is lost on the way through a double, a C string, JSON or a wrong affinity. */
const VALUES: readonly SqlParam[] = [
  2n ** 63n - 1n,
  -(2n ** 63n),
  2n ** 53n + 1n,
  0n,
  1n,
  1,
  -0,
  0.1,
  Infinity,
  -Infinity,
  5e-324,
  1.7976931348623157e308,
  2 ** 63,
  null,
  '',
  '1',
  '1.0',
  'a\0b',
  '\0',
  'ünï☃🌊\u2028',
  '"\\\t\n',
  new Uint8Array(),
  Uint8Array.from([0, 255, 0, 1]),
];

/** Values at the limits of SQLite's types, in columns with and without one, and as keys. */
export function values(): Workload {
  return {
    name: 'values',
    setup: [
      statement('CREATE TABLE untyped (id INTEGER PRIMARY KEY, a, b)'),
      statement(
        'CREATE TABLE typed (id INTEGER PRIMARY KEY, i INTEGER, r REAL, t TEXT, n NUMERIC, b BLOB, y BOOLEAN)',
      ),
      statement('CREATE TABLE by_value (k PRIMARY KEY, v) WITHOUT ROWID'),
    ],
    views: [],
    draw(random, op) {
      const id = integer(random.below(IDS));
      const value = draw(random);
      return random.pick([
        () => run('REPLACE INTO untyped VALUES (?, ?, ?)', id, value, draw(random)),
        () => run('REPLACE INTO typed VALUES (?1, ?2, ?2, ?2, ?2, ?2, ?2)', id, value),
        () => run('UPDATE untyped SET a = ?, b = a WHERE id = ?', value, id),
        () => run('UPDATE untyped SET b = zeroblob(?) WHERE id = ?', integer(random.below(5_000)), id),
        () => run('UPDATE untyped SET a = ?, b = 9e999 - 9e999 WHERE id = ?', random.int64(), id),
        () => run('UPDATE untyped SET a = a = b, b = TRUE WHERE id = ?', id),
        () => run('UPDATE untyped SET a = CAST(a AS REAL), b = CAST(b AS INTEGER) WHERE id = ?', id),
        () => run(`REPLACE INTO untyped VALUES (?, json_array(?, 1), json('{"x":"41"}'))`, id, integer(op)),
        () =>
          run(
            'UPDATE untyped SET a = json_array(?, 1), b = json_quote(?) WHERE id = ?',
            integer(op),
            'a',
            id,
          ),
        () => run('INSERT OR REPLACE INTO by_value VALUES (?, ?)', value ?? 'none', integer(op)),
        () => run('UPDATE OR REPLACE by_value SET k = ? WHERE k = ?', value ?? 'none', draw(random)),
        () => run('DELETE FROM by_value WHERE v < ?', integer(op - 40)),
      ])();
    },
  };
}

function draw(random: Random): SqlParam {
  return random.pick(VALUES);
}
