import { present } from '../../shared/assert.ts';
import type { Statement } from '../../shared/tables/values.ts';
import type { Consistency } from './history.ts';
import type { View } from './model.ts';
import type { Random } from './random.ts';
import { makeWorkload, type Share } from './workloads/all.ts';
import type { Follow, Task, Workload } from './workloads/task.ts';
import type { UserRun } from './workloads/user.ts';
import { readViews } from './workloads/views.ts';

export interface Weighted {
  readonly workload: Workload;
  readonly weight: number;
}

/** How often an operation is something, from 0 to 1. */
export interface TaskRates {
  readonly reads: number;
  readonly keyed: number;
  /** Of those by somebody who has logged in. */
  readonly users: number;
}

/** Those who log in, from any device. */
export const USERS = ['user-0', 'user-1'];

/** What the clients of one run do: some workloads, each as often as its weight says. */
export class Work {
  readonly #workloads: readonly Weighted[];
  readonly #weight: number;
  readonly #views: readonly View[];
  readonly #looks: readonly Statement[];

  /** `looks` are queries of tables that the model does not know, for `readAll`. */
  constructor(workloads: readonly Weighted[], looks: readonly Statement[] = []) {
    this.#workloads = workloads;
    this.#looks = looks;
    this.#weight = workloads.reduce((sum, { weight }) => sum + weight, 0);
    this.#views = workloads.flatMap(({ workload }) => workload.views);
  }

  /** The first operation of a run: every table. */
  setup(): Task {
    const statements = this.#workloads.flatMap(({ workload }): readonly Statement[] => workload.setup);
    return { ...readViews([], 0), kind: 'write', statements };
  }

  /** What the operation with the number `op` is to do. */
  draw(random: Random, rates: TaskRates, op: number): Task {
    const isRead = random.chance(rates.reads) && this.#views.length > 0;
    const task = isRead ? this.#drawRead(random) : this.#pick(random).draw(random, op);
    const isKeyed = random.chance(rates.keyed);
    return asked(task, { isKeyed, user: random.chance(rates.users) ? random.pick(USERS) : null });
  }

  /** A look at all there is. */
  readAll(waitMs: number): Task {
    const read = readViews(this.#views, waitMs);
    return { ...read, statements: [...read.statements, ...this.#looks] };
  }

  #drawRead(random: Random): Task {
    const views = random.chance(0.2) ? this.#views : [random.pick(this.#views)];
    return { ...readViews(views, random.pick(WAITS_MS)), consistency: random.pick(CONSISTENCIES) };
  }

  #pick(random: Random): Workload {
    let left = random.below(this.#weight);
    const picked = this.#workloads.find(({ weight }) => (left -= weight) < 0);
    return present(picked ?? this.#workloads.at(-1), 'a workload').workload;
  }
}

const WAITS_MS = [0, 50, 1_000, 1_000, 10_000];
const CONSISTENCIES: readonly Consistency[] = [
  'session',
  'session',
  'session',
  'session',
  'strong',
  'eventual',
];

/** The task and all that follows from it, by this user's device. */
function asked(task: Task, by: Pick<Task, 'isKeyed' | 'user'>): Task {
  const { kind, follow } = task;
  const isKeyed = kind === 'write' && by.isKeyed;
  if (follow === null) return { ...task, isKeyed, user: by.user };
  const next: Follow = (rows, op) => {
    const following = follow(rows, op);
    return following === null ? null : asked(following, by);
  };
  return { ...task, isKeyed, user: by.user, follow: next };
}

/** A user's workload, and nothing else. */
export function workOfUser(run: UserRun): Work {
  return new Work([{ workload: run, weight: 1 }], run.looks);
}

export function workOf(shares: readonly Share[]): Work {
  return new Work(shares.map(({ name, weight }) => ({ workload: makeWorkload(name), weight })));
}
