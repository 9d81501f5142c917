import { describe, it } from 'vitest';
import { CASES } from './cases.ts';
import { Trio } from './harness.ts';

describe('leader, follower and plain SQLite agree after each step', () => {
  it.each(Object.entries(CASES))('[RP1] %s', (_name, steps) => {
    const trio = new Trio('disk');
    try {
      steps.forEach((step, i) => {
        if (i % 3 === 2) trio.evict();
        try {
          trio.step(step);
        } catch (error) {
          throw new Error(
            `step ${i}: ${step.statements.map(({ sql }) => sql.slice(0, 500)).join('; ')}\n${String(error)}`,
            { cause: error },
          );
        }
      });
    } finally {
      trio.close();
    }
  });
});
