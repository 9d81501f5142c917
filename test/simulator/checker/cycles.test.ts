import { describe, expect, it } from 'vitest';
import type { HistoryEvent } from '../history.ts';
import type { Effect } from '../model.ts';
import { CYC } from './cycles.ts';
import { gather } from './facts.ts';
import { seesLists, timeline, writes } from './timeline.ts';

const wrongWith = (history: readonly HistoryEvent[]): string[] => [...CYC(gather(history))];
const append = (list: string, value: number): Effect => ['append', list, value];

const s = { session: 's' };
const t = { session: 't' };
const u = { session: 'u' };

/** Times are `[call, answer]`; null: it never ended. Without a name an operation is of a session of its own. */
const ACYCLIC: Readonly<Record<string, readonly HistoryEvent[]>> = {
  'nothing at all': timeline(),
  'a read of a list that nobody appended to': timeline(seesLists([1, 2], {})),
  'reads that see more and more': timeline(
    writes([1, 2], [append('x', 1)], s),
    seesLists([3, 4], { x: [1] }, t),
    writes([5, 6], [append('x', 2), append('y', 2)], t),
    seesLists([7, 8], { x: [1, 2], y: [2] }, s),
  ),
  'an old state in another session': timeline(
    writes([1, 2], [append('x', 1)], s),
    seesLists([3, 4], {}, t),
    seesLists([5, 6], { x: [1] }, t),
  ),
  'an old state in an eventual read': timeline(
    writes([1, 2], [append('x', 1)], s),
    seesLists([3, 4], {}, { ...s, consistency: 'eventual' }),
    seesLists([5, 6], { x: [1] }, s),
  ),
  'an unknown append that is seen late': timeline(
    writes([1, 2], [append('x', 1)], { ...s, end: 'info' }),
    seesLists([3, 4], {}, s),
    writes([5, 6], [append('x', 3)], s),
    seesLists([7, 8], { x: [3] }, s),
    seesLists([9, 10], { x: [3, 1] }, s),
  ),
  'an unknown append that is never seen': timeline(
    writes([1, null], [append('x', 1)], s),
    seesLists([3, 4], {}, s),
  ),
  'a failed append that nobody saw': timeline(
    writes([1, 2], [append('x', 1)], { ...s, end: 'fail' }),
    seesLists([3, 4], {}, s),
  ),
  'an append after the last read': timeline(seesLists([1, 2], {}, s), writes([3, 4], [append('x', 1)], s)),
  'operations of one session that overlap': timeline(
    writes([1, 4], [append('x', 1)], { ...s, client: 'phone' }),
    seesLists([2, 3], {}, { ...s, client: 'laptop' }),
    seesLists([5, 6], { x: [1] }, { ...s, client: 'laptop' }),
  ),
  'several values of one transaction': timeline(
    writes([1, 2], [append('x', 1), append('x', 2)], s),
    seesLists([3, 4], { x: [1, 2] }, s),
  ),
};

