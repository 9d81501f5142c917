import { constants } from 'node:sqlite';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Refusal } from '../../shared/failure.ts';
import { all, SqlError } from '../../shared/ports.ts';
import { bindStatement } from '../../shared/tables/bind.ts';
import { Inspector } from '../../shared/tables/inspect.ts';
import { parseStatement } from '../../shared/tables/statement.ts';
import type { SqlParam } from '../../shared/tables/values.ts';
import type { NodeSql } from '../simulator/node-sql.ts';
import { guardedStore } from './guarded-store.ts';
import { fragmentText } from './sql-fragments.ts';

const VALUES: readonly SqlParam[] = [1n, 'x', null, 0.5, new Uint8Array([0])];

/** What no user's statement may change. Capture adds rows to the changes, never takes or alters one. */
function internals(sql: NodeSql): unknown {
  return {
    schema: all(
      sql,
      String.raw`SELECT type, name, sql FROM sqlite_schema WHERE name LIKE '\_tidemark\_%' ESCAPE '\' AND type <> 'trigger' ORDER BY name`,
    ),
    meta: all(sql, 'SELECT * FROM _tidemark_meta'),
    triggers: all(sql, 'SELECT * FROM _tidemark_triggers'),
    foreign: all(
      sql,
      'SELECT count(*) FROM _tidemark_changes WHERE json_valid(substr(line, 1, instr(line, char(9)) - 1)) IS NOT 1',
    ),
    settings: [
      'foreign_keys',
      'recursive_triggers',
      'legacy_alter_table',
      'writable_schema',
      'ignore_check_constraints',
    ].map((name) => all(sql, `PRAGMA ${name}`)),
  };
}

const ENDING: ReadonlySet<number> = new Set([
  constants.SQLITE_TRANSACTION,
  constants.SQLITE_SAVEPOINT,
  constants.SQLITE_ATTACH,
  constants.SQLITE_DETACH,
]);

/** These go over all tables, or a table's own triggers, and no row of Tidemark's changes. */
const HARMLESS: ReadonlySet<number> = new Set([
  constants.SQLITE_ANALYZE,
  constants.SQLITE_REINDEX,
  constants.SQLITE_DROP_TRIGGER,
]);

/** What SQLite itself says, through its authorizer, that a text reaches and a user's may not: the platform has none to ask. */
function forbidden(sql: NodeSql, text: string, isSchema: boolean): string[] {
  const found: string[] = [];
  sql.database.setAuthorizer((action, ...names) => {
    const [first, second, , inner] = names;
    const isTidemarks = inner?.startsWith('_tidemark_') === true;
    const isReserved =
      !HARMLESS.has(action) &&
      [first, second].some((name) => /^_(tidemark|cf)_/i.test(name ?? '') && name !== '_tidemark_schema');
    const readsSchema =
      !isSchema &&
      action === constants.SQLITE_READ &&
      /^(sqlite_master|sqlite_schema|sqlite_temp_master|sqlite_temp_schema)$/i.test(first ?? '');
    if (ENDING.has(action) || (!isTidemarks && (isReserved || readsSchema)))
      found.push(`${action} ${first} ${second}`);
    return constants.SQLITE_OK;
  });
  try {
    sql.database.prepare(text);
  } finally {
    sql.database.setAuthorizer(null);
  }
  return found;
}

/** Runs a text as Tidemark would. True if the guard let it through to SQLite. */
function runGuarded(sql: NodeSql, text: string): boolean {
  let ran = false;
  try {
    const parsed = parseStatement(text);
    const params = Array.from(
      { length: parsed.parameters.count },
      (_, i) => VALUES[i % VALUES.length] as SqlParam,
    );
    const bound = bindStatement(parsed, params);
    const { writes } = new Inspector(sql).inspect(parsed);
    expect(forbidden(sql, bound.text, parsed.kind === 'schema')).toEqual([]);
    ran = true;
    const before = all(sql, 'SELECT total_changes()');
    let rows = 0;
    for (const _row of sql.exec(bound.text, ...bound.bindings)) if ((rows += 1) > 1000) break;
    if (!writes) expect(all(sql, 'SELECT total_changes()')).toEqual(before);
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof SqlError) && !isSqlites(error)) throw error;
  }
  return ran;
}

function isSqlites(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error;
}

class Undo extends Error {}

it('[SG15] whatever the guard lets through is one statement that keeps the transaction and Tidemark’s tables', () => {
  const sql = guardedStore();
  const untouched = internals(sql);
  let letThrough = 0;
  fc.assert(
    fc.property(fc.array(fragmentText, { minLength: 1, maxLength: 3 }), (texts) => {
      try {
        sql.transaction(() => {
          for (const text of texts) if (runGuarded(sql, text)) letThrough += 1;
          expect(sql.database.isTransaction).toBe(true);
          expect(internals(sql)).toEqual(untouched);
          throw new Undo();
        });
      } catch (error) {
        if (!(error instanceof Undo)) throw error;
      }
      expect(sql.database.isTransaction).toBe(false);
    }),
    { numRuns: 1500 },
  );
  // A guard that refuses everything would pass, and have shown nothing.
  expect(letThrough).toBeGreaterThan(100);
});
