import type { Position } from '../../../shared/position.ts';
import type { Failover } from '../history.ts';

/**
 * The tree that failovers make of the log. An epoch's entries follow those up to where it began; what older epochs hold
 * beyond that is on branches that were cut off. Made from what the directory decided and from nothing that replicas say.
 */
export class Branches {
  readonly #after = new Map<number, Position>();
  #newest = 0;

  constructor(failovers: readonly Pick<Failover, 'epoch' | 'after'>[] = []) {
    for (const failover of failovers) this.begin(failover);
  }

  begin({ epoch, after }: Pick<Failover, 'epoch' | 'after'>): void {
    this.#after.set(epoch, after);
    this.#newest = Math.max(this.#newest, epoch);
  }

  /** The newest epoch that a failover began; 0 where there was none. */
  get newest(): number {
    return this.#newest;
  }

  /** Those that a failover began, and the one before the first of them. */
  get epochs(): readonly number[] {
    const begun = [...this.#after.keys()];
    return begun.length === 0 ? [] : [Math.min(...begun) - 1, ...begun];
  }

  /** Null where it did not begin by a failover. */
  afterOf(epoch: number): Position | null {
    return this.#after.get(epoch) ?? null;
  }

  /** The epoch of the entry with this LSN, on the chain of `epoch`. */
  epochAt(epoch: number, lsn: number): number {
    const after = this.#after.get(epoch);
    return after === undefined || lsn > after.lsn ? epoch : this.epochAt(after.epoch, lsn);
  }

  /** Whether what is at `position` has `earlier`, too: on one chain, and at or before it. */
  holds(position: Position, earlier: Position): boolean {
    return earlier.lsn <= position.lsn && this.isOn(position.epoch, earlier);
  }

  /** Whether it is on the chain of `epoch`. That it has come so far is not said. */
  isOn(epoch: number, { epoch: its, lsn }: Position): boolean {
    return lsn === 0 || this.epochAt(epoch, lsn) === this.epochAt(its, lsn);
  }

  /** Whether it is on the chain of the newest epoch. */
  isKept(position: Position): boolean {
    return this.#newest === 0 || this.isOn(this.#newest, position);
  }

  /** Up to which LSN the chains of two positions are the same. */
  commonTo(a: Position, b: Position): number {
    let lsn = Math.min(a.lsn, b.lsn);
    while (lsn > 0 && this.epochAt(a.epoch, lsn) !== this.epochAt(b.epoch, lsn)) lsn -= 1;
    return lsn;
  }
}
