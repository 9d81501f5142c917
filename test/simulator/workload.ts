import type { SqlParam, Statement } from '../../shared/tables/values.ts';
import type { Consistency } from './history.ts';
import { ACCOUNTS, BALANCE, type Effect, type View } from './model.ts';
import type { Rates } from './plan.ts';
import type { Random } from './random.ts';
import { schemaStatements } from './schema-workload.ts';

/** What a client wants done. */
export interface Task {
  readonly kind: 'read' | 'write';
  readonly statements: readonly Statement[];
  readonly effects: readonly Effect[];
  readonly views: readonly View[];
  readonly consistency: Consistency;
  readonly waitMs: number;
  readonly isKeyed: boolean;
}

function statement(sql: string, ...params: readonly SqlParam[]): Statement {
  return { sql, params };
}

const REGISTERS = ['a', 'b', 'c', 'd'];

/** `noise` and the triggers give each row what only the leader's luck and clock know. */
export const SETUP: readonly Statement[] = [
  statement('CREATE TABLE registers (key TEXT PRIMARY KEY, value INTEGER NOT NULL)'),
  statement(
    'CREATE TABLE items (id INTEGER PRIMARY KEY AUTOINCREMENT, op INTEGER UNIQUE NOT NULL, noise DEFAULT (RANDOM()))',
  ),
  statement(`CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0))`),
  ...Array.from({ length: ACCOUNTS }, (_, id) =>
    statement('INSERT INTO accounts VALUES (?, ?)', BigInt(id), BigInt(BALANCE)),
  ),
  statement('CREATE TABLE audit (id INTEGER PRIMARY KEY, what TEXT, noise, at)'),
  statement('CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT UNIQUE)'),
  statement(
    'CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents ON DELETE CASCADE ON UPDATE CASCADE, body)',
  ),
  statement(
    `CREATE TRIGGER items_audit AFTER INSERT ON items BEGIN
      INSERT INTO audit (what, noise, at) VALUES ('item ' || NEW.op, RANDOM(), unixepoch('subsec')); END`,
  ),
  statement(
    `CREATE TRIGGER registers_audit BEFORE UPDATE ON registers BEGIN
      DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT max(0, (SELECT count(*) - 10 FROM audit))); END`,
  ),
];

const VIEWS: Readonly<Record<View, string>> = {
  registers: 'SELECT key, value FROM registers ORDER BY key',
  items: 'SELECT op FROM items ORDER BY id',
  accounts: 'SELECT id, balance FROM accounts ORDER BY id',
};

/** What the operation with the number `op` is to do. */
export function drawTask(random: Random, rates: Rates, op: number): Task {
  if (random.chance(rates.reads)) return drawRead(random);
  const { statements, effects } = random.chance(rates.schema)
    ? { statements: schemaStatements(random, op), effects: [] }
    : random.pick(WRITES)(random, op);
  const isKeyed = random.chance(rates.keyed);
  return { kind: 'write', statements, effects, views: [], consistency: 'session', waitMs: 0, isKeyed };
}

export function readAll(waitMs: number): Task {
  const views: View[] = ['registers', 'items', 'accounts'];
  const statements = views.map((view) => statement(VIEWS[view]));
  return { kind: 'read', statements, effects: [], views, consistency: 'session', waitMs, isKeyed: false };
}

function drawRead(random: Random): Task {
  const views = random.pick<readonly View[]>([
    ['registers'],
    ['items'],
    ['accounts'],
    ['items', 'registers', 'accounts'],
  ]);
  const consistency = random.pick<Consistency>([
    'session',
    'session',
    'session',
    'session',
    'strong',
    'eventual',
  ]);
  const waitMs = random.pick([0, 50, 1_000, 1_000, 10_000]);
  return { ...readAll(waitMs), statements: views.map((view) => statement(VIEWS[view])), views, consistency };
}

interface Change {
  readonly statements: readonly Statement[];
  readonly effects: readonly Effect[];
}

type Draw = (random: Random, op: number) => Change;

const SET =
  'INSERT INTO registers (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value';
const ITEM = 'INSERT INTO items (op) VALUES (?)';

