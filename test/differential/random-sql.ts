import fc from 'fast-check';
import type { Step } from './harness.ts';
import { alike } from './step.ts';

const TABLES = ['t0', 't1', 't2', 't3'] as const;
/** Every table has these, whatever its key is, so that any statement fits any table. */
const COLUMNS = ['id', 'a', 'b', 'r'] as const;

const KEYS = [
  'id INTEGER PRIMARY KEY',
  'id INTEGER PRIMARY KEY AUTOINCREMENT',
  'id TEXT PRIMARY KEY',
  'id TEXT COLLATE NOCASE PRIMARY KEY',
  'id PRIMARY KEY',
  'id INT UNIQUE',
  'id',
] as const;
const TYPES = ['', 'INT', 'TEXT', 'REAL', 'NUMERIC', 'BLOB'] as const;
const EXTRAS = [
  '',
  '',
  '',
  ' UNIQUE',
  ' UNIQUE ON CONFLICT REPLACE',
  ' UNIQUE ON CONFLICT IGNORE',
  ' NOT NULL ON CONFLICT REPLACE DEFAULT 0',
  ' DEFAULT 3',
  ' CHECK (a IS NOT 4)',
] as const;
const ACTIONS = ['', 'CASCADE', 'SET NULL', 'SET DEFAULT', 'RESTRICT', 'NO ACTION'] as const;
const OR = ['', '', '', ' OR REPLACE', ' OR IGNORE', ' OR FAIL', ' OR ABORT'] as const;

const pick = <T>(values: readonly T[]) => fc.constantFrom(...values);
const table = pick(TABLES);
const column = pick(COLUMNS);
const literal = pick([
  'NULL',
  '0',
  '1',
  '2',
  '3',
  '4',
  '5',
  "'a'",
  "'A'",
  "'b'",
  "'1'",
  '1.5',
  '-1',
  "x'01'",
  "''",
  '9223372036854775807',
  '9e999',
  "json('[1]')",
]);

/** Without the greatest: after it SQLite draws rowids by lot. */
const idLiteral = literal.filter((text) => !text.startsWith('9223'));

const value = fc.oneof(
  { weight: 4, arbitrary: literal },
  {
    weight: 1,
    arbitrary: pick(['a', 'b', 'r', 'id', 'a + 1', 'id + 1', '-id', "a || 'x'", 'typeof(b)', 'id || b']),
  },
);
/** The plus keeps indexes out: a table with triggers is gone through in another order where one is used. */
const condition = fc.oneof(
  {
    weight: 2,
    arbitrary: pick(['true', '+id > 1', '+a IS NULL', '+r IS NOT NULL', '+b > 1', "typeof(a) = 'text'"]),
  },
  { weight: 3, arbitrary: fc.tuple(column, literal).map(([c, v]) => `+${c} = ${v}`) },
);

const insert = fc
  .tuple(
    table,
    pick(['INSERT', 'INSERT', 'INSERT OR REPLACE', 'INSERT OR IGNORE', 'INSERT OR FAIL', 'REPLACE']),
    fc.array(fc.tuple(idLiteral, literal, literal, literal), { minLength: 1, maxLength: 3 }),
  )
  .map(
    ([t, verb, rows]) =>
      `${verb} INTO ${t} (id, a, b, r) VALUES ${rows.map((row) => `(${row.join(', ')})`).join(', ')}`,
  );
const insertPart = fc
  .tuple(table, column, idLiteral)
  .map(([t, c, v]) => `INSERT INTO ${t} (${c}) VALUES (${v})`);
const insertSelect = fc
  .tuple(table, table, pick(OR))
  .map(
    ([t, from, or]) =>
      `INSERT${or} INTO ${t} (id, a, b, r) SELECT id + 5, b, a, r FROM ${from} ORDER BY rowid LIMIT 3`,
  );
const upsert = fc
  .tuple(table, idLiteral, literal, column, value)
  .map(
    ([t, id, a, c, v]) =>
      `INSERT INTO ${t} (id, a) VALUES (${id}, ${a}) ON CONFLICT DO UPDATE SET ${c} = ${v}`,
  );
