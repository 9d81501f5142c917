import type { Random } from '../random.ts';
import { integer, run, statement, type Task, type Workload, write } from './task.ts';

/** A table that refers to itself: one change runs down the whole chain. */
export function chain(): Workload {
  return {
    name: 'chain',
    setup: [
      statement(
        'CREATE TABLE chain (id INTEGER PRIMARY KEY, up REFERENCES chain ON DELETE CASCADE ON UPDATE CASCADE, v)',
      ),
    ],
    views: [],
    draw: climb,
  };
}

/** SQLite runs a change down no more rows of a chain than triggers may be deep. */
const ROWS_MAX = 9;
const GROW = `INSERT INTO chain SELECT max(id) + 1, max(id), ?1 FROM chain HAVING count(*) BETWEEN 1 AND ${ROWS_MAX - 1}`;

/** The chain grows at its end, is numbered anew from its top, and is cut in the middle. */
function climb(random: Random, op: number): Task {
  return random.pick([
    () => run(GROW, integer(op)),
    () => write([statement(GROW, integer(op)), statement(GROW, integer(op)), statement(GROW, integer(op))]),
    () => run('UPDATE chain SET id = id + 20 WHERE up IS NULL OR id % 2 = 0'),
    () => run('UPDATE OR REPLACE chain SET id = -id WHERE up IS NULL'),
    () => run('REPLACE INTO chain SELECT id, up, ? FROM chain ORDER BY id LIMIT 1 OFFSET 4', integer(op)),
    () => run('DELETE FROM chain WHERE id = (SELECT id FROM chain ORDER BY id LIMIT 1 OFFSET 5)'),
    () =>
      write([
        statement('DELETE FROM chain WHERE up IS NULL'),
        statement('INSERT INTO chain VALUES (1, NULL, ?)', integer(op)),
      ]),
  ])();
}
