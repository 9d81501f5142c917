import { describe, expect, it } from 'vitest';
import { Devices } from '../../shared/session/devices.ts';
import { rewound } from '../../shared/session/rewind.ts';
import { NOTHING_SEEN, setBack } from '../../shared/session/token.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { at } from './router-fakes.ts';

const LOSS = { lost: at(50), instead: at(40) };

/** As the object has them after it was loaded again, too. */
function seenBy(...steps: readonly ((devices: Devices) => void)[]) {
  const sql = new NodeSql();
  const devices = new Devices(sql);
  for (const step of steps) step(devices);
  const seen = devices.seen();
  expect(new Devices(sql).seen()).toEqual(seen);
  return seen;
}

describe('what is set back from a loss', () => {
  it.each([
    ['what was lost', at(50), at(40)],
    ['what was lost with it', at(45), at(40)],
    ['nothing of what stays', at(40), at(40)],
    ['nothing of what stays', at(30), at(30)],
    ['nothing that moved on since', at(55), at(55)],
    ['nothing of a newer epoch', at(44, 2), at(44, 2)],
  ])('[SL3] is %s', (_what, known, now) => {
    expect(rewound(known, LOSS)).toEqual(now);
    expect(setBack(new Map([[0, known]]), 0, LOSS).get(0)).toEqual(now);
  });

  it('[SL3] may be a whole epoch', () => {
    expect(rewound(at(5, 3), { lost: at(5, 3), instead: at(40, 1) })).toEqual(at(40, 1));
  });

  it('[SL3] is nothing where nothing was seen, nor of another partition', () => {
    expect(setBack(NOTHING_SEEN, 0, LOSS)).toBe(NOTHING_SEEN);
    const seen = new Map([[1, at(50)]]);
    expect(setBack(seen, 0, LOSS)).toBe(seen);
  });
});

describe("a user's devices", () => {
  it('[US1] have seen as far as the furthest of them, in each partition', () => {
    const seen = seenBy(
      (devices) => devices.advance(0, at(5)),
      (devices) => devices.advance(1, at(7)),
      (devices) => devices.advance(0, at(4)),
      (devices) => devices.advance(0, at(6)),
    );
    expect(seen).toEqual([
      [0, at(6)],
      [1, at(7)],
    ]);
  });

  it('[SL4] keep what they have seen of an older epoch beside a newer one, the newest first', () => {
    const seen = seenBy(
      (devices) => devices.advance(0, at(50)),
      (devices) => devices.advance(0, at(45, 2)),
      (devices) => devices.advance(0, at(49)),
    );
    expect(seen).toEqual([
      [0, at(45, 2)],
      [0, at(50)],
    ]);
  });

  it('[SL4] keep no more than the newest epochs', () => {
    const steps = Array.from(
      { length: 12 },
      (_, i) => (devices: Devices) => devices.advance(0, at(1, i + 1)),
    );
    expect(seenBy(...steps).map(([, { epoch }]) => epoch)).toEqual([12, 11, 10, 9, 8, 7, 6, 5]);
  });

  it('[SL3] forget what was lost, and keep what they have seen since', () => {
    const seen = seenBy(
      (devices) => devices.advance(0, at(50)),
      (devices) => devices.advance(0, at(45, 2)),
      (devices) => devices.rewind(0, LOSS),
      (devices) => devices.rewind(0, LOSS),
    );
    expect(seen).toEqual([
      [0, at(45, 2)],
      [0, at(40)],
    ]);
  });

  it('[SL3] keep what was lost beyond what they were told of', () => {
    const seen = seenBy(
      (devices) => devices.advance(0, at(55)),
      (devices) => devices.rewind(0, LOSS),
    );
    expect(seen).toEqual([[0, at(55)]]);
  });

  it('[SL3] have nothing to set back where they have seen nothing', () => {
    expect(seenBy((devices) => devices.rewind(0, LOSS))).toEqual([]);
  });
});
