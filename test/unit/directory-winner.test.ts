import { describe, expect, it } from 'vitest';
import { type Heard, winnerIn } from '../../shared/directory/candidates.ts';
import { type CountedSet, countedBy, withCounted } from '../../shared/directory/counted.ts';
import { HASH_OF_NOTHING } from '../../shared/log/entry.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import type { Leadership } from '../../shared/protocol/assignment.ts';
import { copiesAmong } from '../../shared/protocol/durability.ts';

// All small cases of who may be promoted. A log is its LSN: those of one chain differ in nothing else.

type Proving = 'quorum' | 'all';
type Ends = Readonly<Record<string, number>>;

const ANYONE = { to: null, replica: null, acceptsLoss: false } as const;

function led(leader: string, members: readonly string[]): Leadership {
  const ref = (name: string) => ({ name, region: 'oc' as const });
  return {
    partition: 0,
    epoch: toEpoch(1),
    revision: 1,
    leader: ref(leader),
    followers: members.map((name) => ({ ...ref(name), membership: 'member' as const })),
    successor: null,
    history: [],
  };
}

function heardOf(
  leadership: Leadership,
  durability: Heard['durability'],
  sets: readonly CountedSet[],
  ends: Ends,
) {
  const all = Object.entries(ends).map(
    ([name, lsn]) => [name, { epoch: toEpoch(1), lsn: toLsn(lsn), hash: HASH_OF_NOTHING }] as const,
  );
  return { leadership, durability, sets, ends: new Map(all) };
}

function* subsets(names: readonly string[]): Generator<string[]> {
  for (let bits = 0; bits < 2 ** names.length; bits += 1) yield names.filter((_, i) => (bits >> i) % 2 === 1);
}

/** Every way to give each of the names one of the values. */
function* choices<T>(
  names: readonly string[],
  of: (name: string) => readonly T[],
): Generator<Record<string, T>> {
  const [first, ...rest] = names;
  if (first === undefined) return yield {};
  for (const value of of(first)) for (const others of choices(rest, of)) yield { ...others, [first]: value };
}

/** Where an entry can be that the leader has acknowledged: it has it itself. */
function* copies(set: CountedSet, leader: string, durability: Proving): Generator<string[]> {
  const needed = copiesAmong(durability, set.length);
  for (const some of subsets(set)) if (some.includes(leader) && some.length >= needed) yield some;
}

/** Every way in which the members of a leader can have changed, one by one, `steps` times; those that left do not come back. */
function* changes(
  members: readonly string[],
  outside: readonly string[],
  steps: number,
): Generator<(readonly string[])[]> {
  if (steps === 0) return yield [members];
  const added = outside.map((one) => [[...members, one], outside.filter((other) => other !== one)] as const);
  const removed =
    members.length < 2 ? [] : members.map((one) => [members.filter((it) => it !== one), outside] as const);
  for (const [next, left] of [...added, ...removed])
    for (const later of changes(next, left, steps - 1)) yield [members, ...later];
}

const ALL = ['b', 'c', 'd'];

const FIRST_MEMBERS = [...subsets(ALL)].filter((some) => some.length > 0);

function pick(ends: Ends, names: readonly string[]): Ends {
  return Object.fromEntries(names.map((name) => [name, ends[name] ?? 0]));
}

describe.each(['quorum', 'all'] as const)('%s', (durability) => {
  it.each([0, 1, 2])(
    '[FF9] the winner has every entry that was acknowledged, after %i changes of the members that did not settle',
    (steps) => {
      let cases = 0;
      let winners = 0;
      const check = (history: readonly (readonly string[])[]) => {
        let sets: readonly CountedSet[] = [];
        for (const members of history) sets = withCounted(sets, led('a', members));
        const leadership = led('a', history.at(-1) ?? []);
        const everybody = [...new Set(sets.flat())];
        for (const by of sets) {
          for (const holders of copies(by, 'a', durability)) {
            // The leader has more than was acknowledged, and so may some others.
            const ends = choices(everybody, (name) =>
              name === 'a' ? [2] : holders.includes(name) ? [1, 2] : [0],
            );
            for (const end of ends) {
              for (const replying of subsets(everybody)) {
                const winner = winnerIn(heardOf(leadership, durability, sets, pick(end, replying)), ANYONE);
                cases += 1;
                if (winner === null) continue;
                winners += 1;
                if (winner.end.lsn === 0) expect({ sets, holders, end, replying }).toBe('impossible');
              }
            }
          }
        }
      };
      for (const first of FIRST_MEMBERS) {
        const outside = ALL.filter((name) => !first.includes(name));
        for (const history of changes(first, outside, steps)) check(history);
      }
      expect(winners).toBeGreaterThan(0);
      expect(cases).toBeGreaterThan(winners);
    },
  );

  it('[FF10] waits for no more than it must: else an entry could be with those that were not heard', () => {
    let waits = 0;
    for (const members of FIRST_MEMBERS) {
      const leadership = led('a', members);
      const set = countedBy(leadership);
      for (const replying of subsets(members)) {
        const ends = Object.fromEntries(replying.map((name) => [name, 0]));
        const winner = winnerIn(heardOf(leadership, durability, [set], ends), ANYONE);
        const least = set.length - copiesAmong(durability, set.length) + 1;
        expect(winner !== null).toBe(replying.length >= least);
        if (winner !== null || replying.length === 0) continue;
        waits += 1;
        const unheard = [...copies(set, 'a', durability)].filter(
          (some) => !some.some((one) => replying.includes(one)),
        );
        expect(unheard.length).toBeGreaterThan(0);
      }
    }
    expect(waits).toBeGreaterThan(durability === 'quorum' ? 0 : -1);
  });

  it('[FF9] so it is after a second failover, before the first was settled or after, with what was acknowledged in between', () => {
    let winners = 0;
    for (const first of firstFailovers(durability)) {
      for (const second of secondEpochs(first, durability)) {
        const everybody = [...new Set(second.sets.flat())];
        for (const replying of subsets(everybody)) {
          const heard = heardOf(second.leadership, durability, second.sets, pick(second.ends, replying));
          const winner = winnerIn(heard, ANYONE);
          if (winner === null) continue;
          winners += 1;
          if (winner.end.lsn < second.acknowledged) expect({ first, second, replying }).toBe('impossible');
        }
      }
    }
    expect(winners).toBeGreaterThan(0);
  });
});

