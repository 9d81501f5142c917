import type { Random } from '../random.ts';
import { integer, run, statement, type Task, type Workload } from './task.ts';

const NOTE = 'INSERT INTO notes (what, slot, noise)';

/**
 * What triggers do is the leader's doing: a follower gets the rows. A REPLACE may delete up to three rows, and the
 * triggers of those must run too.
 */
export function triggers(): Workload {
  return {
    name: 'triggers',
    setup: [
      statement(
        'CREATE TABLE slots (id INTEGER PRIMARY KEY, name TEXT UNIQUE, place INTEGER UNIQUE, changes INTEGER DEFAULT 0)',
      ),
      statement('CREATE TABLE notes (id INTEGER PRIMARY KEY, what TEXT, slot, noise)'),
      statement(
        `CREATE TRIGGER slots_before BEFORE INSERT ON slots BEGIN
          UPDATE slots SET changes = changes + 1 WHERE name = NEW.name; END`,
      ),
      statement(
        `CREATE TRIGGER slots_deleted AFTER DELETE ON slots BEGIN ${NOTE} VALUES ('deleted', OLD.id, RANDOM()); END`,
      ),
      statement(
        `CREATE TRIGGER slots_updated AFTER UPDATE OF name, place ON slots BEGIN
          UPDATE slots SET changes = OLD.changes + 1 WHERE id = NEW.id;
          ${NOTE} VALUES ('updated', NEW.id, unixepoch('subsec')); END`,
      ),
      statement(
        `CREATE TRIGGER notes_trimmed AFTER INSERT ON notes BEGIN
          DELETE FROM notes WHERE id < NEW.id - 5;
          UPDATE notes SET noise = noise || '!' WHERE id = NEW.id - 2; END`,
      ),
    ],
    views: [],
    draw: (random) => random.pick([replace, replace, change])(random),
  };
}

function replace(random: Random): Task {
  const [id, name, place] = [random.below(4), random.below(4), random.below(4)] as const;
  const values = [integer(id), `n${name}`, integer(place)] as const;
  return random.pick([
    () => run('REPLACE INTO slots (id, name, place) VALUES (?, ?, ?)', ...values),
    () => run('UPDATE OR REPLACE slots SET name = ?2, place = ?3 WHERE id <> ?1 AND id < 2', ...values),
  ])();
}

function change(random: Random): Task {
  return random.pick([
    () => run('UPDATE slots SET changes = 0 WHERE id = ?', integer(random.below(4))),
    () => run('UPDATE slots SET place = -place'),
    () => run('DELETE FROM slots WHERE id = ?', integer(random.below(4))),
  ])();
}
