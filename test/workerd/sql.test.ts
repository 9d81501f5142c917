import { env } from 'cloudflare:workers';
import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { StorageSql } from '../../durable-objects/sql.ts';
import { all, run } from '../../shared/ports.ts';
import { SQL_RULES } from '../contract/sql.contract.ts';
import type { TestEnv } from './env.ts';

const { CATALOG } = env as unknown as TestEnv;

describe('the Sql port on a live object', () => {
  for (const [index, { name, check, afterRestart }] of SQL_RULES.entries()) {
    it(name, async () => {
      const stub = CATALOG.getByName(`rule-${index}`);
      await runInDurableObject(stub, (_object, ctx) => check(new StorageSql(ctx)));
      if (afterRestart === undefined) return;

      await evictDurableObject(stub);
      await runInDurableObject(stub, (_object, ctx) => afterRestart(new StorageSql(ctx)));
    });
  }

  it('[SP12] erasing takes all away in the same turn, and REPLACE still fires delete triggers afterwards', async () => {
    const stub = CATALOG.getByName('erase');
    await runInDurableObject(stub, async (_object, ctx) => {
      const sql = new StorageSql(ctx);
      run(sql, 'CREATE TABLE old (a)');
      await sql.setAlarm(4_000_000_000_000);
      const erased = sql.erase();
      run(sql, 'CREATE TABLE t (a INTEGER PRIMARY KEY)');
      run(sql, 'CREATE TABLE gone (a)');
      run(sql, 'CREATE TRIGGER g AFTER DELETE ON t BEGIN INSERT INTO gone VALUES (OLD.a); END');
      await erased;

      expect(all(sql, `SELECT name FROM sqlite_master WHERE name IN ('old', 't')`)).toEqual([['t']]);
      run(sql, 'INSERT INTO t VALUES (1)');
      run(sql, 'REPLACE INTO t VALUES (1)');
      expect(all(sql, 'SELECT a FROM gone')).toEqual([[1]]);
      expect(await ctx.storage.getAlarm()).toBeNull();
    });
  });
});
