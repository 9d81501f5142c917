import type { Random } from '../random.ts';
import { integer, run, statement, type Task, type Workload, write } from './task.ts';

/** Rows that change their keys, and unique values that change places. */
export function swaps(): Workload {
  return {
    name: 'swaps',
    setup: [
      statement('CREATE TABLE swapped (id INTEGER PRIMARY KEY, u UNIQUE, v)'),
      statement('CREATE TABLE paired (a, b, v, PRIMARY KEY (a, b)) WITHOUT ROWID'),
    ],
    views: [],
    draw: (random, op) => random.pick([swap, renumber, renumber, composite])(random, op),
  };
}

/** Two rows change places by way of a third value: row by row, a follower would find the other in its way. */
function swap(random: Random): Task {
  const first = random.between(1, 4);
  const second = (first % 4) + 1;
  const give = 'UPDATE swapped SET u = ? WHERE u = ?';
  const [a, b] = [integer(first), integer(second)];
  return write([statement(give, 'between', a), statement(give, a, b), statement(give, b, 'between')]);
}

function renumber(random: Random, op: number): Task {
  return random.pick([
    () =>
      write([
        statement('UPDATE swapped SET id = -id'),
        statement('UPDATE swapped SET id = 1 + (-id) % 4, v = ?', integer(op)),
      ]),
    () =>
      write([
        statement('UPDATE swapped SET id = id + 10, u = u + 10'),
        statement('UPDATE swapped SET id = 15 - id, u = 15 - u'),
      ]),
    () => run('UPDATE OR REPLACE swapped SET u = u WHERE id = ?', integer(random.between(1, 4))),
    () =>
      write([
        statement('DELETE FROM swapped'),
        statement('INSERT INTO swapped VALUES (1, 4, 0), (2, 3, 0), (3, 2, 0), (4, 1, 0)'),
      ]),
  ])();
}

function composite(random: Random, op: number): Task {
  const [a, b] = [random.below(3), random.below(3)].map(integer) as [bigint, bigint];
  return random.pick([
    () =>
      run('INSERT INTO paired VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET v = excluded.v', a, b, integer(op)),
    () => run('UPDATE OR REPLACE paired SET a = b, b = a'),
    () => run('UPDATE OR REPLACE paired SET a = ? WHERE b = ?', a, b),
    () => run('DELETE FROM paired WHERE a = ?', a),
  ])();
}
