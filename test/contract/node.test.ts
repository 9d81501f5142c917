import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { NodeSql } from '../simulator/node-sql.ts';
import { SQL_RULES } from './sql.contract.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('the Sql port on node:sqlite', () => {
  for (const { name, check, afterRestart } of SQL_RULES) {
    it(name, () => {
      const path = join(directory, 'db.sqlite');
      const before = new NodeSql({ path });
      check(before);
      before.close();
      if (afterRestart === undefined) return;

      const after = new NodeSql({ path });
      afterRestart(after);
      after.close();
    });
  }
});
