import fc from 'fast-check';
import { describe, it } from 'vitest';
import { Trio } from './harness.ts';
import { scenarios } from './random-sql.ts';

const runs = Number(process.env['FUZZ_RUNS'] ?? 60);
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_122);

describe(`random SQL: FUZZ_SEED=${seed} FUZZ_RUNS=${runs} npx vitest run test/differential/random.test.ts`, () => {
  it(
    '[RP1] leader, follower and plain SQLite agree after each transaction',
    () => {
      fc.assert(
        fc.property(scenarios, (steps) => {
          const trio = new Trio('memory');
          try {
            steps.forEach((step, i) => {
              if (i % 7 === 6) trio.evict();
              trio.step(step);
            });
          } finally {
            trio.close();
          }
        }),
        { numRuns: runs, seed },
      );
    },
    Math.max(60_000, runs * 2000),
  );
});
