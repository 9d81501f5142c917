import type { Random } from '../random.ts';
import { integer, run, statement, type Task, type Workload, write } from './task.ts';

const ITEM = 'INSERT INTO items (op) VALUES (?)';
/** Added to an operation's number where the row must never be seen. */
const UNSEEN = 500_000;

/**
 * Ids that the leader gives, next to what only its luck and its clock know. An id is given once, and a
 * statement that fails takes the ones before it along.
 */
export function ids(): Workload {
  return {
    name: 'ids',
    setup: [
      statement(
        'CREATE TABLE items (id INTEGER PRIMARY KEY AUTOINCREMENT, op INTEGER UNIQUE NOT NULL, noise DEFAULT (RANDOM()))',
      ),
      statement('CREATE TABLE audit (id INTEGER PRIMARY KEY, what TEXT, noise, at)'),
      statement(
        `CREATE TRIGGER items_audit AFTER INSERT ON items BEGIN
          INSERT INTO audit (what, noise, at) VALUES ('item ' || NEW.op, RANDOM(), unixepoch('subsec'));
          DELETE FROM audit WHERE id < (SELECT max(id) - 5 FROM audit); END`,
      ),
    ],
    views: ['items'],
    draw: (random, op) => random.pick(DRAWS)(random, op),
  };
}

function item(_: Random, op: number): Task {
  return write([statement(ITEM, integer(op))], [['item', op]]);
}

function remove(random: Random): Task {
  const divisor = random.between(2, 6);
  const rest = random.below(divisor);
  return write(
    [statement('DELETE FROM items WHERE op % ? = ?', integer(divisor), integer(rest))],
    [['remove', divisor, rest]],
  );
}

/** `item` says that the first statement must not be seen, as the second fails. */
function failing(random: Random, op: number): Task {
  const wrong = random.pick([
    statement('INSERT INTO items (op) VALUES (?), (?)', integer(op + UNSEEN), integer(op)),
    statement('INSERT OR FAIL INTO items (op) VALUES (?), (?)', integer(op + UNSEEN), integer(op)),
    statement(
      'UPDATE OR FAIL items SET op = CASE op WHEN ?1 THEN NULL ELSE op + ?2 END',
      integer(op),
      integer(UNSEEN),
    ),
    statement('INSERT INTO items (op) VALUES (NULL)'),
    statement('SELEKT 1'),
  ]);
  const alone = random.chance(0.3) && wrong.sql.startsWith('INSERT OR FAIL');
  const statements = alone
    ? [statement('INSERT OR FAIL INTO items (op) VALUES (?), (?)', integer(op), integer(op))]
    : [statement(ITEM, integer(op)), wrong];
  return write(statements, [['item', op]]);
}

/** The counter of AUTOINCREMENT moves without a row: by hand, or by an insert that is ignored. */
function count(random: Random): Task {
  return random.pick([
    () => run("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'items'", integer(random.between(1, 9))),
    () => run("UPDATE sqlite_sequence SET seq = 0 WHERE name = 'items'"),
    () => run("DELETE FROM sqlite_sequence WHERE name = 'items'"),
    () => run('INSERT OR IGNORE INTO items (op) SELECT op FROM items LIMIT 1'),
  ])();
}

const DRAWS = [item, item, item, item, item, remove, remove, failing, failing, count];
