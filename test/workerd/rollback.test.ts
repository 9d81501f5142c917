import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { describe, it } from 'vitest';
import { StorageSql } from '../../durable-objects/sql.ts';
import { UNDONE_CASES } from '../unit/rollback.contract.ts';
import { TableReplica } from '../unit/table-replica.ts';
import type { TestEnv } from './env.ts';

const { CATALOG } = env as unknown as TestEnv;

describe('a live replica that is rolled back', () => {
  it.each(Object.entries(UNDONE_CASES))('%s', async (name, undone) => {
    for (const entries of [1, 1000])
      await runInDurableObject(CATALOG.getByName(`${name} ${entries}`), (_object, ctx) =>
        undone(new TableReplica(new StorageSql(ctx)).lead(), entries),
      );
  });
});