const set: Draw = (random, op) => {
  const key = random.pick(REGISTERS);
  const text = random.chance(0.3) ? 'REPLACE INTO registers (key, value) VALUES (?, ?)' : SET;
  return { statements: [statement(text, key, BigInt(op))], effects: [['set', key, op]] };
};

const compareAndSet: Draw = (random, op) => {
  const key = random.pick(REGISTERS);
  const from = Math.max(0, op - random.between(1, 4));
  const text = 'UPDATE registers SET value = ? WHERE key = ? AND value = ? RETURNING key, value';
  return {
    statements: [statement(text, BigInt(op), key, BigInt(from))],
    effects: [['compare-and-set', key, from, op]],
  };
};

const item: Draw = (_, op) => ({ statements: [statement(ITEM, BigInt(op))], effects: [['item', op]] });

/** Several rows that nobody may see apart. */
const several: Draw = (random, op) => {
  const [first, second] = random.chance(0.5) ? (['a', 'b'] as const) : (['c', 'd'] as const);
  const noted = statement('INSERT INTO audit (what, noise) SELECT key, RANDOM() FROM registers');
  return {
    statements: [
      statement(SET, first, BigInt(op)),
      noted,
      statement(SET, second, BigInt(op)),
      statement(ITEM, BigInt(op)),
    ],
    effects: [
      ['set', first, op],
      ['set', second, op],
      ['item', op],
    ],
  };
};

const remove: Draw = (random) => {
  const divisor = random.between(5, 12);
  const rest = random.below(divisor);
  const text = 'DELETE FROM items WHERE op % ? = ?';
  return {
    statements: [statement(text, BigInt(divisor), BigInt(rest))],
    effects: [['remove', divisor, rest]],
  };
};

/** Fails where the account would go below zero: after its first half was done. */
const move: Draw = (random) => {
  const from = random.below(ACCOUNTS);
  const to = (from + random.between(1, ACCOUNTS - 1)) % ACCOUNTS;
  const amount = random.between(1, 80);
  const text = 'UPDATE accounts SET balance = balance + ? WHERE id = ?';
  return {
    statements: [statement(text, BigInt(amount), BigInt(to)), statement(text, BigInt(-amount), BigInt(from))],
    effects: [['move', from, to, amount]],
  };
};

/** A statement that fails behind some that did not: `item` says that the first must not be seen. */
const failing: Draw = (random, op) => {
  const wrong = random.pick([
    statement('INSERT INTO items (op) VALUES (?), (?)', BigInt(op + 500_000), BigInt(op)),
    statement('INSERT INTO registers (key) VALUES (?)', 'a'),
    statement('INSERT INTO children (parent) VALUES (-1)'),
    statement('SELEKT 1'),
    statement('INSERT OR FAIL INTO items (op) VALUES (?), (?)', BigInt(op + 500_000), BigInt(op)),
  ]);
  return { statements: [statement(ITEM, BigInt(op)), wrong], effects: [['item', op]] };
};

const family: Draw = (random, op) => {
  const statements = random.pick<readonly Statement[]>([
    [
      statement('INSERT INTO parents (id, name) VALUES (?, ?)', BigInt(op), `p${op}`),
      statement(
        'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4) INSERT INTO children (parent, body) SELECT ?, randomblob(8) FROM n',
        BigInt(op),
      ),
    ],
    [statement('DELETE FROM parents WHERE id = (SELECT min(id) FROM parents)')],
    [statement('UPDATE parents SET id = ? WHERE id = (SELECT max(id) FROM parents)', BigInt(op + 100_000))],
    [
      statement(
        'UPDATE children SET body = ?1, parent = (SELECT min(id) FROM parents) WHERE id % 3 = 0',
        op + 0.5,
      ),
    ],
    [statement("UPDATE OR REPLACE parents SET name = 'same' WHERE id % 2 = 0")],
    [statement('UPDATE parents SET name = name WHERE 0')],
  ]);
  return { statements, effects: [] };
};

const WRITES: readonly Draw[] = [
  set,
  set,
  compareAndSet,
  item,
  item,
  several,
  remove,
  move,
  move,
  failing,
  family,
  family,
];
