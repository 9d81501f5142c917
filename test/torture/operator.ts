import type { Region } from '../../shared/regions.ts';
import type { Durability } from '../../shared/protocol/settings.ts';
import { sleep } from '../http/server.ts';
import type { Happening } from '../simulator/history.ts';
import type { Random } from '../simulator/random.ts';
import { apart, between, type How } from './cuts.ts';
import type { Cut } from './links.ts';
import type { Newest, TortureServer } from './server.ts';

interface OperatorParts {
  readonly server: TortureServer;
  readonly random: Random;
  readonly regions: readonly Region[];
  readonly durability: Durability;
  /** Between two of its doings, on average. */
  readonly everyMs: number;
  readonly record: (happening: Happening) => void;
  /** `about`: what else a reader of the trace wants to know. */
  readonly count: (what: string, about: unknown) => void;
}

interface Wish {
  readonly mode: 'planned' | 'forced';
  readonly to?: Region;
  readonly accept_loss?: boolean;
  readonly epoch?: number;
}

/** A leader that is gone stays so for this long at most; a failover needs its lease to be over, and some more. */
const DEAD_MS_MAX = 30_000;
/** With less time than this left, none is taken away. */
const DEAD_MS_MIN = 17_000;
const POLL_MS = 200;
const AGAIN_MS = 3_000;
const AUTOMATIC_SECONDS = 5;

const DEAD = 'dead leader';

