import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { describe, it } from 'vitest';
import { StorageSql } from '../../durable-objects/sql.ts';
import type { Sql } from '../../shared/ports.ts';
import { COPY_CASES, endsAlike } from '../unit/snapshot.contract.ts';
import { Copying, type Side } from '../unit/snapshot-copy.ts';
import type { TestEnv } from './env.ts';

const { CATALOG } = env as unknown as TestEnv;

/** The storage of an object that does nothing with it by itself. */
function live(name: string): Side {
  return {
    run: <T>(work: (sql: Sql) => T): Promise<T> =>
      runInDurableObject(CATALOG.getByName(name), (_object, ctx) => work(new StorageSql(ctx))),
  };
}

describe('a live follower copies its live leader', () => {
  it.each(Object.entries(COPY_CASES))('%s', async (name, check) => {
    const copying = new Copying(live(`${name}, leader`), live(`${name}, follower`));
    await copying.make();
    await check(copying);
    await endsAlike(copying);
  });
});
