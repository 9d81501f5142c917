/**
 * An upper bound on a follower's staleness without trusting that clocks agree.
 *
 * What the leader sends was made after it had heard of the follower's clock: it answers a pull that says when it was sent, or repeats what
 * the last reply said. So a leader's time L is no earlier than that moment F of the follower's clock. Where rates are equal, the leader's time L' in any
 * message is then no earlier than F + (L' - L). The newest F - L counts, because a clock may be set; until there is one,
 * nothing a message says of the leader's time means anything here. And no message says anything of a time that is still to come.
 */
export class LeaderClock {
  #difference: number | null = null;
  #knownAt: number;

  /** `knownAt`: a time on the follower's clock at which the leader was no further than the follower. */
  constructor(knownAt: number) {
    this.#knownAt = knownAt;
  }

  get knownAt(): number {
    return this.#knownAt;
  }

  /** The leader read `leaderNow` after the follower had read `followerNow`. */
  exchanged(followerNow: number, leaderNow: number): void {
    this.#difference = followerNow - leaderNow;
  }

  /** What `knownAt` will be when the follower is where the leader's log was at the leader's time `leaderNow`. */
  knownThen(leaderNow: number, now: number): number {
    if (this.#difference === null) return this.#knownAt;
    return Math.max(this.#knownAt, Math.min(now, leaderNow + this.#difference));
  }

  caughtUp(knownAt: number): void {
    this.#knownAt = knownAt;
  }

  stalenessMs(now: number): number {
    return Math.max(0, now - this.#knownAt);
  }
}
