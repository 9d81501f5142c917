import type { Failure } from '../failure.ts';
import { FAILOVER_RETRY_MS, PLANNED_MS, RETRY_MS_MAX } from '../limits.ts';
import type { Leadership } from '../protocol/assignment.ts';
import type { FailoverWish, RunningFailover, Suspicion } from '../protocol/directory.ts';
import { shortName } from '../protocol/names.ts';
import type { DirectoryEffect, DirectoryEvent } from './events.ts';
import { ForcedFailovers } from './forced.ts';
import type { Leases } from './leases.ts';
import { type Move, outcome, still, andThen } from './move.ts';
import { beginPlanned, type HandedOver, takeHandOver, tickPlanned } from './planned.ts';
import { failoverIn, leadershipOf, withFailover } from './promoted.ts';
import type { Forced, Made } from './store.ts';
import { Suspicions } from './suspicion.ts';
import { tell } from './telling.ts';
import { alreadyRuns, modeOf, noneRuns, ofThisEpoch, wishedPartition, wishedTarget } from './wishes.ts';

/** A wish for a forced failover whose leader is asked first whether it is gone. */
interface Asked {
  readonly wish: FailoverWish;
  readonly askedAt: number;
}

/** Somebody waits for this partition's leader to know: it is told every second, not only by the alarm. */
interface Hurry {
  readonly since: number;
  nextAt: number;
}

const HURRY_MS = RETRY_MS_MAX / 2;

type EventOf<K extends DirectoryEvent['kind']> = Extract<DirectoryEvent, { kind: K }>;

/** All failovers of a database. What is decided is in `Made.failovers`; in memory is only what can be found out again. */
export class Failovers {
  readonly #forced: ForcedFailovers;
  readonly #suspicions = new Suspicions();
  readonly #asked = new Map<number, Asked>();
  readonly #hurries = new Map<number, Hurry>();

  constructor(leases: Leases) {
    this.#forced = new ForcedFailovers(leases);
  }

  /** @throws Refusal `not-found`, `invalid-request`, `failover-refused` */
  wish(made: Made, wish: FailoverWish, now: number): Move {
    const leadership = wishedPartition(made, wish);
    const { partition } = leadership;
    ofThisEpoch(leadership, wish);
    const target = wishedTarget(leadership, wish);
    const running = failoverIn(made, partition);
    const asked = this.#asked.get(partition);
    if (wish.mode === 'planned') {
      noneRuns(running, now);
      if (asked !== undefined) alreadyRuns('forced', now - asked.askedAt);
      if (target === null) return still(made);
      this.#hurry(partition, now);
      return beginPlanned(made, leadership, target, now);
    }
    if (running?.kind === 'forced' && (running.acceptsLoss || !wish.accept_loss)) noneRuns(running, now);
    if (wish.accept_loss) return this.#force(made, forcedBy(wish, now), now);
    if (asked !== undefined) alreadyRuns('forced', now - asked.askedAt);
    this.#asked.set(partition, { wish, askedAt: now });
    return {
      made,
      effects: [{ kind: 'ping', ping: { partition, replica: leadership.leader, askedAt: now } }],
    };
  }

  suspect(made: Made, suspicion: Suspicion, now: number): Move {
    return { made, effects: this.#suspicions.begin(made, suspicion, now) };
  }

  /** A leader that asks for a lease is not gone. */
  heardOf(partition: number): void {
    this.#suspicions.end(partition);
  }

  pinged(made: Made, { ping, status, now }: EventOf<'pinged'>): Move {
    const { partition, replica, askedAt } = ping;
    // A leader whose storage is gone answers, and leads nobody.
    const answers = status !== null && status !== 'unassigned' ? 'yes' : 'no';
    this.#suspicions.pinged(ping, answers, made);
    return andThen(this.#believe(made, now), (next) => {
      const asked = this.#asked.get(partition);
      if (asked?.askedAt !== askedAt) return still(next);
      this.#asked.delete(partition);
      // Another leads by now: whoever wished had meant the one before.
      const isLeader = leadershipOf(next, partition)?.leader.name === replica.name;
      const isFirst = failoverIn(next, partition)?.kind !== 'forced';
      if (answers === 'no' && isLeader && isFirst) return this.#force(next, forcedBy(asked.wish, now), now);
      const failure = answers === 'yes' ? ANSWERS : REPLACED;
      return { made: next, effects: [outcome(partition, { kind: 'refused', failure })] };
    });
  }

  reached(made: Made, { reach, reaches, now }: EventOf<'reached'>): Move {
    this.#suspicions.reached(reach, reaches, made);
    return this.#believe(made, now);
  }

  fenced(made: Made, { fence, reply, now }: EventOf<'fenced'>): Move {
    return this.#hurried(made, this.#forced.fenced(made, fence, reply, now), now);
  }

  handedOver(made: Made, report: HandedOver, now: number): Move {
    return this.#hurried(made, takeHandOver(made, report, now), now);
  }

