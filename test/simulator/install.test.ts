import { describe, expect, it } from 'vitest';
import { LOG_LIMITS } from '../../shared/limits.ts';
import { REGIONS } from '../../shared/regions.ts';
import { check } from './checker/check.ts';
import { Client } from './client.ts';
import { DIRECTORY } from './edge.ts';
import type { HistoryEvent } from './history.ts';
import { Network } from './network.ts';
import { Operator, OPERATOR } from './operator.ts';
import { drawPlan } from './plan.ts';
import { Random } from './random.ts';
import { type Faults, NO_FAULTS } from './surroundings.ts';
import { workOf } from './workload.ts';
import type { Task } from './workloads/task.ts';
import { World } from './world.ts';

const LEADER = 'simulated/first/0/weur';
const FOLLOWER = 'simulated/first/0/oc/2';
const WRITES_BEFORE = 16;
const WRITES_DURING = 10;
const WORK = [
  { name: 'ids', weight: 3 },
  { name: 'registers', weight: 1 },
] as const;
/** Many pieces, and a log that is cut as soon as it can be. */
const LIMITS = {
  ...LOG_LIMITS,
  batchEntriesMax: 2,
  pieceRowsMax: 2,
  hashedEntriesEvery: 1,
  keptBytesMin: 0,
  cutEveryBytes: 1,
};
const DISK_MS = 3;
const DOWN_MS = 40;
const REST_MS = 10 * 60_000;
const RATES = { reads: 0, keyed: 0.5, users: 0 };

/** A node is crashed once: in its step of this number, or when so many of its effects have left. */
interface CrashPoint {
  readonly node: string;
  readonly at: 'step' | 'effect';
  readonly number: number;
}

interface Ran {
  /** False where the point lies behind the end. */
  readonly hasCrashed: boolean;
  readonly history: readonly HistoryEvent[];
  readonly members: readonly string[];
}

/** A small world: a follower is added while a client writes, and one node crashes on the way. */
class Install {
  readonly #point: CrashPoint;
  readonly #history: HistoryEvent[] = [];
  readonly #random = new Random(7);
  readonly #world: World;
  readonly #network: Network;
  readonly #operator: Operator;
  readonly #client: Client;
  readonly #work = workOf(WORK);
  #isOn = false;
  #count = 0;
  #hasCrashed = false;
  #ops = 0;
  #running = 0;

  constructor(point: CrashPoint) {
    this.#point = point;
    this.#world = new World({
      settings: {
        leader: 'weur',
        followers: ['enam'],
        partitions: 1,
        durability: 'semi-sync',
        automatic_failover_ms: null,
      },
      limits: LIMITS,
      random: this.#random.fork(),
      history: this.#history,
      skewOf: () => ({ offsetMs: 0, rate: 1 }),
      faultsOf: (node) => this.#faultsOf(node),
      send: (envelope) => this.#network.send(envelope),
    });
    const surroundingsOf = (node: string) => this.#world.surroundingsOf(node);
    this.#operator = new Operator(surroundingsOf(OPERATOR));
    this.#client = new Client({
      name: 'client',
      session: { name: 'session', seen: null, losses: 0 },
      regions: REGIONS,
      surroundings: surroundingsOf('client'),
      losesAnswer: () => false,
      meetsNewRouter: () => false,
      meetsOverload: () => false,
    });
    const others = new Map<string, Operator | Client>([
      [OPERATOR, this.#operator],
      ['client', this.#client],
    ]);
    const [world, random, plan] = [this.#world, this.#random.fork(), drawPlan(1)];
    this.#network = new Network({ world, others, random, plan });
  }

  run(): Ran {
    let isMade = false;
    this.#operator.begin(() => (isMade = true));
    this.#stepWhile(() => !isMade);
    this.#do(this.#work.setup());
    for (let i = 0; i < WRITES_BEFORE; i += 1) this.#write();
    this.#isOn = true;
    this.#operator.want({ kind: 'add-follower', wish: { region: 'oc', another: false } });
    for (let i = 0; i < WRITES_DURING; i += 1) this.#write();
    this.#rest();
    this.#isOn = false;
    this.#world.note({ event: 'faults-stop' });
    this.#do(this.#work.readAll(1_000));
    this.#rest();
    this.#world.note({ event: 'rest', planned: this.#world.clock.planned });
    this.#world.finish();
    const members = this.#world.leadership.followers.map(
      ({ region, membership }) => `${region} ${membership}`,
    );
    return { hasCrashed: this.#hasCrashed, history: this.#history, members };
  }

  close(): void {
    this.#world.close();
  }

  #write(): void {
    this.#do(this.#work.draw(this.#random, RATES, this.#ops + 1));
  }

  #do(task: Task): void {
    this.#ops += 1;
    this.#running += 1;
    const asked = { ...task, stalenessMsMax: null, reusedKey: null, durability: null };
    this.#client.run(this.#ops, asked, () => (this.#running -= 1));
    this.#stepWhile(() => this.#running > 0);
  }

  #rest(): void {
    const { clock } = this.#world;
    for (const end = clock.now + REST_MS; clock.next !== null && clock.next <= end;) clock.step();
  }

  #stepWhile(isGoingOn: () => boolean): void {
    while (isGoingOn()) if (!this.#world.clock.step()) throw new Error('nothing is planned');
  }

  #faultsOf(node: string): Faults {
    if (node !== this.#point.node) return { ...NO_FAULTS, flushMs: () => (this.#isOn ? 1 : 0) };
    const { at, number } = this.#point;
    const isDue = (more: number) => {
      if (!this.#isOn || this.#hasCrashed) return false;
      this.#count += more;
      return this.#count >= number;
    };
    const crash = () => {
      this.#hasCrashed = true;
      this.#world.clock.after(DOWN_MS, () => this.#world.node(node)?.restart());
    };
    return {
      ...NO_FAULTS,
      flushMs: () => (this.#isOn ? DISK_MS : 0),
      failStepAfter: () => (at === 'step' && isDue(1) ? Infinity : null),
      crashesInStep: () => {
        crash();
        return true;
      },
      crashAfter: (effects) => {
        const before = this.#count;
        if (at !== 'effect' || !isDue(effects)) return null;
        crash();
        return number - before - 1;
      },
    };
  }
}

function crashAt(point: CrashPoint): Ran {
  const install = new Install(point);
  try {
    return install.run();
  } finally {
    install.close();
  }
}

const POINTS_MAX = 300;

describe('[SM9] an install under writes', () => {
  it.each([
    { who: 'the follower', node: FOLLOWER },
    { who: 'the leader', node: LEADER },
    { who: 'the directory', node: DIRECTORY },
  ])('comes to its end, whatever $who was doing when it crashed', ({ node }) => {
    for (const at of ['step', 'effect'] as const) {
      let crashes = 0;
      for (let number = 1; number < POINTS_MAX; number += 1) {
        const { hasCrashed, history, members } = crashAt({ node, at, number });
        expect({ at, number, violations: check(history) }).toEqual({ at, number, violations: [] });
        expect(members).toEqual(['enam member', 'oc member']);
        if (!hasCrashed) {
          const pieces = history.flatMap((event) => (event.event === 'copy-piece' ? [event] : []));
          expect(pieces.length).toBeGreaterThan(5);
          // Otherwise nobody wrote meanwhile.
          expect(new Set(pieces.map(({ position }) => position.lsn)).size).toBeGreaterThan(2);
          break;
        }
        crashes = number;
      }
      expect(crashes, `${at}s of ${node}`).toBeGreaterThan(4);
      expect(crashes).toBeLessThan(POINTS_MAX - 1);
    }
  });
});
