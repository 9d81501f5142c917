import { describe, expect, it } from 'vitest';
import type { Happening } from '../history.ts';
import { check, PREDICATES } from './check.ts';
import { ack, append, at, durable, ok, write } from './happenings.ts';
import { failedOver } from './violations-failover.ts';
import { cut, historyWith, INSTALLED, semiSync, VIOLATIONS } from './violations.ts';

describe('the checker', () => {
  it('finds nothing wrong with a history that has nothing wrong', () => {
    expect(check(historyWith({}))).toEqual([]);
  });

  it('finds nothing wrong with a snapshot, or with a durability that is met', () => {
    expect(check(historyWith(INSTALLED))).toEqual([]);
    expect(check(semiSync({}))).toEqual([]);
    expect(check(cut(2, { claimBytesMax: 1_000 }))).toEqual([]);
  });

  it('finds nothing wrong with a failover that loses a write and says so', () => {
    expect(check(failedOver({}))).toEqual([]);
  });

  it('lets a claim go that has become too large, or too old', () => {
    expect(check(cut(3, { claimBytesMax: 50 })).map(({ id }) => id)).toEqual([]);
    expect(check(cut(3, { claimAgeMs: 5 })).map(({ id }) => id)).toEqual([]);
  });

  it('lets an entry go that was not durable, and its operation find nothing to do when it is tried again', () => {
    const item = [write(3, at(2), [], 'c'), append(3)];
    const again = [
      ack('weur', 3, at(2), 'c'),
      ok(3, at(2), [[]]),
      write(7, at(2), [['item', 3]]),
      append(3, 7),
      durable('weur', 3),
      { event: 'info', op: 7, token: at(3) },
    ] satisfies Happening[];
    expect(check(historyWith({ item, again }))).toEqual([]);
  });

  it('[SM3] has a history that violates each predicate', () => {
    expect(Object.keys(VIOLATIONS).toSorted()).toEqual(Object.keys(PREDICATES).toSorted());
  });

  for (const [id, histories] of Object.entries(VIOLATIONS)) {
    it.each(Object.entries(histories))(`${id} fails for %s`, (_, history) => {
      expect(check(history).map((violation) => violation.id)).toContain(id);
    });
  }
});
