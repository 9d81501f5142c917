import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present } from '../../shared/assert.ts';
import { all } from '../../shared/ports.ts';
import { quoteName, userTables } from '../../shared/tables/schema.ts';
import { check } from './checker/check.ts';
import { areSameRows, Model } from './model.ts';
import { drawPlan } from './plan.ts';
import { Random } from './random.ts';
import { simulatePlan } from './simulation.ts';
import { workOf } from './workload.ts';
import { makeWorkload, WORKLOAD_NAMES, type WorkloadName } from './workloads/all.ts';
import { rowsOf, Scratch } from './workloads/scratch.ts';
import type { Task } from './workloads/task.ts';
import { readViews } from './workloads/views.ts';

const OPERATIONS = 250;
const RATES = { reads: 0, keyed: 0, users: 0 };

/** What may go wrong for a workload's clients: what it means to try. */
const FAILURES: Readonly<Record<WorkloadName, readonly string[]>> = {
  registers: [],
  lists: [],
  bank: ['constraint'],
  ids: ['constraint', 'sql-error'],
  questions: [],
  bulk: [],
  rowids: [],
  swaps: [],
  values: [],
  family: ['constraint'],
  cascades: ['constraint'],
  chain: ['constraint'],
  triggers: ['constraint'],
  instead: [],
  columns: ['sql-error'],
  schema: ['sql-error'],
};

/** Rows of a table after so many operations: replicas' digests read them all. */
const ROWS_MAX: Partial<Record<WorkloadName, number>> = {
  lists: OPERATIONS * 2,
  questions: OPERATIONS,
  bulk: 2_000,
};

interface Ran {
  readonly task: Task;
  /** How it ended, or the failure's code. */
  readonly end: string;
  /** Effects that could not have happened, and views that were not the model's. */
  readonly wrong: readonly string[];
}

/** One client alone with a leader, and the model beside it. */
function runAlone(name: WorkloadName, scratch: Scratch): Ran[] {
  const work = workOf([{ name, weight: 1 }]);
  const random = new Random(1);
  const model = new Model();
  const { views } = makeWorkload(name);
  const look = readViews(views, 0).statements;
  expect(scratch.run(work.setup().statements).kind).toBe('done');
  let next: Task | null = null;
  return Array.from({ length: OPERATIONS }, (_, i) => {
    const op = i + 2;
    const task: Task = next ?? work.draw(random, RATES, op);
    const before = scratch.position.lsn;
    const answer = scratch.run(task.statements);
    const rows = rowsOf(answer);
    next = rows === null ? null : (task.follow?.(rows, op + 1) ?? null);
    const effects = scratch.position.lsn > before ? task.effects : [];
    const impossible = effects.filter((effect) => !model.apply(effect)).map((effect) => effect.join(' '));
    const shown = views.length === 0 ? [] : present(rowsOf(scratch.run(look)), 'what a read shows');
    const differing = views.filter((view, at) => !areSameRows(shown[at] ?? [], model.view(view)));
    return {
      task,
      end: answer.kind === 'failed' ? answer.failure.code : answer.kind,
      wrong: [...impossible, ...differing],
    };
  });
}

describe.each(WORKLOAD_NAMES)('the workload %s', (name) => {
  const scratch = new Scratch();
  let ran: readonly Ran[] = [];
  beforeAll(() => {
    ran = runAlone(name, scratch);
  });
  afterAll(() => scratch.close());

  it('fails only in the ways it means to, and not mostly', () => {
    const failures = ran.map(({ end }) => end).filter((end) => end !== 'done');
    expect(FAILURES[name]).toEqual(expect.arrayContaining([...new Set(failures)]));
    expect(failures.length).toBeLessThan(OPERATIONS / 2);
  });

  it('does what its effects say', () => {
    expect(ran.flatMap(({ wrong }) => wrong)).toEqual([]);
    const isSeen = makeWorkload(name).views.length > 0;
    expect(ran.some(({ task }) => task.effects.length > 0)).toBe(isSeen);
  });

  it('keeps to few texts and small tables', () => {
    const texts = new Set(ran.flatMap(({ task }) => task.statements.map(({ sql }) => sql)));
    expect(texts.size).toBeLessThan(60);
    for (const table of userTables(scratch.sql)) {
      const rows = Number(all(scratch.sql, `SELECT count(*) FROM ${quoteName(table)}`)[0]?.[0]);
      expect(rows, table).toBeLessThan(ROWS_MAX[name] ?? 100);
    }
  });

  it('ends in equal replicas, whatever goes wrong', () => {
    const plan = { ...drawPlan(3), operations: 150, workloads: [{ name, weight: 1 }] };
    expect(check(simulatePlan({ plan }))).toEqual([]);
  });
});

describe('the work of a run', () => {
  const shares = WORKLOAD_NAMES.map((name) => ({ name, weight: 1 }));

  it('is the same each time for the same seed', () => {
    const draw = () => {
      const [work, random] = [workOf(shares), new Random(5)];
      const rates = { reads: 0.4, keyed: 0.5, users: 0.5 };
      return Array.from({ length: 200 }, (_, op) => work.draw(random, rates, op)).map(
        ({ follow, ...task }) => ({
          ...task,
          follows: follow !== null,
        }),
      );
    };
    expect(draw()).toEqual(draw());
  });

  it('is of those who log in, as often as it is to be', () => {
    const [work, random] = [workOf(shares), new Random(5)];
    const users = (rate: number) =>
      new Set(
        Array.from(
          { length: 50 },
          (_, op) => work.draw(random, { reads: 0.5, keyed: 0, users: rate }, op).user,
        ),
      );
    expect(users(0)).toEqual(new Set([null]));
    expect(users(1)).toEqual(new Set(['user-0', 'user-1']));
  });

  it('has every workload in several of the fixed seeds', () => {
    const drawn = Array.from({ length: 120 }, (_, i) => drawPlan(i + 1).workloads.map((share) => share.name));
    for (const name of WORKLOAD_NAMES)
      expect(drawn.filter((names) => names.includes(name)).length, name).toBeGreaterThan(2);
    expect(drawn.every((names) => names.some((name) => makeWorkload(name).views.length > 0))).toBe(true);
  });
});
