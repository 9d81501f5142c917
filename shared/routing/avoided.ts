import { Lru } from '../lru.ts';

/** Long enough that a replica which hangs costs few requests their time, short enough that one which is back is soon in use. */
export const AVOID_MS = 10_000;
const KEPT_MAX = 1000;

/** The replicas that did not serve a short while ago. Whoever asks must not wait for them once more. */
export class Avoided {
  /** When each was last found wanting. */
  readonly #since = new Lru<string, number>(KEPT_MAX);

  add(replica: string, now: number): void {
    this.#since.set(replica, now);
  }

  has(replica: string, now: number): boolean {
    const since = this.#since.get(replica);
    if (since === undefined) return false;
    // A clock that was set back must not keep a replica out for as long as it was set.
    if (since <= now && now - since < AVOID_MS) return true;
    this.#since.delete(replica);
    return false;
  }
}
