import { TIME_ZERO, type Clock } from './clock.ts';

/** Time as one node has it. */
export interface NodeClock {
  /** Milliseconds since 1970, as this node believes. */
  readonly now: number;
  /** Runs it when this node's clock says `time`. */
  at(time: number, run: () => void): void;
  after(ms: number, run: () => void): void;
  /** Milliseconds that have passed, whatever the time was set to. */
  readonly elapsed: number;
  /** How often the node stood still: what was measured across such a moment says nothing. */
  readonly disturbances: number;
}

export interface Skew {
  readonly offsetMs: number;
  /** Its milliseconds in one of the world's. */
  readonly rate: number;
}

/** A node's own clock: wrong by an offset, too fast or too slow, set now and then, and standing still while the node is paused. */
export class LocalClock implements NodeClock {
  readonly #clock: Clock;
  readonly #rate: number;
  readonly #baseMs: number;
  #offsetMs: number;
  #disturbances = 0;
  #pausedUntil = 0;
  /** What the node's clock said when it was paused; null once an event has found the time moved on. */
  #stale: number | null = null;

  constructor(clock: Clock, { offsetMs, rate }: Skew) {
    this.#clock = clock;
    this.#offsetMs = offsetMs;
    this.#baseMs = offsetMs;
    this.#rate = rate;
  }

  get disturbances(): number {
    return this.#disturbances;
  }

  get elapsed(): number {
    return Math.floor((this.#clock.now - TIME_ZERO) * this.#rate);
  }

  get now(): number {
    if (this.#stale !== null && this.#clock.now <= this.#pausedUntil) return this.#stale;
    return this.#localOf(this.#clock.now);
  }

  at(time: number, run: () => void): void {
    const worlds = TIME_ZERO + (time - TIME_ZERO - this.#offsetMs) / this.#rate;
    this.#clock.at(Math.ceil(worlds), () => this.whenAwake(run));
  }

  /** A timer goes by what has passed, whatever the time is set to. */
  after(ms: number, run: () => void): void {
    this.#clock.after(Math.ceil(ms / this.#rate), () => this.whenAwake(run));
  }

  /** Somebody sets the clock, backwards too. */
  jump(ms: number): void {
    this.#offsetMs += ms;
  }

  /** Somebody sets it to so much more than it was at first. */
  set(ms: number): void {
    this.#offsetMs = this.#baseMs + ms;
  }

  get isPaused(): boolean {
    return this.#clock.now < this.#pausedUntil;
  }

  /** Nothing happens at this node for so long, and the first thing that does happen sees the time of before, if it is to. */
  pause(ms: number, wakes: 'stale' | 'fresh' = 'stale'): void {
    this.#disturbances += 1;
    if (wakes === 'stale') this.#stale ??= this.now;
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.now + ms);
  }

  /** Lets something happen at this node, once it is not paused. */
  whenAwake(run: () => void): void {
    if (this.#clock.now < this.#pausedUntil)
      return this.#clock.at(this.#pausedUntil, () => this.whenAwake(run));
    run();
    if (this.#stale === null) return;
    this.#disturbances += 1;
    this.#stale = null;
  }

  #localOf(worlds: number): number {
    return Math.floor(TIME_ZERO + (worlds - TIME_ZERO) * this.#rate + this.#offsetMs);
  }
}