const update = fc
  .tuple(
    pick(OR),
    table,
    fc.uniqueArray(fc.tuple(column, value), { minLength: 1, maxLength: 3, selector: ([c]) => c }),
    condition,
  )
  .map(
    ([or, t, sets, where]) =>
      `UPDATE${or} ${t} SET ${sets.map(([c, v]) => `${c} = ${v}`).join(', ')} WHERE ${where}`,
  );
const remove = fc.tuple(table, condition).map(([t, where]) => `DELETE FROM ${t} WHERE ${where}`);
const counters = fc
  .tuple(
    table,
    pick([
      'UPDATE sqlite_sequence SET seq = 3',
      'DELETE FROM sqlite_sequence',
      'UPDATE sqlite_sequence SET seq = seq + 5',
    ]),
  )
  .map(([t, text]) => `${text} WHERE name = '${t}'`);

const row = fc.oneof(
  { weight: 6, arbitrary: insert },
  { weight: 1, arbitrary: insertPart },
  { weight: 1, arbitrary: insertSelect },
  { weight: 2, arbitrary: upsert },
  { weight: 5, arbitrary: update },
  { weight: 3, arbitrary: remove },
);

/** Inside a trigger: values may be those of the row. */
const triggerValue = (event: string) =>
  pick([
    event === 'DELETE' ? 'OLD.a' : 'NEW.a',
    event === 'INSERT' ? 'NEW.id' : 'OLD.id',
    event === 'INSERT' ? 'NEW.r' : 'OLD.r',
    '1',
    '2',
    'NULL',
    "'a'",
  ]);
const triggerBody = (event: string) => {
  const v = triggerValue(event);
  return fc.oneof(
    fc
      .tuple(table, v, v, v)
      .map(([t, id, a, r]) => `INSERT OR IGNORE INTO ${t} (id, a, b, r) VALUES (${id}, ${a}, 'tr', ${r})`),
    fc
      .tuple(table, v, v, v)
      .map(([t, id, a, r]) => `REPLACE INTO ${t} (id, a, b, r) VALUES (${id}, ${a}, 'tr', ${r})`),
    fc
      .tuple(pick(OR), table, column, v, column, v)
      .map(([or, t, c, w, k, u]) => `UPDATE${or} ${t} SET ${c} = ${w} WHERE ${k} IS ${u}`),
    fc.tuple(table, column, v).map(([t, c, w]) => `DELETE FROM ${t} WHERE ${c} IS ${w}`),
    fc
      .tuple(pick(['IGNORE', "ABORT, 'no'", "FAIL, 'no'"]), v)
      .map(([how, w]) => `SELECT RAISE(${how}) WHERE ${w} IS 1`),
  );
};
const trigger = fc
  .tuple(
    fc.nat(5),
    pick(['BEFORE', 'AFTER', 'AFTER']),
    pick(['INSERT', 'UPDATE', 'DELETE', 'UPDATE OF r', 'UPDATE OF id']),
    table,
  )
  .chain(([n, when, event, t]) => {
    const kind = event.split(' ')[0] as string;
    return fc
      .tuple(triggerValue(kind), fc.array(triggerBody(kind), { minLength: 1, maxLength: 2 }))
      .map(
        ([v, bodies]) =>
          `CREATE TRIGGER IF NOT EXISTS x${n} ${when} ${event} ON ${t} WHEN ${v} IS NOT 2 BEGIN ${bodies.join('; ')}; END`,
      );
  });

const definitions = fc.record({
  key: pick(KEYS),
  a: fc.tuple(pick(TYPES), pick(EXTRAS)),
  b: fc.tuple(pick(TYPES), pick(EXTRAS)),
  r: pick(TYPES),
  parent: fc.option(table, { freq: 3 }),
  onDelete: pick(ACTIONS),
  onUpdate: pick(ACTIONS),
  deferred: fc.boolean(),
  generated: fc.boolean(),
  withoutRowid: fc.boolean(),
});
type Definition = typeof definitions extends fc.Arbitrary<infer T> ? T : never;

