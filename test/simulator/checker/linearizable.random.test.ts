import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Effect } from '../model.ts';
import { gather } from './facts.ts';
import { LIN } from './linearizable.ts';
import { type Piece, sees, timeline, writes } from './timeline.ts';

const set = (value: number): Effect => ['set', 'x', value];
const swap = (from: number, to: number): Effect => ['compare-and-set', 'x', from, to];

interface Mix {
  readonly kinds: readonly [Kind, ...Kind[]];
  readonly ends: readonly ['ok', ...('ok' | 'info')[]];
  readonly values: number;
}

type Kind = 'read' | 'set' | 'cas' | 'both';

/** What is drawn more often has more of the places. */
const MIXES: Readonly<Record<string, Mix>> = {
  'a little of each': {
    kinds: ['read', 'read', 'set', 'cas', 'both'],
    ends: ['ok', 'ok', 'ok', 'info'],
    values: 3,
  },
  'many that compare': {
    kinds: ['read', 'set', 'set', 'cas', 'cas', 'cas'],
    ends: ['ok', 'ok', 'info'],
    values: 4,
  },
  'many unknown outcomes': { kinds: ['read', 'set', 'cas'], ends: ['ok', 'info'], values: 2 },
  'many that overwrite': {
    kinds: ['read', 'set', 'set', 'set', 'cas'],
    ends: ['ok', 'ok', 'ok', 'info'],
    values: 6,
  },
};

describe('LIN', () => {
  it.each(Object.entries(MIXES))('gives the answer of a search through all orders, for %s', (_, mix) => {
    const count = { linearizable: 0, not: 0 };
    fc.assert(
      fc.property(fc.array(drawn(mix), { minLength: 1, maxLength: 7 }), fc.boolean(), (draws, isTrue) => {
        const pieces = piecesOf(draws, isTrue);
        const expected = hasAnOrder(pieces);
        if (isTrue) expect(expected).toBe(true);
        count[expected ? 'linearizable' : 'not'] += 1;
        expect([...LIN(gather(timeline(...pieces)))].length).toBe(expected ? 0 : 1);
      }),
      { numRuns: 1_500 },
    );
    // A test that only ever saw one of the two would show nothing.
    expect(Math.min(count.linearizable, count.not)).toBeGreaterThan(100);
  });
});

interface Drawn {
  readonly what: Kind;
  readonly value: number;
  readonly from: number;
  readonly call: number;
  readonly before: number;
  readonly after: number;
  readonly end: 'ok' | 'info';
  readonly happens: boolean;
  readonly isTold: boolean;
  readonly lie: number | null;
}

function drawn({ kinds, ends, values }: Mix): fc.Arbitrary<Drawn> {
  const value = fc.integer({ min: 1, max: values });
  return fc.record({
    what: fc.constantFrom(...kinds),
    value,
    from: value,
    call: fc.integer({ min: 0, max: 12 }),
    before: fc.integer({ min: 0, max: 6 }),
    after: fc.integer({ min: 0, max: 6 }),
    end: fc.constantFrom(...ends),
    happens: fc.boolean(),
    isTold: fc.boolean(),
    lie: fc.option(value, { freq: 3 }),
  });
}

/** Operations that happen one after the other, each at a point within its time; and lies, where they are asked for. */
function piecesOf(draws: readonly Drawn[], isTrue: boolean): Piece[] {
  const held: { x?: number } = {};
  const inOrder = draws
    .map((draw, i) => ({ ...draw, point: draw.call + draw.before, i }))
    .toSorted((a, b) => a.point - b.point || a.i - b.i);
  return inOrder.map(({ what, value, from, call, point, after, end, happens, isTold, lie, i }): Piece => {
    // No two times are equal: `point` lies between what comes before and what comes after it.
    const when = [call + i / 100, point + after + 0.5 + i / 100] as const;
    const told = isTrue ? null : lie;
    if (what === 'read') return sees(when, told === null ? held : { x: told });
    const effects =
      what === 'set' ? [set(value)] : [swap(from, value), ...(what === 'both' ? [set(from)] : [])];
    const isMatch = what !== 'set' && held.x === from;
    if (end === 'ok' || happens) {
      if (what === 'set' || isMatch) held.x = value;
      if (what === 'both') held.x = from;
    }
    if (end === 'info') return writes(when, effects, { end });
    if (what === 'set') return writes(when, effects);
    const isSaid = told === null ? isMatch : told === 1;
    return writes(when, effects, { rows: isTold ? [isSaid ? [['x', value]] : []] : [] });
  });
}

/** By trying every order of every choice of what happened, with no cleverness at all. */
function hasAnOrder(pieces: readonly Piece[]): boolean {
  const sure = pieces.filter(({ end }) => end === 'ok');
  const unknown = pieces.filter(({ end }) => end === 'info');
  return [...subsets(unknown)].some((happened) => canGoOn([...sure, ...happened], undefined));
}

function* subsets(pieces: readonly Piece[]): Generator<readonly Piece[]> {
  const [first, ...others] = pieces;
  if (first === undefined) return yield [];
  for (const subset of subsets(others)) {
    yield subset;
    yield [first, ...subset];
  }
}

function canGoOn(left: readonly Piece[], held: number | undefined): boolean {
  if (left.length === 0) return true;
  return left.some((piece) => {
    const isFirst = left.every(({ to, end }) => end === 'info' || to === null || to > piece.from);
    if (!isFirst) return false;
    const after = happenAt(piece, held);
    return (
      after !== null &&
      canGoOn(
        left.filter((other) => other !== piece),
        after.held,
      )
    );
  });
}

function happenAt({ does, end, rows }: Piece, held: number | undefined): { held: number | undefined } | null {
  if (does.kind === 'read') return new Map(rows[0] as [string, number][]).get('x') === held ? { held } : null;
  let after = held;
  for (const effect of does.effects) {
    if (effect[0] === 'set') after = effect[2];
    if (effect[0] !== 'compare-and-set') continue;
    const isMatch = after === effect[2];
    const isToldMatch = (rows[0] ?? []).length > 0;
    if (end === 'ok' && rows.length > 0 && isToldMatch !== isMatch) return null;
    if (isMatch) after = effect[3];
  }
  return { held: after };
}
