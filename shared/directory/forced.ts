import type { Leadership } from '../protocol/assignment.ts';
import { shortName } from '../protocol/names.ts';
import { candidatesIn, type Heard, isMeant, notBeyond, winnerIn } from './candidates.ts';
import { keptIn, missingIn } from './counted.ts';
import type { Fence } from './events.ts';
import { Fencing } from './fencing.ts';
import type { Leases } from './leases.ts';
import { type Move, outcome, still, andThen } from './move.ts';
import type { FenceReply } from '../protocol/directory.ts';
import { failoverIn, forcedTo, leadershipOf, lostBy, withFailover } from './promoted.ts';
import type { Forced, Made } from './store.ts';

/** Forced failovers: from their durable beginning, over fences and the end of the lease, to a new leader. */
export class ForcedFailovers {
  readonly #leases: Leases;
  readonly #fencings = new Map<number, Fencing>();

  constructor(leases: Leases) {
    this.#leases = leases;
  }

  clear(): void {
    this.#fencings.clear();
  }

  begin(made: Made, forced: Forced, now: number): Move {
    this.#fencings.delete(forced.partition);
    return this.tick(withFailover(made, forced), forced, now);
  }

  tick(made: Made, forced: Forced, now: number): Move {
    const leadership = leadershipOf(made, forced.partition);
    if (leadership === undefined) return still(made);
    const decision = this.decide(made, forced, now);
    if (decision.made !== made) return decision;
    const fencing = this.#fencing(leadership, now);
    return { made, effects: fencing.isDue(now) ? fencing.round(made, leadership, now) : [] };
  }

  fenced(made: Made, { partition, replica, epoch }: Fence, reply: FenceReply, now: number): Move {
    const forced = failoverIn(made, partition);
    const leadership = leadershipOf(made, partition);
    if (forced?.kind !== 'forced' || leadership?.epoch !== epoch - 1) return still(made);
    this.#fencing(leadership, now).take(replica.name, reply);
    return this.decide(made, forced, now);
  }

  /** One that had not known the epoch that ends, and does now: what it has can count once it has said so. */
  told(made: Made, replica: string, now: number): Move {
    const effects = made.failovers.flatMap((forced) => {
      const leadership = leadershipOf(made, forced.partition);
      if (forced.kind !== 'forced' || leadership === undefined) return [];
      const fencing = this.#fencing(leadership, now);
      const ref = leadership.followers.find(({ name }) => name === replica);
      return ref !== undefined && fencing.isBehind(replica) ? [fencing.fence(leadership, ref)] : [];
    });
    return { made, effects };
  }

  decide(made: Made, forced: Forced, now: number): Move {
    const { partition, mode } = forced;
    const leadership = leadershipOf(made, partition);
    if (leadership === undefined) return still(made);
    const fencing = this.#fencing(leadership, now);
    if (!fencing.isRipe(leadership, this.#leases.endsAt(partition, now), now)) return still(made);
    const heard = heardBy(made, leadership, fencing);
    const winner = winnerIn(heard, forced);
    if (winner === null) return still(made);

    const after = winner.end;
    const begin = { after, heard: fencing.heard(after), mode, at: now };
    this.#fencings.delete(partition);
    const decision: Move = {
      made: forcedTo(made, forced, winner.replica, begin),
      effects: [outcome(partition, { kind: 'done', lost: lostBy(leadership, begin) })],
    };
    return andThen(decision, (next) => still(withFollowing(next, forced, heard, now)));
  }

  nextAt({ partition }: Forced, made: Made, now: number): number {
    const leadership = leadershipOf(made, partition);
    const known = this.#fencings.get(partition);
    return known === undefined || leadership === undefined
      ? now
      : known.nextAt(this.#leases.endsAt(partition, now), now);
  }

  /** What it waits for, and what can be done about it. */
  detail(made: Made, { partition }: Forced): string {
    const leadership = leadershipOf(made, partition);
    const fencing = this.#fencings.get(partition);
    if (leadership === undefined || fencing === undefined) return 'The replicas are asked how far they are.';
    if (!fencing.isLeaseOver) return 'Waits until the leader before can answer nobody any more.';
    const { sets, durability, ends } = heardBy(made, leadership, fencing);
    const [best] = candidatesIn(
      { leadership, sets, durability, ends },
      { to: null, replica: null, acceptsLoss: false },
    );
    const heard = best === undefined ? new Set<string>() : notBeyond(ends, best.end);
    const missing = Math.max(1, ...sets.map((set) => missingIn(set, keptIn(durability), heard)));
    const silent = sets.flatMap((set) => set.filter((name) => !ends.has(name)));
    const names = [...new Set(silent)].map((name) => shortName({ name, region: leadership.leader.region }));
    return (
      `To promote a replica so that nothing acknowledged is lost, ${missing} more of ${names.join(', ')} must answer with all their entries in place. ` +
      'It goes on by itself when they do; with `"accept_loss": true` it takes whoever has answered.'
    );
  }

  /** It is forgotten with the end of its failover. */
  #fencing(leadership: Leadership, now: number): Fencing {
    const { partition } = leadership;
    const known = this.#fencings.get(partition);
    if (known !== undefined) return known;
    const fencing = new Fencing(leadership, now);
    this.#fencings.set(partition, fencing);
    return fencing;
  }
}

function heardBy(made: Made, leadership: Leadership, fencing: Fencing): Heard {
  const { durability } = made.record.settings;
  const sets = made.counted[made.record.partitions.indexOf(leadership)] ?? [];
  return { leadership, durability, sets, ends: fencing.ends() };
}

/** Who was asked for may not be the one that is furthest. It can lead next, and then without any loss. */
function withFollowing(made: Made, forced: Forced, heard: Heard, now: number): Made {
  const { partition } = forced;
  const leadership = leadershipOf(made, partition);
  const isWanted = (name: string) =>
    leadership?.followers.some(
      (one) => one.name === name && one.membership === 'member' && isMeant(one, forced),
    ) === true;
  if (leadership === undefined || forced.to === null) return made;
  const { leader } = leadership;
  const isThere = isMeant({ ...leader, membership: 'member' }, forced);
  const wanted = candidatesIn(heard, forced).find(({ replica }) => isWanted(replica.name));
  if (isThere || wanted === undefined) return made;
  return withFailover(made, { kind: 'following', partition, to: wanted.replica, since: now });
}
