import { KEEP_MS_MAX } from '../limits.ts';
import type { Log } from '../log/log.ts';
import { type Lsn, LSN_ZERO } from '../lsn.ts';
import { type Assignment, membersOf, relayOf } from '../protocol/assignment.ts';
import { copiesNeeded } from '../protocol/durability.ts';
import { claimOf, type Line, newLine } from './line.ts';

/** How far the followers are, as far as this leader knows since it woke, and so what is durable where. */
export class Lines {
  readonly #log: Log;
  #assignment: Assignment;
  #lines: ReadonlyMap<string, Line> = new Map();
  #settled = LSN_ZERO;
  #copies = 1;

  constructor(assignment: Assignment, log: Log) {
    this.#log = log;
    this.#assignment = assignment;
    this.reassign(assignment);
  }

  /** Followers come and go; those that stay are where they are. */
  reassign(assignment: Assignment): void {
    this.#assignment = assignment;
    this.#copies = copiesNeeded(assignment.durability, assignment);
    this.#lines = new Map(
      assignment.followers.map((to) => {
        const known = this.#lines.get(to.name);
        return [to.name, known === undefined ? newLine(to, this.#log.end.lsn) : Object.assign(known, { to })];
      }),
    );
  }

  get all(): readonly Line[] {
    return [...this.#lines.values()];
  }

  get(follower: string): Line | undefined {
    return this.#lines.get(follower);
  }

  /** The line of whoever relays to this one; null for one that the leader sends to itself. */
  relayOf(line: Line): Line | null {
    const relay = this.#lines.get(relayOf(this.#assignment, line.to.region)?.name ?? '');
    return relay === undefined || relay === line ? null : relay;
  }

  /** How many copy a snapshot. */
  get copying(): number {
    return this.all.filter(({ copiedAt }) => copiedAt !== null).length;
  }

  /** At how many replicas an entry must be that is as durable as the database asks. */
  get copies(): number {
    return this.#copies;
  }

  /** The greatest LSN that is durable at so many replicas, the leader among them. */
  durableAt(replicas: number): Lsn {
    if (replicas <= 1) return this.#log.end.lsn;
    const members = membersOf(this.#assignment);
    const positions = members.map(({ name }) => this.#lines.get(name)?.confirmed ?? LSN_ZERO);
    return positions.toSorted((a, b) => b - a)[replicas - 2] ?? LSN_ZERO;
  }

  /** The greatest LSN that is as durable as the database asks. A change of the members does not take back what was. */
  get settled(): Lsn {
    const settled = this.durableAt(this.copies);
    if (settled > this.#settled) this.#settled = settled;
    return this.#settled;
  }

  /** What each follower still needs is after this; null where nobody knows. */
  get claims(): readonly (Lsn | null)[] {
    return this.all.map((line) => claimOf(line, this.#log.end.lsn));
  }

  /**
   * Whether a member that wants to begin a copy must not, because it would drop what it has before enough others have it. Where there
   * are not enough others ever, or not for long, it may: then this leader alone has what it drops. `has`: where its own log ends.
   */
  mustKeep(follower: string, has: Lsn, now: number): boolean {
    const line = this.#lines.get(follower);
    if (line === undefined || line.to.membership !== 'member') return false;
    // It has confirmed more since it asked: the message is late.
    if (line.copiedAt === null && has < line.confirmed) return true;
    const others = membersOf(this.#assignment).filter(({ name }) => name !== follower);
    if (others.length < this.copies - 1) return false;
    line.holds = has;
    const enough = others.filter(({ name }) => (this.#lines.get(name)?.holds ?? LSN_ZERO) >= has);
    if (enough.length >= this.copies - 1) return false;
    if (line.keepsSince === null || line.keepsSince > now) line.keepsSince = now;
    return now - line.keepsSince < KEEP_MS_MAX;
  }
}
