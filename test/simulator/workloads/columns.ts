import { integer, read, run, statement, type Workload, write } from './task.ts';

/** Columns that come and go under those who write. Each may be there or not, so that some statements fail. */
const NAMES = ['c1', 'c2', 'c3'];

export function columns(): Workload {
  return {
    name: 'columns',
    setup: [statement('CREATE TABLE widening (id INTEGER PRIMARY KEY, v)')],
    views: [],
    draw(random, op) {
      const column = random.pick(NAMES);
      const id = integer(random.between(1, 3));
      const add = statement(`ALTER TABLE widening ADD COLUMN ${column} DEFAULT 7`);
      const set = statement(
        `UPDATE widening SET ${column} = ?, v = ? WHERE id < 3`,
        integer(op),
        integer(op),
      );
      return random.pick([
        () => write([add, set]),
        () => read(`SELECT id, ${column} FROM widening`),
        () => write([add]),
        () => write([set]),
        () => write([set]),
        () => run(`REPLACE INTO widening (id, ${column}) VALUES (?, ?)`, id, integer(op)),
        () => run('REPLACE INTO widening (id, v) VALUES (?, ?)', id, integer(op)),
        () => run('DELETE FROM widening WHERE id > 2'),
        () => write([statement(`ALTER TABLE widening DROP COLUMN ${column}`)]),
      ])();
    },
  };
}
