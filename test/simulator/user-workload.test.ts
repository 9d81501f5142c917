import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { check } from './checker/check.ts';
import { type HistoryEvent, toJsonLines } from './history.ts';
import { drawPlan } from './plan.ts';
import { simulatePlan } from './simulation.ts';
import { workOfUser } from './workload.ts';
import { loadWorkload, WorkloadError } from './workloads/load.ts';
import { defineWorkload, UserRun, type UserWorkload } from './workloads/user.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/simulated-workload.ts');
const directory = mkdtempSync(join(tmpdir(), 'workloads-'));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;

function moduleFile(text: string): string {
  const file = join(directory, `workload-${(files += 1)}.ts`);
  writeFileSync(file, text);
  return file;
}

function simulated(
  workload: UserWorkload,
  seed: number,
): { readonly history: HistoryEvent[]; readonly run: UserRun } {
  const run = new UserRun(workload);
  const plan = { ...drawPlan(seed), operations: 150 };
  return { history: simulatePlan({ plan, work: workOfUser(run) }), run };
}

/** Looks for room in one request and takes it in the next: two clients may both take the last of it. */
const RACE = defineWorkload({
  setup: ['CREATE TABLE taken (id INTEGER PRIMARY KEY, by INTEGER)'],
  operations: [
    {
      name: 'look and take',
      weight: 2,
      run: () => ({ sql: 'SELECT count(*) FROM taken' }),
      next: (rows, op) =>
        Number(rows[0]?.[0]?.[0]) < 3 ? { sql: 'INSERT INTO taken (by) VALUES (?)', params: [op] } : null,
    },
    { name: 'give back', weight: 1, run: () => ({ sql: 'DELETE FROM taken' }) },
  ],
  invariants: [
    {
      name: 'no more than 3',
      sql: 'SELECT count(*) FROM taken',
      holds: (rows) => (Number(rows[0]?.[0]) <= 3 ? null : `${String(rows[0]?.[0])} are taken`),
    },
  ],
});

const SEEDS = [7, 17, 21];

describe("a user's workload", () => {
  it('[SM6] has nothing wrong in the example', async () => {
    const workload = await loadWorkload(EXAMPLE);
    for (const seed of SEEDS) {
      const { history, run } = simulated(workload, seed);
      expect([...check(history), ...run.judge(history)], `seed ${seed}`).toEqual([]);
    }
  });

  it('[SM6] is told at which position an invariant of it was broken', () => {
    const found = SEEDS.flatMap((seed) => {
      const { history, run } = simulated(RACE, seed);
      expect(check(history), `seed ${seed}`).toEqual([]);
      return run.judge(history);
    });
    expect(found[0]).toMatch(/^no more than 3, read by operation \d+ at \d+:\d+: \d+ are taken$/);
  });

  it('is told which of its checks failed', () => {
    const workload = defineWorkload({
      ...RACE,
      operations: [
        { name: 'count', weight: 1, run: () => ({ sql: 'SELECT 7' }), check: (rows) => JSON.stringify(rows) },
      ],
    });
    const { history, run } = simulated(workload, 1);
    expect(run.judge(history)[0]).toMatch(/^count, operation \d+ at \d+:1: \[\[\[7\]\]\]$/);
  });

  it('gives the same history each time', () => {
    const once = toJsonLines(simulated(RACE, 3).history);
    expect(toJsonLines(simulated(RACE, 3).history)).toBe(once);
  });

  it('ends where an operation gives no statement', () => {
    const run = (() => ({ query: 'SELECT 1' })) as unknown as () => { sql: string };
    const workload = defineWorkload({ ...RACE, operations: [{ name: 'odd', weight: 1, run }] });
    expect(() => simulated(workload, 1)).toThrow(/the operation odd gave neither/);
  });
});

const OPERATION = "{ name: 'o', weight: 1, run: () => ({ sql: 'SELECT 1' }) }";
const withOperation = (more: string) =>
  `export default { setup: ['CREATE TABLE t (a)'], operations: [${OPERATION}], ${more} };`;

describe('a module that is no workload', () => {
  it.each([
    ['no default', 'export const workload = 1;', /has no default export/],
    ['no TypeScript', 'export default {', /cannot be imported/],
    ['no object', 'export default 1;', /its default export must be/],
    ['no setup', `export default { operations: [${OPERATION}] };`, /setup is missing/],
    ['no operation', 'export default { setup: [], operations: [] };', /operations must have at least one/],
    [
      'a weight of nothing',
      "export default { setup: [], operations: [{ name: 'o', weight: 0, run() {} }] };",
      /operations\.0\.weight must be a whole number from 1/,
    ],
    [
      'nothing to run',
      "export default { setup: [], operations: [{ name: 'o', weight: 1 }] };",
      /operations\.0\.run is missing/,
    ],
    [
      'a setup that fails',
      `export default { setup: ['CREATE TABLE t (a', 'CREATE TABLE u (a)'], operations: [${OPERATION}] };`,
      /setup fails: /,
    ],
    [
      'an invariant that fails',
      withOperation("invariants: [{ name: 'i', sql: 'SELECT b FROM t', holds: () => null }]"),
      /the invariant i fails: no such column: b/,
    ],
    [
      'an invariant that writes',
      withOperation("invariants: [{ name: 'i', sql: 'DELETE FROM t', holds: () => null }]"),
      /the invariant i must be a SELECT/,
    ],
    [
      'an invariant that never holds',
      withOperation("invariants: [{ name: 'i', sql: 'SELECT 1', holds: () => 'never' }]"),
      /the invariant i does not hold after setup: never/,
    ],
    [
      'an operation that fails',
      "export default { setup: [], operations: [{ name: 'o', weight: 1, run: () => ({ sql: 'SELECT a FROM t' }) }] };",
      /the operation o fails: no such table: t/,
    ],
  ])('is refused for %s', async (_, text, message) => {
    const refused = loadWorkload(moduleFile(text));
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toBeInstanceOf(WorkloadError);
  });

  it('is refused where there is no file', async () => {
    await expect(loadWorkload(join(directory, 'none.ts'))).rejects.toThrow(/none\.ts is not there/);
  });
});
