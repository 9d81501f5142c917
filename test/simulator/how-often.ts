import type { HistoryEvent } from './history.ts';
import { drawPlan, type Plan } from './plan.ts';
import { type Harm, simulatePlan } from './simulation.ts';
import type { World } from './world.ts';

const EVER = 24 * 3_600_000;

function again(world: World, everyMs: number, run: () => void): void {
  world.clock.after(everyMs, () => {
    run();
    again(world, everyMs, run);
  });
}

function leaderOf(world: World) {
  return world.host(world.leadership.leader.name);
}

/** Of each of these a person would say that the leader is there. */
export const HARMS = {
  'one router does not reach the leader': ({ world, network }) => {
    const { name } = leaderOf(world).self;
    network.clog('client-0', name, EVER);
    network.clog(name, 'client-0', EVER);
  },
  'the directory does not reach the leader': ({ world, network }) =>
    network.clog(world.directory.name, leaderOf(world).self.name, EVER),
  'one follower does not reach the leader': ({ world, network }) => {
    const [follower] = world.leadership.followers;
    if (follower !== undefined) network.clog(follower.name, leaderOf(world).self.name, EVER);
  },
  'no router reaches the leader': ({ world, network }) => {
    const { name } = leaderOf(world).self;
    for (const client of ['client-0', 'client-1', 'client-2']) network.clog(client, name, EVER);
  },
  'the leader stands still for a second, every two': ({ world }) => {
    const clock = world.clockOf(leaderOf(world).self.name);
    again(world, 2_000, () => clock.pause(1_000, 'fresh'));
  },
  'the leader is down for two seconds, every four': ({ world }) => {
    const host = leaderOf(world);
    again(world, 4_000, () => {
      host.crash();
      world.clock.after(2_000, () => host.restart());
    });
  },
} satisfies Record<string, Harm>;

/** Where the leader is gone, another must come. */
export const GONE: Harm = ({ world, network }) => network.isolate([leaderOf(world).self.name], EVER);

const CALM: Partial<Plan> = {
  regions: ['weur', 'enam', 'apac'],
  durability: 'quorum',
  isLeaderGone: false,
  isBeyondLeases: false,
  clients: 3,
  sessions: 3,
  operations: 300,
  thinkMs: 200,
  delayMs: { least: 1, most: 100 },
  skew: null,
  older: null,
};

/** How often another leader comes by itself in one such world, where the leader must be out of reach for `automaticMs`. */
export function failoversIn(seed: number, automaticMs: number, harm: Harm): number {
  const drawn = drawPlan(seed);
  const off = (part: object) => Object.fromEntries(Object.keys(part).map((name) => [name, null]));
  const never = off(drawn.every) as Plan['every'];
  const none = Object.fromEntries(Object.keys(drawn.rates).map((name) => [name, 0]));
  const rates = { ...(none as unknown as Plan['rates']), keyed: 1, reads: 0.5 };
  const plan: Plan = { ...drawn, ...CALM, automaticMs, every: never, rates };
  const history: HistoryEvent[] = [];
  simulatePlan({ plan, history, harm });
  return history.filter((event) => event.event === 'failover' && event.mode === 'automatic').length;
}
