import type { Random } from '../random.ts';
import { integer, run, statement, type Task, type Workload, write } from './task.ts';

/**
 * Triggers in the midst of a cascade: they change the row that caused it, and bring back rows that it took. The log
 * then tells what followed before what it followed from.
 */
export function cascades(): Workload {
  return {
    name: 'cascades',
    setup: [
      statement('CREATE TABLE owners (id INTEGER PRIMARY KEY, n DEFAULT 0)'),
      statement(
        `CREATE TABLE owned (id INTEGER PRIMARY KEY, owner INT REFERENCES owners ON DELETE CASCADE ON UPDATE CASCADE
          DEFERRABLE INITIALLY DEFERRED, v)`,
      ),
      statement(
        `CREATE TRIGGER owned_deleted AFTER DELETE ON owned BEGIN
          UPDATE owners SET n = n - 1 WHERE id = OLD.owner;
          INSERT INTO owned SELECT OLD.id + 1, OLD.owner, 'back' WHERE OLD.v = 'stays'; END`,
      ),
      statement(
        `CREATE TRIGGER owned_moved AFTER UPDATE OF owner ON owned BEGIN
          UPDATE owners SET n = n + 100 WHERE id IN (OLD.owner, NEW.owner);
          INSERT OR IGNORE INTO owned SELECT OLD.id + 1, NEW.owner, 'moved' WHERE OLD.v = 'stays'; END`,
      ),
    ],
    views: [],
    draw: (random, op) => random.pick([own, own, lose, lose, move, trim])(random, op),
  };
}

const OWNERS = 3;

function own(random: Random, op: number): Task {
  const owner = integer(random.below(OWNERS));
  const v = random.chance(0.5) ? 'stays' : 'goes';
  return write([
    statement('INSERT OR IGNORE INTO owners (id) VALUES (?)', owner),
    statement('INSERT INTO owned VALUES (?, ?, ?)', integer(3 * op), owner, v),
  ]);
}

/** What a trigger brought back names a row that is gone, and that must come again before the end. */
function lose(random: Random): Task {
  const owner = integer(random.below(OWNERS));
  const gone = statement('DELETE FROM owners WHERE id = ?', owner);
  return random.pick([
    () => write([gone, statement('INSERT INTO owners VALUES (?, 50)', owner)]),
    () => write([gone]),
    () => run('REPLACE INTO owners VALUES (?, 70)', owner),
    () => write([statement("UPDATE owned SET v = 'goes' WHERE owner = ?", owner), gone]),
  ])();
}

function move(random: Random): Task {
  const [from, to] = [integer(random.below(OWNERS)), integer(random.below(OWNERS))];
  return random.pick([
    () => run('UPDATE OR REPLACE owners SET id = ? WHERE id = ?', to, from),
    () => run('UPDATE owned SET owner = ? WHERE owner = ?', to, from),
    () =>
      write([
        statement('UPDATE owners SET id = id + 10'),
        statement('UPDATE owners SET id = id - 10 WHERE id >= 10'),
      ]),
  ])();
}

function trim(_: Random, op: number): Task {
  return run(
    "DELETE FROM owned WHERE id < ? AND v <> 'stays' OR id < ?",
    integer(3 * op - 30),
    integer(3 * op - 90),
  );
}
