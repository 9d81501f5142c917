import fc from 'fast-check';
import { expect, it } from 'vitest';
import { membersOf } from '../../shared/protocol/assignment.ts';
import { MEMBERS_MIN } from '../../shared/protocol/durability.ts';
import type { Durability } from '../../shared/protocol/settings.ts';
import type { Region } from '../../shared/regions.ts';
import type { Replica } from './directory-replicas.ts';
import { World } from './directory-world.ts';

const ACTIONS = [
  ...(['flow', 'flow', 'flow', 'flow', 'first', 'first', 'last', 'again', 'lose', 'restart'] as const),
  ...(['pass', 'pass', 'pass', 'wait', 'wait', 'down', 'up', 'up'] as const),
  ...(['write', 'write', 'send', 'send', 'send', 'lease', 'lease', 'hand over', 'hand over'] as const),
  ...(['planned', 'forced', 'forced', 'suspect', 'add', 'remove', 'join', 'join'] as const),
] as const;

type Action = (typeof ACTIONS)[number] | 'accept';

const REGIONS: readonly Region[] = ['enam', 'apac', 'oc', 'weur', 'me'];

/** `i` picks the replica or the region, `j` how long. */
function act(world: World, action: Action, i: number, j: number): void {
  const all = [...world.replicas.values()];
  const one = all[i % all.length] as Replica;
  const leaders = all.filter(({ role, isUp }) => role === 'leader' && isUp);
  const leader = leaders[i % Math.max(1, leaders.length)];
  const region = REGIONS[i % REGIONS.length] ?? 'enam';
  const { now } = world;
  const acts: Record<Action, () => void> = {
    flow: () => world.flow(),
    first: () => world.deliver('first'),
    last: () => world.deliver('last'),
    again: () => world.deliver('again'),
    lose: () => world.lose(),
    restart: () => world.restart(),
    pass: () => world.pass(j),
    wait: () => world.pass(j * 10),
    down: () => {
      const down = j % 2 === 0 ? (leader ?? one) : one;
      if (all.filter(({ isUp }) => !isUp).length < 2) down.isUp = false;
    },
    up: () => {
      for (const each of all) if (!each.isUp && (j % 2 === 0 || each === one)) each.isUp = true;
    },
    write: () => leader?.write(),
    send: () => leader?.sendTo(j),
    lease: () => leader?.askForLease(),
    'hand over': () => leader?.handOver(),
    planned: () => world.wish({ mode: 'planned', to: region, accept_loss: false }),
    forced: () => world.wish({ mode: 'forced', to: j % 2 === 0 ? null : region, accept_loss: false }),
    accept: () => world.wish({ mode: 'forced', to: null, accept_loss: true }),
    suspect: () => one.suspect(),
    add: () => world.step({ kind: 'add-follower', wish: { region, another: true }, now }),
    remove: () => world.step({ kind: 'remove-follower', region, replica: null, now }),
    join: () => one.join(),
  };
  acts[action]();
}

/** Everything is up and nothing is lost: whatever was begun comes to its end. */
function heal(world: World, durability: Durability): void {
  for (const one of world.replicas.values()) one.isUp = true;
  for (let i = 0; i < 200 && !world.isQuiet; i += 1) {
    world.flow();
    for (const leader of [...world.replicas.values()].filter(({ role }) => role === 'leader')) {
      for (let j = 0; j < world.replicas.size; j += 1) leader.sendTo(j);
      world.flow();
      leader.handOver();
    }
    world.flow();
    for (const one of world.replicas.values()) one.join();
    world.flow();
    world.pass(2500);
  }
  expect(world.record.failovers).toEqual([]);
  const [leadership] = world.record.partitions;
  const leading = world.leaders().filter(({ assignment }) => assignment?.epoch === leadership?.epoch);
  expect(leading.map(({ name }) => name)).toEqual([leadership?.leader.name]);
  // Where all the others have left, what the durability asks for cannot be had.
  if (leadership !== undefined && membersOf(leadership).length >= MEMBERS_MIN[durability])
    expect(world.isQuiet).toBe(true);
}

/** Gives how many failovers there were. */
function run(durability: Durability, actions: readonly Action[], numRuns: number): number {
  let failovers = 0;
  const script = fc.array(fc.tuple(fc.constantFrom(...actions), fc.nat(20), fc.nat(2000)), {
    minLength: 60,
    maxLength: 250,
    size: 'max',
  });
  fc.assert(
    fc.property(script, fc.constantFrom(null, 5000), (steps, automatic) => {
      const world = new World(durability, ['enam', 'apac', 'oc'], automatic);
      for (const [action, i, j] of steps) {
        act(world, action, i, j);
        world.checkLeases();
      }
      heal(world, durability);
      failovers += (world.record.partitions[0]?.epoch ?? 1) - 1;
    }),
    { numRuns },
  );
  return failovers;
}

it.each(['quorum', 'all'] as const)(
  '[FF19] %s: whatever is lost, late or repeated, whoever goes and comes, nothing acknowledged is lost, and two never lead at once',
  (durability) => {
    expect(run(durability, ACTIONS, 150)).toBeGreaterThan(50);
  },
);

it.each(['async', 'semi-sync', 'quorum'] as const)(
  '[FF20] %s: where loss is accepted, epochs only go up, each has one leader, and what was begun comes to its end',
  (durability) => {
    expect(run(durability, [...ACTIONS, 'accept'], 60)).toBeGreaterThan(50);
  },
);
