import { describe, expect, it } from 'vitest';
import { ACCOUNTS, areSameRows, BALANCE, type Effect, Model, type View, type ViewRows } from './model.ts';

function after(...effects: readonly Effect[]): Model {
  const model = new Model();
  for (const effect of effects) expect(model.apply(effect), JSON.stringify(effect)).toBe(true);
  return model;
}

describe('the model', () => {
  it.each<[View, ViewRows]>([
    ['registers', []],
    ['lists', []],
    ['items', []],
    ['accounts', Array.from({ length: ACCOUNTS }, (_, id) => [id, BALANCE])],
    ['pairs', []],
    ['bulk', [[0, 0]]],
  ])('begins with %s as the setup leaves them', (view, rows) => {
    expect(new Model().view(view)).toEqual(rows);
  });

  it.each<[string, readonly Effect[], View, ViewRows]>([
    [
      'registers by key',
      [
        ['set', 'b', 1],
        ['set', 'a', 2],
        ['compare-and-set', 'b', 1, 3],
      ],
      'registers',
      [
        ['a', 2],
        ['b', 3],
      ],
    ],
    [
      'lists in the order of appends',
      [
        ['append', 'y', 1],
        ['append', 'x', 2],
        ['append', 'y', 2],
      ],
      'lists',
      [
        ['y', 1],
        ['x', 2],
        ['y', 2],
      ],
    ],
    [
      'items without those removed',
      [
        ['item', 4],
        ['item', 5],
        ['remove', 2, 0],
      ],
      'items',
      [[5]],
    ],
    [
      'accounts',
      [['move', 0, 1, BALANCE]],
      'accounts',
      [
        [0, 0],
        [1, 2 * BALANCE],
        [2, BALANCE],
        [3, BALANCE],
      ],
    ],
    [
      'pairs in their order',
      [
        ['ask', 1],
        ['ask', 2],
        ['answer', 1],
      ],
      'pairs',
      [
        [1, 'question'],
        [2, 'question'],
        [1, 'answer'],
      ],
    ],
    [
      'the count and the sum of imports',
      [
        ['bulk', 2_000, 3],
        ['bulk', 2_003, 2],
      ],
      'bulk',
      [[5, 10_010]],
    ],
    [
      'an import that goes on after the rows were cleared',
      [
        ['bulk', 2_000, 3],
        ['clear', 'bulk'],
        ['bulk', 2_003, 1],
      ],
      'bulk',
      [[1, 2_003]],
    ],
  ])('shows %s', (_, effects, view, rows) => {
    expect(after(...effects).view(view)).toEqual(rows);
  });

  it.each<[string, readonly Effect[], Effect]>([
    ['a compare-and-set from another value', [['set', 'a', 1]], ['compare-and-set', 'a', 2, 3]],
    ['an item twice', [['item', 1]], ['item', 1]],
    ['a move of more than there is', [], ['move', 0, 1, BALANCE + 1]],
    ['a question twice', [['ask', 1]], ['ask', 1]],
    ['an answer without its question', [['ask', 1]], ['answer', 2]],
    [
      'an answer twice',
      [
        ['ask', 1],
        ['answer', 1],
      ],
      ['answer', 1],
    ],
    ['a batch without the one before it', [['bulk', 2_000, 3]], ['bulk', 2_004, 1]],
    ['a batch twice', [['bulk', 2_000, 3]], ['bulk', 2_000, 3]],
  ])('says that %s cannot be', (_, effects, effect) => {
    expect(after(...effects).apply(effect)).toBe(false);
  });
});

describe('areSameRows', () => {
  it('is true of equal rows', () => {
    expect(areSameRows([['a', 1]], [['a', 1]])).toBe(true);
    expect(areSameRows([], [])).toBe(true);
  });

  it.each<[string, readonly (readonly unknown[])[]]>([
    ['another value', [['a', 2]]],
    ['another type', [['a', '1']]],
    ['a row less', []],
    [
      'a row more',
      [
        ['a', 1],
        ['b', 1],
      ],
    ],
    ['a column less', [['a']]],
    ['a column more', [['a', 1, null]]],
  ])('is false of %s', (_, rows) => {
    expect(areSameRows(rows, [['a', 1]])).toBe(false);
  });
});
