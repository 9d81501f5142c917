import type { Random } from '../random.ts';
import { integer, read, run, statement, type Task, type Workload, write } from './task.ts';

/** Changes of the schema while others write. Some fail, because what they want is there or gone: as it happens. */
export function schema(): Workload {
  return {
    name: 'schema',
    setup: [
      statement('CREATE TABLE changing (id INTEGER PRIMARY KEY, noise)'),
      statement('CREATE TABLE changed (id INTEGER PRIMARY KEY, what)'),
    ],
    views: [],
    draw: (random, op) => random.pick([rows, rows, change, change, look])(random, op),
  };
}

const TABLES = ['extra_0', 'extra_1', 'extra_2'];

/** May find another table than the one that was there when the statement was planned, or none. */
function look(random: Random): Task {
  return read(`SELECT * FROM ${random.pick([...TABLES, 'changing'])}`);
}

function rows(random: Random, op: number): Task {
  const table = random.pick(TABLES);
  return random.pick([
    () => run('REPLACE INTO changing (id, noise) VALUES (?, RANDOM())', integer(random.below(5))),
    () => run(`INSERT INTO ${table} (k, v) SELECT ? || '-' || id, noise FROM changing`, integer(op)),
    () => run(`DELETE FROM ${table} WHERE k < ?`, `${op - 20}`),
    () => run('DELETE FROM changed WHERE id < (SELECT max(id) - 5 FROM changed)'),
  ])();
}

function change(random: Random): Task {
  const [table, other] = [random.pick(TABLES), random.pick(TABLES)];
  return random.pick([
    () => run(`CREATE TABLE ${table} (k TEXT, v ANY, PRIMARY KEY (k)) STRICT, WITHOUT ROWID`),
    () => run(`CREATE TABLE ${table} AS SELECT id AS k, noise AS v FROM changing`),
    () => run(`DROP TABLE IF EXISTS ${table}`),
    () => run(`ALTER TABLE ${table} ADD COLUMN c1 TEXT DEFAULT 'c'`),
    () => run(`ALTER TABLE ${table} RENAME TO ${other}`),
    () => run('ALTER TABLE changing ADD COLUMN c1 INTEGER DEFAULT 7'),
    () => run('ALTER TABLE changing RENAME COLUMN c1 TO c2'),
    () => run('ALTER TABLE changing DROP COLUMN c2'),
    () => run('CREATE INDEX by_noise ON changing (noise) WHERE noise > 0'),
    () => run('DROP INDEX IF EXISTS by_noise'),
    () =>
      run(
        'CREATE TRIGGER noted AFTER UPDATE ON changing BEGIN INSERT INTO changed (what) VALUES (RANDOM()); END',
      ),
    () =>
      run(
        'CREATE TRIGGER noted AFTER INSERT ON changing BEGIN INSERT INTO changed (what) VALUES (NEW.noise); END',
      ),
    () => run('DROP TRIGGER IF EXISTS noted'),
    () =>
      write([
        statement('CREATE TABLE made (id INTEGER PRIMARY KEY)'),
        statement('INSERT INTO made VALUES (NULL), (NULL)'),
        statement('DROP TABLE made'),
      ]),
    // Undone, schema and all.
    () =>
      write([
        statement('CREATE VIEW seen AS SELECT * FROM changing'),
        statement('INSERT INTO nowhere VALUES (1)'),
      ]),
  ])();
}
