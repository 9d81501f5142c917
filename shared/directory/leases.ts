import { LEASE_ENDS_MS, LEASE_MARGIN_MS } from '../limits.ts';

/**
 * When a lease was last granted, by partition. In memory only, so that a lease costs no row: after loading, one counts as granted that
 * moment, because any that was granted was granted before.
 */
export class Leases {
  readonly #granted = new Map<number, number>();
  #loaded: number | null = null;

  /**
   * To be called with every event's clock, before anything is asked. A clock that was set back by more than the leaders allow for
   * would let nothing ever end: what was granted was granted before now.
   */
  observe(now: number): void {
    this.#loaded = notAfter(this.#loaded ?? now, now);
    for (const [partition, at] of this.#granted) this.#granted.set(partition, notAfter(at, now));
  }

  grant(partition: number, now: number): void {
    this.#granted.set(partition, Math.max(now, this.#granted.get(partition) ?? now));
  }

  /** From when on no leader's clock can take a lease of the partition for valid, if none is granted from now on. */
  endsAt(partition: number, now: number): number {
    const loaded = this.#loaded ?? now;
    return Math.max(loaded, this.#granted.get(partition) ?? loaded) + LEASE_ENDS_MS;
  }
}

function notAfter(at: number, now: number): number {
  return at > now + LEASE_MARGIN_MS ? now : at;
}
