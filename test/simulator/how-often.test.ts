import { describe, expect, it } from 'vitest';
import { failoversIn, GONE, HARMS } from './how-often.ts';

const SEEDS = [1, 2, 3];
const DETECTION_MS = 5_000;

describe('a leader that is there', () => {
  it.each(Object.entries(HARMS))('[SM10] is not replaced by itself where %s', (_, harm) => {
    for (const seed of SEEDS) expect(failoversIn(seed, DETECTION_MS, harm), `seed ${seed}`).toBe(0);
  });
});

describe('a leader that is gone', () => {
  it('[SM10] is replaced by itself', () => {
    for (const seed of SEEDS) expect(failoversIn(seed, DETECTION_MS, GONE), `seed ${seed}`).toBe(1);
  });
});
