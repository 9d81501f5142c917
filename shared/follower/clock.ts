/**
 * An upper bound on a follower's staleness without trusting that clocks agree.
 *
 * A reply to a pull was made after the follower asked, so a leader's time L in it is no earlier than the
 * moment of asking F on the follower's clock. Where rates are equal, the leader's time L' in any other message is
 * then no earlier than F + (L' - L). The newest F - L counts, because a clock may be set; until the first pull the
 * clocks are taken to agree. And no message says anything of a time that is still to come.
 */
export class LeaderClock {
  #difference = 0;
  #knownAt: number;

  /** `knownAt`: a time on the follower's clock at which the leader was no further than the follower. */
  constructor(knownAt: number) {
    this.#knownAt = knownAt;
  }

  /** A pull that was sent at `askedAt` came back with the leader's clock. */
  exchanged(askedAt: number, leaderNow: number): void {
    this.#difference = askedAt - leaderNow;
  }

  /** At the leader's time `leaderNow`, its log was no further than the follower is at its own time `now`. */
  caughtUp(leaderNow: number, now: number): void {
    this.#knownAt = Math.max(this.#knownAt, Math.min(now, leaderNow + this.#difference));
  }

  stalenessMs(now: number): number {
    return Math.max(0, now - this.#knownAt);
  }
}
