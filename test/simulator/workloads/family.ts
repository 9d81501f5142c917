import type { Random } from '../random.ts';
import { integer, run, statement, type Task, type Workload, write } from './task.ts';

const DEFER = statement('PRAGMA defer_foreign_keys = ON');

/** Foreign keys with every action, over three tables. */
export function family(): Workload {
  return {
    name: 'family',
    setup: [
      statement('CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT UNIQUE)'),
      statement(
        'CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents ON DELETE CASCADE ON UPDATE CASCADE, body)',
      ),
      statement(
        `CREATE TABLE grandchildren (child REFERENCES children ON DELETE CASCADE ON UPDATE CASCADE,
          godparent INTEGER REFERENCES parents ON DELETE SET NULL ON UPDATE SET NULL,
          guardian INTEGER DEFAULT 0 REFERENCES parents ON DELETE SET DEFAULT ON UPDATE SET DEFAULT)`,
      ),
      statement("INSERT INTO parents VALUES (0, 'nobody')"),
    ],
    views: [],
    draw: (random, op) => random.pick([bear, bear, part, part, rename])(random, op),
  };
}

const LAST = '(SELECT max(id) FROM parents)';
const FIRST = '(SELECT min(id) FROM parents WHERE id > 0)';

function bear(_: Random, op: number): Task {
  return write([
    statement('INSERT INTO parents VALUES (?, ?)', integer(op), `p${op}`),
    statement(
      'INSERT INTO children VALUES (?1, ?2, RANDOM()), (?1 + 1, ?2, NULL)',
      integer(2 * op),
      integer(op),
    ),
    statement(
      `INSERT INTO grandchildren SELECT id, ${FIRST}, ${LAST} FROM children WHERE parent = ?`,
      integer(op),
    ),
  ]);
}

function part(random: Random, op: number): Task {
  return random.pick([
    () => run(`DELETE FROM parents WHERE id = ${FIRST}`),
    () => run('DELETE FROM parents WHERE id BETWEEN 1 AND ?', integer(op - 30)),
    () => run('DELETE FROM parents WHERE id = 0'),
    () =>
      write([
        DEFER,
        statement('DELETE FROM parents WHERE id = 0'),
        statement("INSERT INTO parents VALUES (0, 'nobody')"),
      ]),
    () => run(`DELETE FROM children WHERE id = (SELECT min(id) FROM children)`),
    () => run(`REPLACE INTO parents SELECT max(id), 'replaced' FROM parents WHERE id > 0 HAVING max(id) > 0`),
  ])();
}

function rename(random: Random, op: number): Task {
  return random.pick([
    () => run(`UPDATE parents SET id = ? WHERE id > 0 AND id = ${LAST}`, integer(op)),
    () => run("UPDATE OR REPLACE parents SET name = 'same' WHERE id % 2 = 1"),
    () => run(`UPDATE children SET body = ?1, parent = ${LAST} WHERE id % 3 = 0`, op + 0.5),
    () => run('UPDATE children SET id = -id WHERE id % 5 = 0'),
    () => run('UPDATE parents SET name = name WHERE 0'),
    () => run('INSERT INTO children (parent) VALUES (-1)'),
  ])();
}