const CYCLIC: Readonly<Record<string, readonly [history: readonly HistoryEvent[], ...said: string[]]>> = {
  'G0: two transactions that are in two lists in two orders': [
    timeline(
      writes([1, 2], [append('x', 1), append('y', 1)], s),
      writes([3, 4], [append('x', 2), append('y', 2)], t),
      seesLists([5, 6], { x: [1, 2], y: [2, 1] }, u),
    ),
    'G0: write 1 is before write 2 in list x; write 2 is before write 1 in list y',
  ],
  'G1a: a value of a failed transaction': [
    timeline(writes([1, 2], [append('x', 1)], { ...s, end: 'fail' }), seesLists([3, 4], { x: [1] }, s)),
    'read 2 saw 1 in list x, and operation 1, which appended it, failed',
  ],
  'G1b: half of a transaction': [
    timeline(
      writes([1, 2], [append('x', 1), append('x', 2)], s),
      seesLists([3, 4], { x: [1] }, t),
      seesLists([5, 6], { x: [1, 2] }, u),
    ),
    'G-single',
    'read 2 saw write 1 in list x',
    'read 2 did not see write 1 in list x',
  ],
  'G1c: a read that saw what its session wrote only later': [
    timeline(
      seesLists([1, 2], { x: [2] }, s),
      writes([3, 4], [append('y', 1)], s),
      seesLists([5, 6], { y: [1], x: [2] }, t),
      writes([7, 8], [append('x', 2)], t),
    ),
    'G1c by session: ',
    'read 3 saw write 4 in list x',
  ],
  'G-single: a read that saw one of two transactions, and not the one before': [
    timeline(
      writes([1, 2], [append('x', 1), append('y', 1)], s),
      writes([3, 4], [append('x', 2)], t),
      seesLists([5, 6], { x: [1] }, u),
      seesLists([7, 8], { x: [1, 2], y: [1] }, u),
    ),
    'G-single: ',
    'read 3 did not see write 1 in list y',
    'read 3 saw write 1 in list x',
  ],
  'G2: two reads that saw two transactions in two orders': [
    timeline(
      writes([1, 10], [append('x', 1)], s),
      writes([2, 11], [append('y', 2)], t),
      seesLists([3, 4], { x: [1] }, u),
      seesLists([5, 6], { y: [2] }, { session: 'v' }),
    ),
    'G2: ',
  ],
  'a lost update: an append that was told and that its session does not see': [
    timeline(writes([1, 2], [append('x', 1)], s), seesLists([3, 4], {}, s)),
    'G-single by session: write 1 was over before read 2 of its session; read 2 did not see write 1 in list x',
  ],
  'a lost update behind an operation that overlapped it': [
    timeline(
      writes([1, 4], [append('x', 1)], { ...s, client: 'phone' }),
      writes([2, 5], [append('y', 2)], { ...s, client: 'laptop' }),
      seesLists([6, 7], { y: [2] }, s),
    ),
    'G-single by session: write 1 was over before read 3 of its session; read 3 did not see write 1 in list x',
  ],
  'half of a transaction of unknown outcome': [
    timeline(writes([1, null], [append('x', 1), append('y', 1)], s), seesLists([3, 4], { y: [1] }, t)),
    'G-single: read 2 saw write 1 in list y; read 2 did not see write 1 in list x',
  ],
  'reads of one session that go back': [
    timeline(
      writes([1, 2], [append('x', 1)], t),
      seesLists([3, 4], { x: [1] }, s),
      seesLists([5, 6], {}, s),
      seesLists([7, 8], { x: [1] }, s),
    ),
    'G-single by session: ',
    'read 2 was over before read 3 of its session',
  ],
  'the same over a long session': [
    timeline(
      writes([1, 2], [append('x', 1)], s),
      ...Array.from({ length: 20 }, (_, i) => writes([3 + 2 * i, 4 + 2 * i], [append(`l${i}`, i)], s)),
      seesLists([90, 91], Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`l${i}`, [i]])), s),
    ),
    'G-single by session: ',
    'read 22 did not see write 1 in list x',
  ],
  'reads that disagree on the order of a list': [
    timeline(
      writes([1, 9], [append('x', 1)], s),
      writes([2, 8], [append('x', 2)], t),
      seesLists([3, 4], { x: [2] }, u),
      seesLists([5, 6], { x: [1, 2] }, u),
    ),
    'read 3 saw 2 as number 1 of list x, and read 4 saw 1 there',
  ],
  'a value that is there twice': [
    timeline(writes([1, 2], [append('x', 1)], s), seesLists([3, 4], { x: [1, 1] }, s)),
    'read 2 saw a value twice in list x: 1 1',
  ],
  'a value that nobody appended': [
    timeline(seesLists([1, 2], { x: [7] })),
    'read 1 saw 7 in list x, which nobody appended',
  ],
};

describe('CYC', () => {
  it.each(Object.entries(ACYCLIC))('holds for %s', (_, history) => {
    expect(wrongWith(history)).toEqual([]);
  });

  it.each(Object.entries(CYCLIC))('does not hold for %s', (_, [history, ...said]) => {
    const wrong = wrongWith(history);
    expect(wrong.length).toBe(1);
    for (const words of said) expect(wrong[0]).toContain(words);
  });
});
