import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { DirectoryEffect } from '../../shared/directory/events.ts';
import type { Leadership } from '../../shared/protocol/assignment.ts';
import { shortName } from '../../shared/protocol/names.ts';
import type { Region } from '../../shared/regions.ts';
import {
  add,
  alarm,
  begin,
  codeOf,
  deliver,
  joined,
  leadership,
  make,
  remove,
  restart,
  settle,
} from './directory-steps.ts';

/** The sets of replicas that count, as the leader knows them and as the directory does, differ by one at most. */
it('[FO16] whatever is lost, late or repeated, members change one at a time, each known to the leader before the next', () => {
  const action = fc.constantFrom(
    ...(['add', 'add', 'remove', 'join', 'join', 'alarm', 'crash'] as const),
    ...(['deliver', 'deliver', 'deliver', 'last', 'lose', 'repeat'] as const),
  );
  const region = fc.constantFrom<Region>('enam', 'oc', 'apac');
  fc.assert(
    fc.property(fc.array(fc.tuple(action, region, fc.nat(5)), { maxLength: 80 }), (actions) => {
      begin();
      make({ followers: ['enam', 'enam', 'oc', 'apac'], durability: 'quorum' });
      let waiting: DirectoryEffect[] = [];
      let known = leadership();
      const reach = (effect: DirectoryEffect | undefined) => {
        if (effect === undefined) return;
        if (effect.kind === 'assign' && effect.assignment.self.region === 'weur') {
          if (effect.assignment.revision > known.revision) known = effect.assignment;
        }
        waiting.push(...deliver(effect));
      };
      const acts: Record<string, (region: Region, i: number) => void> = {
        add: (where) => void waiting.push(...add(where, 'another')),
        remove: (where) => void waiting.push(...remove(where)),
        join: (_, i) => {
          const { followers: all } = leadership();
          const one = all[i % Math.max(1, all.length)];
          if (one !== undefined) waiting.push(...joined(shortName(one)));
        },
        alarm: () => void waiting.push(...alarm()),
        crash: () => {
          waiting = [];
          restart();
        },
        deliver: () => reach(waiting.shift()),
        last: () => reach(waiting.pop()),
        repeat: () => reach(waiting[0]),
        lose: () => void waiting.shift(),
      };
      for (const [name, where, i] of actions) {
        codeOf(() => acts[name]?.(where, i));
        const now = members(leadership());
        const then = members(known);
        const apart = [
          ...now.filter((one) => !then.includes(one)),
          ...then.filter((one) => !now.includes(one)),
        ];
        expect(apart.length).toBeLessThanOrEqual(1);
        expect(now.length).toBeGreaterThanOrEqual(1);
      }
      settle(alarm());
      expect(alarm()).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

function members({ followers: all }: Leadership): string[] {
  return all.flatMap((ref) => (ref.membership === 'member' ? [shortName(ref)] : []));
}