interface Epoch {
  readonly leadership: Leadership;
  readonly sets: readonly CountedSet[];
  readonly ends: Ends;
  readonly acknowledged: number;
}

/** Epoch 1 of `a` ends: one entry was acknowledged, and a winner was found among those that answered. */
function* firstFailovers(durability: Proving): Generator<Epoch> {
  for (const members of FIRST_MEMBERS) {
    const before = led('a', members);
    const set = countedBy(before);
    for (const holders of copies(set, 'a', durability)) {
      const ends = Object.fromEntries(set.map((name) => [name, holders.includes(name) ? 1 : 0]));
      for (const replying of subsets(set)) {
        const winner = winnerIn(heardOf(before, durability, [set], pick(ends, replying)), ANYONE);
        if (winner === null) continue;
        const { name } = winner.replica;
        const stays = members.filter((one) => one !== name);
        const leadership = led(name, stays);
        yield {
          leadership,
          sets: withCounted([set], leadership),
          ends,
          acknowledged: winner.end.lsn,
        };
      }
    }
  }
}

/**
 * What can come of it: the new leader sends what it has to some, says that it is settled where it is; the old one joins again; and one more
 * entry is acknowledged, by the one set or the other.
 */
function* secondEpochs(first: Epoch, durability: Proving): Generator<Epoch> {
  const leader = first.leadership.leader.name;
  const members = first.leadership.followers.map(({ name }) => name);
  if (members.length === 0) return;
  for (const sent of subsets(members)) {
    const ends = { ...first.ends, ...Object.fromEntries([leader, ...sent].map((name) => [name, 1])) };
    const set = countedBy(first.leadership);
    const copiesNow = set.filter((name) => ends[name] === 1).length;
    const isSettled = copiesNow >= copiesAmong(durability, set.length);
    const settled = isSettled ? [[set]] : [];
    for (const sets of [first.sets, ...settled]) {
      yield { ...first, ends, sets };
      yield* acknowledging({ ...first, ends, sets }, set, durability);
      if (leader === 'a') continue;
      const joined = led(leader, [...members, 'a']);
      const again = {
        leadership: joined,
        sets: withCounted(sets, joined),
        ends: { ...ends, a: 1 },
      };
      // The leader may not know of it yet.
      for (const by of [set, countedBy(joined)])
        yield* acknowledging({ ...again, acknowledged: 1 }, by, durability);
    }
  }
}

function* acknowledging(epoch: Epoch, by: CountedSet, durability: Proving): Generator<Epoch> {
  const leader = epoch.leadership.leader.name;
  for (const holders of copies(by, leader, durability)) {
    const ends = { ...epoch.ends, ...Object.fromEntries(holders.map((name) => [name, 2])) };
    yield { ...epoch, ends, acknowledged: 2 };
  }
}

describe('without a promise', () => {
  it.each(['async', 'semi-sync'] as const)(
    '[FF11] %s: the furthest of those that answered, which must be as many as for a quorum',
    (durability) => {
      const leadership = led('a', ALL);
      const sets = [countedBy(leadership)];
      const win = (ends: Ends, wish: Partial<Parameters<typeof winnerIn>[1]> = {}) =>
        winnerIn(heardOf(leadership, durability, sets, ends), { ...ANYONE, ...wish })?.replica.name ?? null;
      expect(win({})).toBeNull();
      // A request may have asked for a quorum.
      expect(win({ c: 0 })).toBeNull();
      expect(win({ c: 0 }, { acceptsLoss: true })).toBe('c');
      expect(win({ c: 0, d: 0 })).toBe('c');
      expect(win({ b: 3, c: 4, d: 4 })).toBe('c');
      // The old leader loses nothing that it still has, unless that was said to be meant; where another is as far, it need not go on.
      expect(win({ a: 5, c: 4 })).toBe('a');
      expect(win({ a: 4, c: 4 })).toBe('c');
      expect(win({ a: 5, c: 4 }, { acceptsLoss: true })).toBe('c');
      expect(win({ a: 5 }, { acceptsLoss: true })).toBe('a');
    },
  );

  it('[FF8] accepted loss takes any one, whatever the durability', () => {
    const leadership = led('a', ALL);
    for (const durability of ['quorum', 'all'] as const) {
      const heard = heardOf(leadership, durability, [countedBy(leadership), ['x', 'y']], { c: 1 });
      expect(winnerIn(heard, ANYONE)).toBeNull();
      expect(winnerIn(heard, { ...ANYONE, acceptsLoss: true })?.replica.name).toBe('c');
    }
  });

  it('[FF12] one that left tells how far the members must be, and is never promoted', () => {
    const leadership = led('a', ['c']);
    const sets = [
      ['a', 'b', 'c'],
      ['a', 'c'],
    ];
    const win = (ends: Ends) =>
      winnerIn(heardOf(leadership, 'quorum', sets, ends), ANYONE)?.replica.name ?? null;
    expect(win({ c: 3 })).toBeNull();
    expect(win({ b: 4, c: 3 })).toBeNull();
    expect(win({ b: 3, c: 3 })).toBe('c');
  });
});
