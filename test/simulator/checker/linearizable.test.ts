import { describe, expect, it } from 'vitest';
import type { HistoryEvent } from '../history.ts';
import type { Effect } from '../model.ts';
import { gather } from './facts.ts';
import { LIN } from './linearizable.ts';
import { cas, type Piece, sees, timeline, writes } from './timeline.ts';

const wrongWith = (history: readonly HistoryEvent[]): string[] => [...LIN(gather(history))];
const set = (value: number, key = 'x'): Effect => ['set', key, value];
const swap = (from: number, to: number): Effect => ['compare-and-set', 'x', from, to];

/** Times are `[call, answer]`; null: it never ended. */
const LINEARIZABLE: Readonly<Record<string, readonly HistoryEvent[]>> = {
  'nothing at all': timeline(),
  'a read of what was never written': timeline(sees([1, 2], {})),
  'a read that overlaps a write and sees it': timeline(writes([1, 4], [set(1)]), sees([2, 3], { x: 1 })),
  'a read that overlaps a write and does not see it': timeline(writes([1, 4], [set(1)]), sees([2, 3], {})),
  'two reads that overlap, the older value last to end': timeline(
    writes([1, 8], [set(1)]),
    sees([2, 5], {}),
    sees([3, 4], { x: 1 }),
  ),
  'overlapping writes in the order opposite to their answers': timeline(
    writes([1, 4], [set(1)]),
    writes([2, 3], [set(2)]),
    sees([5, 6], { x: 1 }),
  ),
  'a write of unknown outcome that is seen long after': timeline(
    writes([1, 2], [set(1)], { end: 'info' }),
    sees([3, 4], {}),
    writes([5, 6], [set(2)]),
    sees([7, 8], { x: 2 }),
    sees([9, 10], { x: 1 }),
  ),
  'a write that never ended and is seen': timeline(writes([1, null], [set(1)]), sees([3, 4], { x: 1 })),
  'a write that never ended and is never seen': timeline(writes([1, null], [set(1)]), sees([3, 4], {})),
  'a failed write that nobody saw': timeline(writes([1, 2], [set(1)], { end: 'fail' }), sees([3, 4], {})),
  'a compare-and-set that matched': timeline(
    writes([1, 2], [set(1)]),
    cas([3, 4], [1, 2], true),
    sees([5, 6], { x: 2 }),
  ),
  'a compare-and-set that did not match': timeline(
    writes([1, 2], [set(1)]),
    cas([3, 4], [7, 8], false),
    sees([5, 6], { x: 1 }),
  ),
  'a compare-and-set of which it is not known whether it matched, and it did': timeline(
    writes([1, 2], [set(1)]),
    writes([3, 4], [swap(1, 2)], { rows: [] }),
    sees([5, 6], { x: 2 }),
  ),
  'and it did not': timeline(
    writes([1, 2], [set(1)]),
    writes([3, 4], [swap(7, 2)], { rows: [] }),
    sees([5, 6], { x: 1 }),
  ),
  'a chain of unknown outcomes, of which only the last is seen': timeline(
    writes([1, 2], [set(1)], { end: 'info' }),
    writes([3, 4], [swap(1, 2)], { end: 'info' }),
    writes([5, 6], [swap(2, 3)], { end: 'info' }),
    sees([7, 8], {}),
    sees([9, 10], { x: 3 }),
  ),
  'a compare-and-set that did not match because of an unknown write': timeline(
    writes([1, 2], [set(1)]),
    writes([3, null], [set(2)]),
    cas([5, 6], [1, 3], false),
    writes([7, 8], [set(1)]),
    sees([9, 10], { x: 1 }),
  ),
  'two that did not match, of which the first needs the unknown write that is seen then': timeline(
    writes([1, null], [set(7)]),
    writes([2, null], [set(2)]),
    writes([3, 4], [set(1)]),
    cas([5, 6], [1, 10], false),
    sees([7, 8], { x: 2 }),
    writes([9, 10], [set(1)]),
    cas([11, 12], [1, 13], false),
  ),
  'two that did not match, of which only the first can be due to an unknown compare-and-set': timeline(
    writes([1, null], [set(7)]),
    writes([2, null], [swap(1, 8)]),
    writes([3, 4], [set(1)]),
    cas([5, 6], [1, 10], false),
    writes([7, 8], [set(3)]),
    cas([9, 10], [3, 11], false),
  ),
  'a long write that hides an unknown one from a compare-and-set': timeline(
    writes([1, 3], [set(5)]),
    writes([2, 20], [set(9)]),
    writes([4, null], [set(3)]),
    sees([5, 6], { x: 3 }),
    cas([7, 8], [3, 4], false),
  ),
  'a long write that hides a value from a compare-and-set that then did not match, untold': timeline(
    writes([1, 3], [set(5)]),
    writes([2, 8], [set(9)]),
    writes([4, 5], [set(3)]),
    sees([6, 7], { x: 3 }),
    writes([9, 10], [swap(3, 4)], { rows: [] }),
    cas([11, 12], [4, 6], false),
  ),
  'a value that is needed again after an unknown write and a way back': timeline(
    writes([1, 2], [set(1)]),
    writes([3, null], [set(2)]),
    cas([4, 5], [2, 1], true),
    sees([6, 7], { x: 1 }),
  ),
  'a transaction that writes one register twice': timeline(
    writes([1, 2], [set(1), set(2)]),
    sees([3, 4], { x: 2 }),
  ),
  'registers that do not depend on each other': timeline(
    writes([1, 2], [set(1), set(1, 'y')]),
    writes([3, 4], [set(2, 'y')]),
    sees([5, 6], { x: 1, y: 2 }),
  ),
  'an old value in a read that is not strong': timeline(
    writes([1, 2], [set(1)]),
    sees([3, 4], {}, { consistency: 'session' }),
    sees([5, 6], {}, { consistency: 'eventual' }),
  ),
};

