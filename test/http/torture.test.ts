import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { torture } from '../torture/torture.ts';

it('[TT1] a few seconds of torture break nothing that was promised', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-torture-'));
  try {
    const { history, violations, counts } = await torture(
      {
        seconds: 7,
        clients: 6,
        leader: 'weur',
        followers: ['enam', 'apac'],
        durability: 'quorum',
        seed: 17,
        killEverySeconds: 2,
        evictEverySeconds: 1,
        cutEverySeconds: 2,
        failoverEverySeconds: 1,
        faultRate: 0.05,
        isTraced: false,
      },
      directory,
    );
    expect(violations).toEqual([]);
    // A run in which nothing happened would break nothing either.
    const kinds = new Set(history.map(({ event }) => event));
    for (const kind of ['ok', 'fail', 'append', 'digest', 'final', 'rest']) expect(kinds).toContain(kind);
    for (const harm of ['kills', 'evicted replicas', 'messages lost'])
      expect(counts[harm]).toBeGreaterThan(0);
    for (const harm of ['cuts', 'wishes'])
      expect(Object.keys(counts).some((what) => what.startsWith(harm))).toBe(true);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
