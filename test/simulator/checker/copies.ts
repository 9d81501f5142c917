import type { Position } from '../../../shared/position.ts';
import type { Durability } from '../../../shared/protocol/settings.ts';
import type { HistoryEvent, Members } from '../history.ts';
import { Branches } from './branches.ts';
import type { Facts } from './facts.ts';

/** At how many of so many replicas an entry must be durable. */
const NEEDED: Readonly<Record<Durability, (replicas: number) => number>> = {
  async: () => 1,
  'semi-sync': () => 2,
  quorum: (replicas) => Math.floor(replicas / 2) + 1,
  all: (replicas) => replicas,
};

const MODES = Object.keys(NEEDED) as Durability[];

/** Whether what one mode asks for is at least what another does, among however many replicas. */
export function isAsSafe(mode: Durability, other: Durability): boolean {
  return MODES.indexOf(mode) >= MODES.indexOf(other);
}

/** How it stands with one epoch. */
interface Count {
  readonly met: Record<Durability, number>;
  decided: Members | null;
  known: Members | null;
  before: Members | null;
}

/**
 * Up to where the log of each epoch is durable at as many replicas as each mode asks, or once was. The leader and the members count, as the
 * directory decided them, as the leader knows them, or as it knew them a change ago: what it told a follower to be settled as soon as it
 * is there may still be on its way. These sets are one change apart, so that majorities of them meet.
 */
export class Copies {
  /** Up to which position each replica durably has the log; one that copies a snapshot has nothing that counts. */
  readonly #has = new Map<string, Position>();
  readonly #counts = new Map<number, Count>();
  readonly #branches = new Branches();
  readonly #epochs = new Map<string, number>();
  #newest: Count | null = null;
  #durability: Durability | null = null;

  /** What the database asks; null where nobody says. */
  get mode(): Durability | null {
    return this.#durability;
  }

  /** Those of whom the newest leader knows that it leads them. */
  get led(): Members | null {
    return this.#newest?.known ?? null;
  }

  has(replica: string): number {
    return this.#has.get(replica)?.lsn ?? 0;
  }

  /** Up to which LSN of the chain that this replica knows of. */
  metBy(replica: string, mode: Durability): number {
    const epoch = this.#epochs.get(replica);
    return (epoch === undefined ? this.#newest : this.#counts.get(epoch))?.met[mode] ?? 0;
  }

  see(event: HistoryEvent): void {
    switch (event.event) {
      case 'durable':
        this.#has.set(event.replica, event.position);
        break;
      case 'boot':
        if (event.after === 'rollback') return;
        if (event.copying) this.#has.delete(event.replica);
        else this.#has.set(event.replica, event.position);
        break;
      case 'copy-begins':
      case 'erased':
        this.#has.delete(event.replica);
        break;
      case 'failover':
        this.#branches.begin(event);
        return;
      case 'members': {
        this.#durability = event.durability;
        this.#newest = this.#countOf(event.epoch);
        this.#newest.decided = event;
        break;
      }
      case 'assigned': {
        this.#durability ??= event.durability;
        this.#epochs.set(event.replica, event.epoch);
        const count = this.#countOf(event.epoch);
        this.#newest ??= count;
        if (event.replica !== event.leader || event.revision === count.known?.revision) return;
        count.before = count.known;
        count.known = event;
        break;
      }
      default:
        return;
    }
    for (const [epoch, count] of this.#counts) this.#count(epoch, count);
  }

  #countOf(epoch: number): Count {
    const known = this.#counts.get(epoch);
    if (known !== undefined) return known;
    const after = this.#branches.afterOf(epoch);
    // What was met before is so on every chain that has it.
    const met = { async: 0, 'semi-sync': 0, quorum: 0, all: 0 };
    for (const [older, count] of this.#counts)
      if (after !== null && older < epoch)
        for (const mode of MODES) {
          const shared = Math.min(count.met[mode], this.#sharedWith(older, after));
          met[mode] = Math.max(met[mode], shared);
        }
    const made = { met, decided: null, known: null, before: null };
    this.#counts.set(epoch, made);
    return made;
  }

  #sharedWith(epoch: number, after: Position): number {
    return this.#branches.commonTo({ ...after, epoch: epoch as Position['epoch'] }, after);
  }

  #count(epoch: number, { met, decided, known, before }: Count): void {
    for (const among of [decided, known, before]) {
      if (among === null) continue;
      const has = [among.leader, ...among.members]
        .map((replica) => this.#hasOf(replica, epoch))
        .toSorted((a, b) => b - a);
      for (const mode of MODES) {
        const lsn = has[NEEDED[mode](has.length) - 1] ?? 0;
        if (lsn > met[mode]) met[mode] = lsn;
      }
    }
  }

  /** Up to which LSN of this epoch's chain. */
  #hasOf(replica: string, epoch: number): number {
    const has = this.#has.get(replica);
    if (has === undefined) return 0;
    return this.#branches.commonTo(has, { ...has, epoch: epoch as Position['epoch'] });
  }
}

/** The history, and at each event how it stands with copies then. The same object each time. */
export function* copiesAlong(facts: Facts): Generator<readonly [HistoryEvent, Copies]> {
  const copies = new Copies();
  for (const event of facts.history) {
    copies.see(event);
    yield [event, copies];
  }
}
