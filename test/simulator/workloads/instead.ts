import type { Random } from '../random.ts';
import { integer, run, statement, type Task, type Workload, write } from './task.ts';

/** Rows that a trigger takes away as soon as they come, and writes to a view. */
export function instead(): Workload {
  return {
    name: 'instead',
    setup: [
      statement('CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT)'),
      statement('CREATE TABLE fleeting (id INTEGER PRIMARY KEY, v)'),
      statement('CREATE VIEW seats AS SELECT id, name FROM places WHERE name IS NOT NULL'),
      statement(
        `CREATE TRIGGER fleeting_gone AFTER INSERT ON fleeting WHEN NEW.v % 2 = 0 BEGIN
          DELETE FROM fleeting WHERE id = NEW.id;
          REPLACE INTO fleeting VALUES (-1, NEW.id); END`,
      ),
      statement(
        `CREATE TRIGGER named_added INSTEAD OF INSERT ON seats BEGIN
          INSERT OR IGNORE INTO places (id, name) VALUES (NEW.id, NEW.name);
          INSERT INTO fleeting (v) VALUES (NEW.id); END`,
      ),
      statement(
        `CREATE TRIGGER named_deleted INSTEAD OF DELETE ON seats BEGIN
          UPDATE places SET name = NULL WHERE id = OLD.id; END`,
      ),
    ],
    views: [],
    draw: (random, op) => random.pick([vanish, byView])(random, op),
  };
}

function vanish(random: Random, op: number): Task {
  return random.pick([
    () => run('INSERT INTO fleeting (v) VALUES (?), (?)', integer(op), integer(op + 1)),
    () =>
      write([
        statement('INSERT INTO fleeting VALUES (?, 0)', integer(op)),
        statement('INSERT INTO fleeting VALUES (?, 1)', integer(op)),
        statement('DELETE FROM fleeting WHERE id < ?', integer(op)),
      ]),
  ])();
}

function byView(random: Random, op: number): Task {
  return random.pick([
    () => run('INSERT INTO seats VALUES (?, ?)', integer(random.below(6)), `v${op % 8}`),
    () => run('DELETE FROM seats WHERE id = ?', integer(random.below(6))),
  ])();
}