/** Whoever runs the database: moves its leader, and replaces one that is gone. */
export class Operator {
  readonly #parts: OperatorParts;
  #isLeaderAway = false;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
  }

  /** Whoever has other plans had better wait. */
  get isLeaderAway(): boolean {
    return this.#isLeaderAway;
  }

  async keepWorking(end: number): Promise<void> {
    const { random, everyMs } = this.#parts;
    for (;;) {
      await sleep(Math.max(0, Math.min(random.interval(everyMs), end - performance.now())));
      const left = end - performance.now();
      if (left <= 0) return;
      await this.#occur(left);
    }
  }

  async #occur(left: number): Promise<void> {
    const { random } = this.#parts;
    const may =
      left > DEAD_MS_MIN ? (['dead', 'dead', 'dead', 'dead by itself', 'dead by itself'] as const) : [];
    switch (random.pick(['planned', 'planned', 'planned', 'planned', 'well', 'twice', ...may] as const)) {
      case 'planned':
        return this.#want(this.#planned());
      case 'well':
        return this.#want(this.#forced());
      case 'twice':
        await Promise.all([this.#want(this.#any()), this.#want(this.#any())]);
        return;
      case 'dead':
        return this.#whileLeaderIsAway((newest) => this.#replace(newest));
      case 'dead by itself':
        return this.#automatically(() => this.#whileLeaderIsAway(({ epoch }) => this.#until(epoch)));
    }
  }

  /** It hears nothing and is not heard, with all that it believes. */
  async #whileLeaderIsAway(work: (newest: Newest) => Promise<void>): Promise<void> {
    const { server, random, count } = this.#parts;
    await server.look();
    const { newest } = server;
    if (newest === null) return;
    const { leader } = newest;
    const kind = random.pick(['broken', 'broken', 'silent'] as const);
    this.#isLeaderAway = true;
    count('leaders taken away', newest);
    if (random.chance(0.3)) await this.#leaveOnlyOneBehind(leader);
    await server.cut(this.#awayFromAll(leader, { label: DEAD, kind, ms: DEAD_MS_MAX }));
    await work(newest);
    await sleep(random.below(4_000));
    await server.heal(DEAD);
    this.#isLeaderAway = false;
  }

  /** The directory hears of one follower only, and that one lacks what the others have had from the leader meanwhile. */
  async #leaveOnlyOneBehind(leader: string): Promise<void> {
    const { server, random, regions, count } = this.#parts;
    const [behind, ...others] = shuffled(
      random,
      regions.filter((region) => region !== leader),
    );
    if (behind === undefined) return;
    count('only one left, who is behind', behind);
    const ms = random.between(14_000, 22_000);
    await server.cut(between(leader, behind, { label: 'one behind', kind: 'broken', ms }));
    await sleep(random.between(500, 2_000));
    const how: How = { label: 'not heard', kind: 'broken', ms: ms - 3_000 };
    await server.cut(others.flatMap((other) => between(other, 'directory', how)));
  }

  /** At times clients still reach it: only its lease tells it then that it leads no more. */
  #awayFromAll(leader: string, how: How): Cut[] {
    const { random, regions } = this.#parts;
    if (random.chance(0.6)) return apart(leader, how);
    const others = ['directory', ...regions.filter((region) => region !== leader)];
    return others.flatMap((other) => between(leader, other, how));
  }

  /** Asks again until there is another leader. */
  async #replace({ epoch, leader }: Newest): Promise<void> {
    const { random } = this.#parts;
    await sleep(random.below(3_000));
    // One that names the epoch is refused when that is over; another may end the epoch after it as well.
    const { to, ...wish } = { ...this.#forced(leader), ...(random.chance(0.6) ? { epoch } : {}) };
    const over = this.#until(epoch).then(() => 'over' as const);
    // Whoever was preferred may be no member: then anybody will do.
    if (to !== undefined) await Promise.race([over, this.#want({ ...wish, to })]);
    for (;;) {
      if ((await Promise.race([over, this.#want(wish)])) === 'over') return;
      if ((await Promise.race([over, sleep(AGAIN_MS)])) === 'over') return;
    }
  }

  /** Waits for the epoch after this one, but not for ever. */
  async #until(epoch: number): Promise<void> {
    const { server, count } = this.#parts;
    const end = performance.now() + DEAD_MS_MAX;
    while (performance.now() < end) {
      await server.look();
      if ((server.newest?.epoch ?? 0) > epoch) return;
      await sleep(POLL_MS);
    }
    count('leaders that were not replaced in time', epoch);
  }

  async #automatically(work: () => Promise<void>): Promise<void> {
    await this.#configure(AUTOMATIC_SECONDS);
    await work();
    await this.#configure(null);
  }

  async #configure(automatic_failover_seconds: number | null): Promise<void> {
    for (let tries = 0; tries < 30; tries += 1) {
      const { status } = await this.#send('PATCH', '', { automatic_failover_seconds });
      if (status === 200) return;
      await sleep(300);
    }
  }

  #any(): Wish {
    return this.#parts.random.chance(0.5) ? this.#planned() : this.#forced();
  }

  #planned(): Wish {
    const { random, regions } = this.#parts;
    return { mode: 'planned', to: random.pick(regions) };
  }

  /** Where no acknowledged write may ever be lost, nobody may say that it may. */
  #forced(leader: string | null = null): Wish {
    const { random, regions, durability } = this.#parts;
    const mayLose = durability === 'async' || durability === 'semi-sync';
    const accept_loss = mayLose && random.chance(0.3);
    const to = random.pick(regions.filter((region) => region !== leader));
    return { mode: 'forced', accept_loss, ...(random.chance(0.3) ? { to } : {}) };
  }

  async #want(wish: Wish): Promise<void> {
    const { record, count } = this.#parts;
    if (wish.accept_loss === true) record({ event: 'accepts-loss' });
    const { status, text } = await this.#send('POST', '/failover', wish);
    count(`wishes ${wish.mode} ${status}`, { wish, text });
  }

  /** Status zero where no answer came. */
  async #send(
    method: string,
    path: string,
    body: unknown,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const { server } = this.#parts;
    const asked = server.api.send(method, `/v1/databases/${server.database}${path}`, body);
    return asked.catch((error: Error) => ({ status: 0, text: error.message }));
  }
}

function shuffled<T>(random: Random, list: readonly T[]): T[] {
  return list
    .map((one) => ({ one, order: random.bits() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ one }) => one);
}
