import { describe, expect, it } from 'vitest';
import { drawPlan } from './plan.ts';
import { changed, differences } from './shrink.ts';

const DRAWN = drawPlan(17);

describe('a plan with parts of it changed', () => {
  it('is made again from what differs', () => {
    const smaller = { ...DRAWN, operations: 7, skew: null, rates: { ...DRAWN.rates, drop: 0 } };
    expect(changed(DRAWN, differences(DRAWN, smaller))).toEqual(smaller);
  });

  it('keeps what is not named, also within a part', () => {
    const plan = changed(DRAWN, '{"rates":{"drop":0.5},"every":{"crashMs":null}}');
    expect(plan).toEqual({
      ...DRAWN,
      rates: { ...DRAWN.rates, drop: 0.5 },
      every: { ...DRAWN.every, crashMs: null },
    });
  });

  it.each([
    ['{bad', '--plan must be JSON'],
    ['[1]', '--plan must be an object'],
    ['null', '--plan must be an object'],
    ['{"operatoins":5}', '--plan has no operatoins'],
    ['{"rates":{"dorp":1}}', 'rates has no dorp'],
    ['{"rates":null}', 'rates must be an object'],
    ['{"clients":"x"}', 'clients must be a number'],
    ['{"clients":null}', 'clients must be a number'],
  ])('is refused for %s', (json, why) => {
    expect(() => changed(DRAWN, json)).toThrow(why);
  });
});
