import type { Statement } from '../../shared/tables/values.ts';
import type { Random } from './random.ts';

const one = (sql: string): Statement[] => [{ sql, params: [] }];

/** Changes of the schema while others write. Some fail, because what they want is there or gone: as it happens. */
export function schemaStatements(random: Random, op: number): readonly Statement[] {
  const table = `extra_${random.below(3)}`;
  return random.pick<() => Statement[]>([
    () => one(`CREATE TABLE ${table} (k TEXT, v ANY, PRIMARY KEY (k)) STRICT, WITHOUT ROWID`),
    () => one(`CREATE TABLE ${table} AS SELECT op AS k, noise AS v FROM items`),
    () => one(`INSERT INTO ${table} (k, v) SELECT ${op} || '-' || op, noise FROM items LIMIT 5`),
    () => one(`DROP TABLE IF EXISTS ${table}`),
    () => one(`ALTER TABLE ${table} ADD COLUMN c${op} TEXT DEFAULT 'c'`),
    () => one(`ALTER TABLE ${table} RENAME TO extra_${random.below(3)}`),
    () => one(`ALTER TABLE registers ADD COLUMN c${op} INTEGER DEFAULT 7`),
    () => one(`CREATE INDEX by_noise_${op % 3} ON items (noise) WHERE noise > 0`),
    () => one(`DROP INDEX IF EXISTS by_noise_${op % 3}`),
    () =>
      one(
        `CREATE TRIGGER extra_audit AFTER UPDATE ON accounts BEGIN INSERT INTO audit (what) VALUES (RANDOM()); END`,
      ),
    () => one('DROP TRIGGER IF EXISTS extra_audit'),
    () => [
      ...one(`CREATE TABLE made_${op} (id INTEGER PRIMARY KEY)`),
      ...one(`INSERT INTO made_${op} VALUES (NULL), (NULL)`),
      ...one(`DROP TABLE made_${op}`),
    ],
    () => [...one(`CREATE VIEW view_${op} AS SELECT * FROM items`), ...one('INSERT INTO nowhere VALUES (1)')],
  ])();
}
