import { describe, expect, it } from 'vitest';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import type { Position } from '../../shared/position.ts';
import { Journal, journaled, type LoggedEntry } from './journal.ts';

const at = (lsn: number): Position => ({ epoch: toEpoch(1), lsn: toLsn(lsn) });

/** A log whose entries are of these operations, one after the other. */
const logOf = (...entries: readonly (readonly number[])[]): LoggedEntry[] =>
  entries.map((ops, i) => ({ position: at(i + 1), ops }));

/** What is found once three writes were acknowledged as entries 1 to 3. */
function found(ops: readonly number[], log: readonly LoggedEntry[]): string[] {
  const journal = new Journal();
  for (const [i, op] of [10, 20, 30].entries()) journal.acknowledged(op, at(i + 1), [[i + 1]]);
  return [...journal.verify(ops, log)].map(({ id }) => id);
}

describe('[TT2] the journal of a torture', () => {
  it('finds nothing where every acknowledged write is its own entry, and others nobody heard of are there', () => {
    expect(found([10, 20, 30, 40], logOf([10], [20], [30], [40]))).toEqual([]);
  });

  it('finds an acknowledged write that is lost', () => {
    expect(found([10, 20], logOf([10], [20]))).toEqual(['I7']);
  });

  it('finds an acknowledged write in another place', () => {
    expect(found([10, 30, 20], logOf([10], [30], [20]))).toEqual(['I7', 'I7']);
  });

  it('finds a log that is not what the table says', () => {
    expect(found([10, 20, 30], logOf([10], [30], [20]))).toEqual(['I8', 'I8']);
    expect(found([10, 20, 30], logOf([10], [20, 30]))).toEqual(['I8', 'I8']);
    expect(found([10, 20, 30], logOf([10], [], [20], [30]))).toEqual(['I8', 'I8', 'I8']);
  });

  it('finds a receipt that names another position than the entry', () => {
    const journal = new Journal();
    journal.acknowledged(10, at(2), [[1]]);
    expect([...journal.verify([10], logOf([10]))].map(({ id }) => id)).toEqual(['I8']);
  });

  it('finds an entry of a write that was told that it changed nothing', () => {
    const journal = new Journal();
    journal.acknowledged(10, at(1), []);
    expect([...journal.verify([10], logOf([10]))].map(({ id }) => id)).toEqual(['I8']);
    expect([...journal.verify([], logOf())]).toEqual([]);
  });

  it('gives a compare-and-set its row only where it found its value', () => {
    const task = { statements: [], effects: [['compare-and-set', 'a', 1, 2]] } as const;
    expect(journaled(7, task)[0]?.sql).toMatch(/WHERE EXISTS/);
    expect(journaled(7, { statements: [], effects: [['set', 'a', 2]] })[0]?.sql).not.toMatch(/WHERE/);
  });
});
