import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toEpoch } from '../../shared/lsn.ts';
import { userTriggers } from '../../shared/tables/roles.ts';
import { userSchema } from '../../shared/tables/schema.ts';
import { scenarios } from '../differential/random-sql.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { TableReplica } from './table-replica.ts';

const runs = Number(process.env['FUZZ_RUNS'] ?? 20);
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_123);

describe(`random roles: FUZZ_SEED=${seed} FUZZ_RUNS=${runs} npx vitest run test/unit/roles-random.test.ts`, () => {
  it(
    '[TR2] two replicas that lead by turns stay alike, and keep triggers in one order',
    () => {
      const work = fc.array(scenarios, { minLength: 1, maxLength: 4, size: 'max' }).map((all) => all.flat());
      fc.assert(
        fc.property(work, fc.infiniteStream(fc.nat(5)), (steps, lots) => {
          let [leader, follower] = [new TableReplica(new NodeSql()).lead(), new TableReplica(new NodeSql())];
          let epoch = toEpoch(1);
          for (const { statements } of steps) {
            if (lots.next().value === 0) {
              leader.follow();
              follower.lead();
              [leader, follower] = [follower, leader];
              epoch = toEpoch(epoch + 1);
            }
            const entry = leader.tryWrite(statements, {}, epoch);
            if (entry === null) continue;
            follower.append(entry);
            expect(userTriggers(follower.sql)).toStrictEqual(userTriggers(leader.sql));
            expect(userSchema(follower.sql)).toStrictEqual(userSchema(leader.sql));
            expect(follower.digest).toBe(leader.digest);
            expect(follower.end).toStrictEqual(leader.end);
          }
          for (const { sql } of [leader, follower]) sql.close();
        }),
        { numRuns: runs, seed },
      );
    },
    Math.max(60_000, runs * 2000),
  );
});
