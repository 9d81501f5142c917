import type { Workload } from './task.ts';
import { integer, statement, write } from './task.ts';

const LISTS = ['x', 'y', 'z'];
const APPEND = 'INSERT INTO lists (list, value) VALUES (?, ?)';

/** Lists that only grow, so that what a read saw of one tells which appends came before it. */
export function lists(): Workload {
  return {
    name: 'lists',
    setup: [statement('CREATE TABLE lists (id INTEGER PRIMARY KEY, list TEXT NOT NULL, value INTEGER)')],
    views: ['lists'],
    draw(random, op) {
      const grown = LISTS.filter(() => random.chance(0.4));
      const names = grown.length === 0 ? [random.pick(LISTS)] : grown;
      return write(
        names.map((list) => statement(APPEND, list, integer(op))),
        names.map((list) => ['append', list, op]),
      );
    },
  };
}