function definitionSql(t: string, definition: Definition, parentKey: string): string {
  const { key, a, b, r, parent, onDelete, onUpdate, deferred, generated, withoutRowid } = definition;
  const actions = `${onDelete === '' ? '' : ` ON DELETE ${onDelete}`}${onUpdate === '' ? '' : ` ON UPDATE ${onUpdate}`}${deferred ? ' DEFERRABLE INITIALLY DEFERRED' : ''}`;
  const reference = parent === null ? '' : ` REFERENCES ${parent} (id)${actions}`;
  // A deferred key must compare as its parent does.
  const type =
    deferred && parent !== null
      ? (/^id (INTEGER|INT|TEXT COLLATE NOCASE|TEXT)/.exec(parentKey)?.[1] ?? '')
      : r;
  const extra = generated ? ", g AS (id || '-' || a) STORED" : '';
  const isKey = key.includes('PRIMARY KEY') && !key.includes('AUTOINCREMENT');
  return `CREATE TABLE ${t} (${key}, a ${a.join('')}, b ${b.join('')}, r ${type} DEFAULT 1${reference}${extra})${withoutRowid && isKey ? ' WITHOUT ROWID' : ''}`;
}

const schema = fc.oneof(
  { weight: 4, arbitrary: trigger },
  { weight: 2, arbitrary: fc.nat(5).map((n) => `DROP TRIGGER IF EXISTS x${n}`) },
  { weight: 1, arbitrary: table.map((t) => `ALTER TABLE ${t} ADD COLUMN c DEFAULT 'added'`) },
  { weight: 1, arbitrary: table.map((t) => `ALTER TABLE ${t} DROP COLUMN c`) },
  { weight: 1, arbitrary: table.map((t) => `ALTER TABLE ${t} RENAME COLUMN b TO b`) },
  { weight: 1, arbitrary: fc.tuple(table, table).map(([t, u]) => `ALTER TABLE ${t} RENAME TO ${u}`) },
  { weight: 1, arbitrary: table.map((t) => `DROP TABLE ${t}`) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(table, definitions, pick(KEYS))
      .map(([t, definition, key]) => definitionSql(t, definition, key)),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(table, column)
      .map(([t, c]) => `CREATE INDEX IF NOT EXISTS i_${t}_${c} ON ${t} (${c})`),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(table, column)
      .map(([t, c]) => `CREATE UNIQUE INDEX u_${t}_${c} ON ${t} (${c}) WHERE a > 2`),
  },
  { weight: 1, arbitrary: table.map((t) => `CREATE TABLE t3 AS SELECT id, a, b, r FROM ${t}`) },
);

const statement = fc.oneof(
  { weight: 20, arbitrary: row },
  { weight: 1, arbitrary: counters },
  { weight: 2, arbitrary: schema },
);

const beginnings = fc
  .tuple(...TABLES.map(() => definitions))
  .map((all) =>
    all.map((definition, i) =>
      definitionSql(
        TABLES[i] as string,
        definition,
        all[TABLES.indexOf(definition.parent ?? 't0')]?.key ?? '',
      ),
    ),
  );

/** A database of four tables, some triggers, and what is then done to them. */
export const scenarios: fc.Arbitrary<readonly Step[]> = fc
  .record({
    tables: beginnings,
    triggers: fc.array(trigger, { maxLength: 3 }),
    transactions: fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.array(statement, { minLength: 1, maxLength: 2 }) },
        { weight: 1, arbitrary: fc.array(statement, { minLength: 3, maxLength: 6 }) },
        {
          weight: 1,
          arbitrary: fc
            .array(statement, { minLength: 2, maxLength: 4 })
            .map((rows) => ['PRAGMA defer_foreign_keys = ON', ...rows]),
        },
      ),
      { minLength: 5, maxLength: 30 },
    ),
  })
  .map(({ tables, triggers, transactions }) => [
    ...tables.map((text) => alike(text)),
    ...triggers.map((text) => alike(text)),
    ...transactions.map((statements) => alike(...statements)),
  ]);