  /** A replica has confirmed what it was told. */
  assigned(made: Made, replica: string, now: number): Move {
    return andThen(this.#forced.told(made, replica, now), (next) => this.#tickAll(next, now, 'following'));
  }

  tick(made: Made, now: number): Move {
    const ticked = this.#tickAll(made, now, 'all');
    return andThen(ticked, (next) => {
      const effects = [...this.#suspicions.tick(next, now), ...this.#tellAgain(next, now)];
      return andThen({ made: next, effects }, (last) => this.#believe(last, now));
    });
  }

  /** When `tick` has something to do; null where nothing runs. */
  nextAt(made: Made, now: number): number | null {
    const failovers = made.failovers.flatMap((one) => {
      if (one.kind === 'forced') return [this.#forced.nextAt(one, made, now)];
      return one.kind === 'planned' ? [one.since + PLANNED_MS] : [];
    });
    const hurries = [...this.#hurries.values()].map(({ nextAt }) => nextAt);
    const suspicion = this.#suspicions.nextAt();
    const times = [...failovers, ...hurries, ...(suspicion === null ? [] : [suspicion])];
    return times.length === 0 ? null : Math.min(...times);
  }

  /** The database is erased: whoever waits is told. */
  clear(made: Made): DirectoryEffect[] {
    const partitions = [...this.#asked.keys(), ...made.failovers.map(({ partition }) => partition)];
    for (const memory of [this.#asked, this.#hurries, this.#suspicions, this.#forced]) memory.clear();
    return partitions.map((partition) => outcome(partition, { kind: 'absent' }));
  }

  shown(made: Made): readonly RunningFailover[] {
    return made.failovers.map((one) => ({
      partition: one.partition,
      mode: modeOf(one),
      to: one.kind === 'forced' ? (one.replica ?? one.to) : shortName(one.to),
      since: one.since,
      detail: this.#detail(made, one),
    }));
  }

  #detail(made: Made, failover: Made['failovers'][number]): string {
    if (failover.kind === 'forced') return this.#forced.detail(made, failover);
    if (failover.kind === 'following')
      return 'Begins when the leader that a forced failover made has confirmed.';
    return 'The leader takes no writes, and hands over.';
  }

  /** A forced one takes the place of a planned one; with loss accepted, of a forced one too, which goes on with what it knows. */
  #force(made: Made, forced: Forced, now: number): Move {
    const { partition } = forced;
    const running = failoverIn(made, partition);
    this.#asked.delete(partition);
    this.#suspicions.end(partition);
    if (running?.kind === 'forced') {
      const accepting = { ...running, mode: forced.mode, acceptsLoss: true };
      // Not in this turn: whoever wished this has to be told of the end as well.
      return { made: withFailover(made, accepting), effects: [{ kind: 'timer', at: now, ms: 0 }] };
    }
    const replaced =
      running === undefined ? [] : [outcome(partition, { kind: 'refused', failure: REPLACED })];
    const begun = this.#forced.begin(made, forced, now);
    return { made: begun.made, effects: [...replaced, ...begun.effects] };
  }

  #believe(made: Made, now: number): Move {
    let move = still(made);
    for (const partition of this.#suspicions.proven(made, now)) {
      move = andThen(move, (next) => this.#force(next, automaticIn(partition, now), now));
    }
    return move;
  }

  #tickAll(made: Made, now: number, which: 'all' | 'following'): Move {
    let move = still(made);
    for (const failover of made.failovers) {
      if (which === 'following' && failover.kind !== 'following') continue;
      move = andThen(move, (next) =>
        this.#hurried(
          next,
          failover.kind === 'forced'
            ? this.#forced.tick(next, failover, now)
            : tickPlanned(next, failover, now),
          now,
        ),
      );
    }
    return move;
  }

  /** Wherever a leadership has changed. */
  #hurried(before: Made, move: Move, now: number): Move {
    for (const leadership of move.made.record.partitions)
      if (!before.record.partitions.includes(leadership)) this.#hurry(leadership.partition, now);
    return move;
  }

  #hurry(partition: number, now: number): void {
    this.#hurries.set(partition, { since: now, nextAt: now + FAILOVER_RETRY_MS });
  }

  #tellAgain(made: Made, now: number): DirectoryEffect[] {
    return [...this.#hurries].flatMap(([partition, hurry]) => {
      const leader = leadershipOf(made, partition)?.leader.name ?? '';
      const isOver = now < hurry.since || now >= hurry.since + HURRY_MS;
      if (isOver || !made.unassigned.includes(leader)) this.#hurries.delete(partition);
      if (!this.#hurries.has(partition) || now < hurry.nextAt) return [];
      hurry.nextAt = now + FAILOVER_RETRY_MS;
      return tell(made, [leader]);
    });
  }
}

/** Whether a lease may be granted: the asker leads the epoch, and no failover that does not ask it first is under way. */
export function mayLead(made: Made, replica: string, epoch: number): Leadership | undefined {
  return made.record.partitions.find(
    (one) =>
      one.leader.name === replica &&
      one.epoch === epoch &&
      failoverIn(made, one.partition)?.kind !== 'forced',
  );
}

function forcedBy({ partition, to, replica, accept_loss }: FailoverWish, now: number): Forced {
  return { kind: 'forced', mode: 'forced', partition, to, replica, acceptsLoss: accept_loss, since: now };
}

function automaticIn(partition: number, now: number): Forced {
  return {
    kind: 'forced',
    mode: 'automatic',
    partition,
    to: null,
    replica: null,
    acceptsLoss: false,
    since: now,
  };
}

const ANSWERS: Failure = {
  code: 'failover-refused',
  detail:
    'The leader answers, so nothing needs to be forced. Use the mode `planned`, which loses nothing, ' +
    'or send `"accept_loss": true` as well to force it all the same.',
};

const REPLACED: Failure = {
  code: 'failover-refused',
  detail:
    'Another failover of this partition came before this one, or took its place. See the replication status.',
};
