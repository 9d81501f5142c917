import type { Durability } from '../../../shared/protocol/settings.ts';
import type { HistoryEvent, Members } from '../history.ts';
import type { Facts } from './facts.ts';

/** At how many of so many replicas an entry must be durable. */
const NEEDED: Readonly<Record<Durability, (replicas: number) => number>> = {
  async: () => 1,
  'semi-sync': () => 2,
  quorum: (replicas) => Math.floor(replicas / 2) + 1,
  all: (replicas) => replicas,
};

const MODES = Object.keys(NEEDED) as Durability[];

/**
 * Up to where the log is durable at as many replicas as each mode asks, or once was. The leader and the members count, as the
 * directory decided them, as the leader knows them, or as it knew them a change ago: what it told a follower to be settled as soon as it
 * is there may still be on its way. These sets are one change apart, so that majorities of them meet.
 */
export class Copies {
  /** Up to which LSN each replica durably has the log; one that copies a snapshot has nothing that counts. */
  readonly #has = new Map<string, number>();
  readonly #met: Record<Durability, number> = { async: 0, 'semi-sync': 0, quorum: 0, all: 0 };
  #decided: Members | null = null;
  #known: Members | null = null;
  #before: Members | null = null;

  /** What the database asks; null where nobody says. */
  get mode(): Durability | null {
    return (this.#decided ?? this.#known)?.durability ?? null;
  }

  /** Those of whom the leader knows that it leads them. */
  get led(): Members | null {
    return this.#known;
  }

  has(replica: string): number {
    return this.#has.get(replica) ?? 0;
  }

  met(mode: Durability): number {
    return this.#met[mode];
  }

  see(event: HistoryEvent): void {
    switch (event.event) {
      case 'durable':
        this.#has.set(event.replica, event.position.lsn);
        break;
      case 'boot':
        if (event.after !== 'rollback') this.#has.set(event.replica, event.copying ? 0 : event.position.lsn);
        break;
      case 'copy-begins':
      case 'erased':
        this.#has.delete(event.replica);
        break;
      case 'members':
        this.#decided = event;
        break;
      case 'assigned':
        if (event.replica !== event.leader || event.revision === this.#known?.revision) return;
        this.#before = this.#known;
        this.#known = event;
        break;
      default:
        return;
    }
    this.#count(this.#decided);
    this.#count(this.#known);
    this.#count(this.#before);
  }

  #count(among: Members | null): void {
    if (among === null) return;
    const has = [among.leader, ...among.members]
      .map((replica) => this.has(replica))
      .toSorted((a, b) => b - a);
    for (const mode of MODES) {
      const lsn = has[NEEDED[mode](has.length) - 1] ?? 0;
      if (lsn > this.#met[mode]) this.#met[mode] = lsn;
    }
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
