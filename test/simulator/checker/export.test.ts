import { describe, expect, it } from 'vitest';
import { toElleJson, toRegisterLines } from './export.ts';
import { cas, type Piece, sees, seesLists, timeline, writes } from './timeline.ts';

describe('a history for checkers of linearizability', () => {
  const lines = (...pieces: readonly Piece[]): unknown[] =>
    toRegisterLines(timeline(...pieces))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);

  it('has one line for each register that an operation touched, and says what it wrote, saw or matched', () => {
    const a = { client: 'a' };
    expect(
      lines(
        writes(
          [10, 20],
          [
            ['set', 'x', 1],
            ['set', 'y', 1],
            ['item', 1],
          ],
          a,
        ),
        cas([30, 40], [1, 2], true),
        cas([50, 60], [1, 3], false),
        sees([70, 80], { x: 2, y: 1 }, a),
      ),
    ).toEqual([
      { client: 'a', f: 'write', k: 'x', v: 1, call: 0, ret: 1, out: null, unknown: false },
      { client: 's', f: 'cas', k: 'x', v: [1, 2], call: 2, ret: 3, out: true, unknown: false },
      { client: 's', f: 'cas', k: 'x', v: [1, 3], call: 4, ret: 5, out: false, unknown: false },
      { client: 'a', f: 'read', k: 'x', v: null, call: 6, ret: 7, out: 2, unknown: false },
      { client: 'a', f: 'write', k: 'y', v: 1, call: 0, ret: 1, out: null, unknown: false },
      { client: 'a', f: 'read', k: 'y', v: null, call: 6, ret: 7, out: 1, unknown: false },
    ]);
  });

  it('leaves unknown outcomes open, and leaves out what never happened and reads that are not strong', () => {
    expect(
      lines(
        sees([1, 2], {}),
        writes([3, 4], [['set', 'x', 1]], { end: 'info' }),
        writes([5, null], [['compare-and-set', 'x', 1, 2]]),
        writes([6, 7], [['set', 'x', 3]], { end: 'fail' }),
        sees([8, 9], { x: 1 }, { consistency: 'session' }),
        sees([10, 11], { x: 1 }, { end: 'fail' }),
      ),
    ).toEqual([
      { client: 's', f: 'read', k: 'x', v: null, call: 0, ret: 1, out: null, unknown: false },
      { client: 's', f: 'write', k: 'x', v: 1, call: 2, ret: null, out: null, unknown: true },
      { client: 's', f: 'cas', k: 'x', v: [1, 2], call: 4, ret: null, out: null, unknown: true },
    ]);
  });
});

describe("a history in elle-cli's form", () => {
  it('is one array of transactions over lists, with nothing else in it', () => {
    const text = toElleJson(
      timeline(
        writes(
          [5, 6],
          [
            ['append', 'x', 1],
            ['append', 'y', 1],
            ['item', 1],
          ],
          { client: 'a' },
        ),
        writes([7, 8], [['set', 'x', 1]], { client: 'a' }),
        seesLists([9, 12], { x: [1] }, { client: 'b' }),
        writes([10, 11], [['append', 'x', 3]], { client: 'a', end: 'fail' }),
      ),
    );
    const both = [
      ['append', 'x', 1],
      ['append', 'y', 1],
    ];
    const asked = [
      ['r', 'x', null],
      ['r', 'y', null],
    ];
    const seen = [
      ['r', 'x', [1]],
      ['r', 'y', []],
    ];
    const third = [['append', 'x', 3]];
    expect(JSON.parse(text)).toEqual([
      { index: 0, type: 'invoke', process: 0, f: 'txn', value: both, time: 0 },
      { index: 1, type: 'ok', process: 0, f: 'txn', value: both, time: 1_000_000 },
      { index: 2, type: 'invoke', process: 1, f: 'txn', value: asked, time: 4_000_000 },
      { index: 3, type: 'invoke', process: 0, f: 'txn', value: third, time: 5_000_000 },
      { index: 4, type: 'fail', process: 0, f: 'txn', value: third, time: 6_000_000 },
      { index: 5, type: 'ok', process: 1, f: 'txn', value: seen, time: 7_000_000 },
    ]);
  });

  it('gives a client another process after what ended unknown, and one to each eventual read', () => {
    const eventual = { client: 'a', consistency: 'eventual' } as const;
    const lines = JSON.parse(
      toElleJson(
        timeline(
          writes([1, 2], [['append', 'x', 1]], { client: 'a' }),
          seesLists([3, 4], {}, eventual),
          writes([5, 6], [['append', 'x', 2]], { client: 'a', end: 'info' }),
          seesLists([7, 8], {}, { client: 'a' }),
          writes([9, null], [['append', 'x', 3]], { client: 'a' }),
          seesLists([11, 12], {}, { client: 'a' }),
        ),
      ),
    ) as { type: string; process: number }[];
    expect(lines.map(({ type, process }) => `${type} ${process}`)).toEqual(
      ['invoke 0', 'ok 0', 'invoke 1', 'ok 1', 'invoke 0', 'info 0'].concat([
        'invoke 2',
        'ok 2',
        'invoke 2',
        'invoke 3',
        'ok 3',
      ]),
    );
  });
});
