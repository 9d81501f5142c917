/** How long what is held may keep the hand-over waiting once the successor has everything. */
const HELD_WAIT_MS = 1_000;
const TELL_AGAIN_MS = 1_000;

export interface HandOverState {
  /** Whether the successor has confirmed all that this leader wrote. */
  readonly hasAll: boolean;
  /** Answers that wait for others than the successor, too. */
  readonly held: number;
  readonly now: number;
}

/** When a leader that has a successor tells the directory that it is done. In memory only: one that was loaded again begins anew. */
export class HandOver {
  #hadAllAt: number | null = null;
  #toldAt: number | null = null;

  /** `give up`: what is held is to be told that it is late, and then that it is done. */
  next({ hasAll, held, now }: HandOverState): 'wait' | 'give up' | 'tell' {
    if (!hasAll) return 'wait';
    this.#hadAllAt ??= now;
    if (held > 0) return Math.abs(now - this.#hadAllAt) >= HELD_WAIT_MS ? 'give up' : 'wait';
    if (this.#toldAt !== null && Math.abs(now - this.#toldAt) < TELL_AGAIN_MS) return 'wait';
    this.#toldAt = now;
    return 'tell';
  }

  /** When to look again. */
  nextLook(now: number): number {
    return now + Math.min(HELD_WAIT_MS, TELL_AGAIN_MS);
  }

  over(): void {
    this.#hadAllAt = null;
    this.#toldAt = null;
  }
}
