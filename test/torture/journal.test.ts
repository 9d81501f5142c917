import { describe, expect, it } from 'vitest';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import type { Position } from '../../shared/position.ts';
import { Branches } from '../simulator/checker/branches.ts';
import type { Told } from './http.ts';
import { type Ending, Journal, journaled, type LoggedEntry } from './journal.ts';

const at = (lsn: number, epoch = 1): Position => ({ epoch: toEpoch(epoch), lsn: toLsn(lsn) });

/** A log whose entries are of these operations, one after the other. */
const logOf = (...entries: readonly (readonly number[])[]): LoggedEntry[] =>
  entries.map((ops, i) => ({ position: at(i + 1), ops }));

/** Without a failover. */
const ending = (ops: readonly number[], log: readonly LoggedEntry[]): Ending => ({
  ops,
  log,
  kept: [],
  branches: new Branches(),
  isSafe: false,
});

/** What was acknowledged as entry 3 of epoch 1 is lost: epoch 2 began after the second, and has another third. */
const failedOver = (changed: Partial<Ending>): Ending => ({
  ops: [10, 20, 40],
  log: [...logOf([10], [20]), { position: at(3, 2), ops: [40] }],
  kept: [{ position: at(3), ops: [30] }],
  branches: new Branches([{ epoch: 2, after: at(2) }]),
  isSafe: false,
  ...changed,
});

/** What is found once three writes were acknowledged as entries 1 to 3. */
function found(what: Ending): string[] {
  const journal = new Journal();
  for (const [i, op] of [10, 20, 30].entries()) journal.acknowledged(op, at(i + 1), [[i + 1]]);
  return [...journal.verify(what)].map(({ id }) => id);
}

const done = (position: Position, body: string): Extract<Told, { kind: 'done' }> => ({
  kind: 'done',
  body,
  position,
  rows: [[[position.lsn]]],
  staleness_ms: 0,
  durability: 'async',
  token: position,
  tokenText: 'token',
});

describe('[TT2] the journal of a torture', () => {
  it('finds nothing where every acknowledged write is its own entry, and others nobody heard of are there', () => {
    expect(found(ending([10, 20, 30, 40], logOf([10], [20], [30], [40])))).toEqual([]);
  });

  it('finds an acknowledged write that is lost', () => {
    expect(found(ending([10, 20], logOf([10], [20])))).toEqual(['I7']);
  });

  it('finds an acknowledged write in another place', () => {
    expect(found(ending([10, 30, 20], logOf([10], [30], [20])))).toEqual(['I7', 'I7']);
  });

  it('finds a log that is not what the table says', () => {
    expect(found(ending([10, 20, 30], logOf([10], [30], [20])))).toEqual(['I8', 'I8']);
    expect(found(ending([10, 20, 30], logOf([10], [20, 30])))).toEqual(['I8', 'I8']);
    expect(found(ending([10, 20, 30], logOf([10], [], [20], [30])))).toEqual(['I8', 'I8', 'I8']);
  });

  it('finds a receipt that names another position than the entry', () => {
    const journal = new Journal();
    journal.acknowledged(10, at(2), [[1]]);
    expect([...journal.verify(ending([10], logOf([10])))].map(({ id }) => id)).toEqual(['I8']);
  });

  it('finds an entry of a write that was told that it changed nothing', () => {
    const journal = new Journal();
    journal.acknowledged(10, at(1), []);
    expect([...journal.verify(ending([10], logOf([10])))].map(({ id }) => id)).toEqual(['I8']);
    expect([...journal.verify(ending([], logOf()))]).toEqual([]);
  });

  it('gives a compare-and-set its row only where it found its value', () => {
    const task = { statements: [], effects: [['compare-and-set', 'a', 1, 2]] } as const;
    expect(journaled(7, task)[0]?.sql).toMatch(/WHERE EXISTS/);
    expect(journaled(7, { statements: [], effects: [['set', 'a', 2]] })[0]?.sql).not.toMatch(/WHERE/);
  });
});

describe('[TT2] the journal of a torture with failovers', () => {
  it('finds nothing where what was cut off is kept', () => {
    expect(found(failedOver({}))).toEqual([]);
  });

  it('finds what was cut off and nobody has kept', () => {
    expect(found(failedOver({ kept: [] }))).toEqual(['I9']);
    expect(found(failedOver({ kept: [{ position: at(3), ops: [50] }] }))).toEqual(['I9']);
  });

  it('finds an acknowledged write that may not be cut off', () => {
    expect(found(failedOver({ isSafe: true }))).toEqual(['I9']);
  });

  it('finds a token that forgets, unless it is told of a loss', () => {
    const back = (changed: object): string[] => {
      const journal = new Journal();
      journal.carried({ sent: at(3), token: at(3, 2), position: null, lost: null, ...changed });
      return [...journal.verify(failedOver({}))].map(({ id }) => id);
    };
    expect(back({})).toEqual(['T7']);
    expect(back({ token: null })).toEqual(['T7']);
    expect(back({ token: at(2), lost: { epoch: 1, from_lsn: 3, to_lsn: 3 } })).toEqual([]);
    expect(back({ sent: at(2), token: at(1), lost: { epoch: 1, from_lsn: 3, to_lsn: 3 } })).toEqual(['T7']);
    expect(back({ sent: null, token: at(2), position: at(3, 2) })).toEqual(['T7']);
  });

  it('finds two answers to one key, unless the first was cut off', () => {
    const twice = (first: Position, again: Position): string[] => {
      const journal = new Journal();
      journal.answeredAgain(40, done(first, 'first'), done(again, 'again'));
      return [...journal.verify(failedOver({}))].map(({ id }) => id);
    };
    expect(twice(at(3), at(3, 2))).toEqual([]);
    expect(twice(at(2), at(3, 2))).toEqual(['K1']);
  });
});
