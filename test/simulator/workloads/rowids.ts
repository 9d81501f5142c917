import type { Random } from '../random.ts';
import { integer, run, statement, type Task, type Workload, write } from './task.ts';

/** Rows that no column tells apart: by rowid, or with NULL where their key should be. */
export function rowids(): Workload {
  return {
    name: 'rowids',
    setup: [statement('CREATE TABLE bare (a, b)'), statement('CREATE TABLE named (k TEXT PRIMARY KEY, v)')],
    views: [],
    draw: (random, op) => random.pick([rowid, rowid, nulls])(random, op),
  };
}

/** Only the rowid tells two rows of `bare` apart. */
function rowid(random: Random, op: number): Task {
  return random.pick([
    () => run("INSERT INTO bare VALUES (1, 'same'), (1, 'same')"),
    () => run('INSERT INTO bare VALUES (?, RANDOM())', integer(op)),
    () => run('UPDATE bare SET b = ? WHERE rowid = (SELECT max(rowid) FROM bare)', integer(op)),
    () =>
      run(
        'UPDATE OR REPLACE bare SET rowid = ? WHERE rowid = (SELECT min(rowid) FROM bare)',
        integer(op + 1_000),
      ),
    () => run('DELETE FROM bare WHERE rowid = (SELECT max(rowid) FROM bare)'),
    () => run('DELETE FROM bare WHERE a = 1 AND rowid > (SELECT min(rowid) FROM bare)'),
    () =>
      write([
        statement(
          'DELETE FROM bare WHERE rowid < (SELECT max(rowid) - ? FROM bare)',
          integer(random.below(9)),
        ),
        statement('INSERT INTO bare (rowid, a) SELECT min(rowid) - 1, ? FROM bare', integer(op)),
      ]),
  ])();
}

/** A TEXT PRIMARY KEY may be NULL, in several rows. */
function nulls(random: Random, op: number): Task {
  const key = random.pick([null, null, 'a', 'b', '']);
  return random.pick([
    () => run('INSERT OR REPLACE INTO named VALUES (?, ?)', key, integer(op)),
    () => run('UPDATE named SET v = ? WHERE k IS ?', integer(op), key),
    () => run('UPDATE OR REPLACE named SET k = ? WHERE rowid = (SELECT min(rowid) FROM named)', key),
    () => run('DELETE FROM named WHERE rowid < (SELECT max(rowid) - 3 FROM named)'),
  ])();
}