/** And what must be named. */
const NOT_LINEARIZABLE: Readonly<Record<string, readonly [history: readonly HistoryEvent[], named: string]>> =
  {
    'a stale strong read': [timeline(writes([1, 2], [set(1)]), sees([3, 4], {})), 'read 2'],
    'a read of what nobody wrote': [timeline(sees([1, 2], { z: 9 })), 'register z'],
    'a read of what is written later': [timeline(sees([1, 2], { x: 1 }), writes([3, 4], [set(1)])), 'read 1'],
    'a read of what failed': [
      timeline(writes([1, 2], [set(1)], { end: 'fail' }), sees([3, 4], { x: 1 })),
      'read 2',
    ],
    'two reads one after the other that go back': [
      timeline(writes([1, 8], [set(1)]), sees([2, 3], { x: 1 }), sees([4, 5], {})),
      'register x',
    ],
    'a lost update: two that matched the same value': [
      timeline(writes([1, 2], [set(1)]), cas([3, 6], [1, 2], true), cas([4, 5], [1, 3], true)),
      'compare-and-set 1',
    ],
    'a compare-and-set that did not match what was there': [
      timeline(writes([1, 2], [set(1)]), cas([3, 4], [1, 2], false)),
      'write 2',
    ],
    'an unknown write that is seen before it was invoked': [
      timeline(sees([1, 2], { x: 1 }), writes([3, null], [set(1)])),
      'read 1',
    ],
    'an unknown write that happens twice': [
      timeline(
        writes([1, null], [set(1)]),
        sees([2, 3], { x: 1 }),
        writes([4, 5], [set(2)]),
        sees([6, 7], { x: 2 }),
        sees([8, 9], { x: 1 }),
      ),
      'register x',
    ],
    'an unknown compare-and-set whose value never was': [
      timeline(writes([1, 2], [swap(5, 6)], { end: 'info' }), sees([3, 4], { x: 6 })),
      'read 2',
    ],
    'a value between two writes of one transaction': [
      timeline(writes([1, 4], [set(1), set(2)]), sees([2, 3], { x: 1 })),
      'read 2',
    ],
    'reads that disagree on the order of two writes': [
      timeline(
        writes([1, 20], [set(1)]),
        writes([2, 19], [set(2)]),
        sees([3, 4], { x: 1 }),
        sees([5, 6], { x: 2 }),
        sees([7, 8], { x: 1 }),
      ),
      'register x',
    ],
  };

describe('LIN', () => {
  it.each(Object.entries(LINEARIZABLE))('holds for %s', (_, history) => {
    expect(wrongWith(history)).toEqual([]);
  });

  it.each(Object.entries(NOT_LINEARIZABLE))('does not hold for %s', (_, [history, named]) => {
    const wrong = wrongWith(history);
    expect(wrong.length).toBe(1);
    expect(wrong[0]).toContain(named);
  });

  const manyUnknown = Array.from({ length: 300 }, (_, i): Piece[] => {
    const t = i * 4;
    return [writes([t, null], [set(i)]), sees([t + 1, t + 2], { x: i - (i % 3) })];
  }).flat();

  it('finds its way among hundreds of unknown outcomes', () => {
    expect(wrongWith(timeline(...manyUnknown))).toEqual([]);
    expect(wrongWith(timeline(...manyUnknown, sees([2_000, 2_001], { x: 0 })))).toEqual([
      expect.stringContaining('read 601'),
    ]);
  });

  it('finds its way among writes that overlap ten at a time', () => {
    const rounds = Array.from({ length: 50 }, (_, round): Piece[] => {
      const t = round * 30;
      const sets = Array.from({ length: 10 }, (_, i) => writes([t + i, t + 19 - i], [set(round * 10 + i)]));
      return [...sets, sees([t + 20, t + 21], { x: round * 10 + 5 })];
    }).flat();
    expect(wrongWith(timeline(...rounds))).toEqual([]);
    expect(wrongWith(timeline(...rounds, sees([2_000, 2_001], { x: 0 })))).toEqual([
      expect.stringContaining('read 551'),
    ]);
  });
});
