import { IMPORT_ROWS_MAX } from '../model.ts';
import { integer, statement, type Task, type Workload, write } from './task.ts';

const BATCHES_MAX = 4;

const BATCH = `WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1 + ?2)
  INSERT INTO bulk (id, body) SELECT i, RANDOM() FROM n`;
const ROWS = `INSERT INTO bulk (id, body) VALUES ${Array.from({ length: 20 }, () => '(?, ?)').join(', ')}`;

/** Imports: many rows in one transaction, and one batch after the other, as far as each is acknowledged. */
export function bulk(): Workload {
  return {
    name: 'bulk',
    setup: [statement('CREATE TABLE bulk (id INTEGER PRIMARY KEY, body)')],
    views: ['bulk'],
    draw(random, op) {
      if (random.chance(0.4)) return write([statement('DELETE FROM bulk')], [['clear', 'bulk']]);
      const sizes = Array.from({ length: random.between(1, BATCHES_MAX) }, () => 20 * random.between(1, 5));
      return batch(op * IMPORT_ROWS_MAX, sizes, random.chance(0.5) ? oneStatement : manyValues);
    },
  };
}

type Fill = (from: number, count: number) => Task['statements'];

const oneStatement: Fill = (from, count) => [statement(BATCH, integer(from), integer(count))];

const manyValues: Fill = (from, count) =>
  Array.from({ length: count / 20 }, (_, part) => {
    const ids = Array.from({ length: 20 }, (_row, i) => integer(from + part * 20 + i));
    return statement(ROWS, ...ids.flatMap((id) => [id, 'row']));
  });

function batch(from: number, [count = 0, ...more]: readonly number[], fill: Fill): Task {
  const task = write(fill(from, count), [['bulk', from, count]]);
  if (more.length === 0) return task;
  return { ...task, follow: () => batch(from + count, more, fill) };
}
