import type { Region } from '../../shared/regions.ts';
import { sleep } from '../http/server.ts';
import type { Random } from '../simulator/random.ts';
import type { Cut, CutKind } from './links.ts';
import type { TortureServer } from './server.ts';

export interface How {
  readonly label: string;
  readonly kind: CutKind;
  readonly ms: number;
}

/** Nobody reaches it, and it reaches nobody. */
export function apart(node: string, how: How): Cut[] {
  return between('*', node, how);
}

/** Both ways. */
export function between(a: string, b: string, how: How): Cut[] {
  return [oneWay(a, b, how), oneWay(b, a, how)];
}

function oneWay(from: string, to: string, { label, kind, ms }: How): Cut {
  return { label, from, to, kind, until: Date.now() + ms };
}

const LINK_MS_MAX = 25_000;
const DIRECTORY_MS_MAX = 6_000;
const SLOW_MS_MAX = 8_000;

interface CutsParts {
  readonly server: TortureServer;
  readonly random: Random;
  readonly regions: readonly Region[];
  /** One cut begins in so many milliseconds on average. */
  readonly everyMs: number;
  /** `about`: what else a reader of the trace wants to know. */
  readonly count: (what: string, about: unknown) => void;
}

/** Links that are cut for a while, some at the same time. They come back by themselves. */
export class Cuts {
  readonly #parts: CutsParts;

  constructor(parts: CutsParts) {
    this.#parts = parts;
  }

  async keepCutting(end: number): Promise<void> {
    const { random, everyMs } = this.#parts;
    for (;;) {
      await sleep(Math.max(0, Math.min(random.interval(everyMs), end - performance.now())));
      if (performance.now() >= end) return;
      await this.#cut();
    }
  }

  async #cut(): Promise<void> {
    const { server, random, count } = this.#parts;
    const what = random.pick([
      'replica apart',
      'replica apart',
      'one link',
      'one link',
      'one link',
      'leader and directory',
      'leader and router',
      'leader and follower',
      'directory apart',
      'directory slow',
    ] as const);
    const cuts = this.#of(what);
    count(`cuts: ${what}`, cuts[0]);
    await server.cut(cuts);
  }

  #of(
    what:
      | 'replica apart'
      | 'one link'
      | 'leader and directory'
      | 'leader and router'
      | 'leader and follower'
      | 'directory apart'
      | 'directory slow',
  ): Cut[] {
    const { random, regions } = this.#parts;
    const kind = random.pick(['broken', 'broken', 'silent'] as const);
    const ms = random.between(1_000, random.pick([3_000, 10_000, LINK_MS_MAX]));
    const how = { label: what, kind, ms };
    const leader = this.#parts.server.newest?.leader ?? random.pick(regions);
    const others = regions.filter((region) => region !== leader);
    switch (what) {
      case 'replica apart':
        return apart(random.pick(others), how);
      case 'one link': {
        const nodes = ['router', 'directory', ...regions];
        const a = random.pick(nodes);
        const b = random.pick(nodes.filter((node) => node !== a));
        return random.chance(0.5) ? [oneWay(a, b, how)] : between(a, b, how);
      }
      case 'leader and directory':
        return between(leader, 'directory', how);
      case 'leader and router':
        return between(leader, 'router', { ...how, ms: Math.min(ms, 10_000) });
      case 'leader and follower':
        return between(leader, random.pick(others), how);
      case 'directory apart':
        return apart('directory', { ...how, ms: random.between(1_000, DIRECTORY_MS_MAX) });
      case 'directory slow':
        return apart('directory', { ...how, kind: 'slow', ms: random.between(2_000, SLOW_MS_MAX) });
    }
  }
}
