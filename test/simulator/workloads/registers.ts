import type { Random } from '../random.ts';
import { integer, statement, type Task, type Workload, write } from './task.ts';

const KEYS = ['a', 'b', 'c', 'd'];
const SET =
  'INSERT INTO registers (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value';
const REPLACE = 'REPLACE INTO registers (key, value) VALUES (?, ?)';
const COMPARE_AND_SET = 'UPDATE registers SET value = ? WHERE key = ? AND value = ? RETURNING key, value';

/** A value per key: set, compare-and-set, and two set so that nobody may see them apart. */
export function registers(): Workload {
  /** What was drawn last for each key: as good a guess as any at what it holds. */
  const last = new Map<string, number>();

  function set(random: Random, op: number): Task {
    const key = random.pick(KEYS);
    last.set(key, op);
    return write([statement(random.chance(0.3) ? REPLACE : SET, key, integer(op))], [['set', key, op]]);
  }

  function compareAndSet(random: Random, op: number): Task {
    const key = random.pick(KEYS);
    const from = last.get(key) ?? 0;
    last.set(key, op);
    return write(
      [statement(COMPARE_AND_SET, integer(op), key, integer(from))],
      [['compare-and-set', key, from, op]],
    );
  }

  function several(random: Random, op: number): Task {
    const [first, second] = random.chance(0.5) ? (['a', 'b'] as const) : (['c', 'd'] as const);
    return write(
      [statement(SET, first, integer(op)), statement(SET, second, integer(op))],
      [
        ['set', first, op],
        ['set', second, op],
      ],
    );
  }

  return {
    name: 'registers',
    setup: [statement('CREATE TABLE registers (key TEXT PRIMARY KEY, value INTEGER NOT NULL)')],
    views: ['registers'],
    draw: (random, op) => random.pick([set, set, compareAndSet, compareAndSet, several])(random, op),
  };
}
