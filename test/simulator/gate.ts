import type { NodeClock } from './local-clock.ts';
import type { Storage } from './storage.ts';
import type { Faults } from './surroundings.ts';

/** How long the platform waits before it calls an alarm handler again that threw. */
const ALARM_RETRY_MS = 2_000;

interface GateParts {
  readonly clock: NodeClock;
  readonly storage: Storage;
  readonly faults: Faults;
  readonly onAlarm: () => void;
  readonly onCrash: () => void;
  readonly onDurable: () => void;
}

/**
 * The platform's output gate: what a replica sends or answers is held here until all that was written before
 * is durable. A crash loses what is not durable together with what is held, so nobody ever saw it. The alarm is
 * stored with the rows and has their fate.
 */
export class Gate {
  readonly #parts: GateParts;
  #held: (() => void)[] = [];
  #isFlushing = false;
  #alarm: number | null = null;
  #durableAlarm: number | null = null;
  /** Goes up when a crash makes the flush and the alarms that are planned void. */
  #life = 0;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  get alarm(): number | null {
    return this.#alarm;
  }

  get held(): number {
    return this.#held.length;
  }

  hold(leave: () => void): void {
    this.#held.push(leave);
  }

  /** Null takes it away. */
  setAlarm(at: number | null): void {
    this.#alarm = at;
    this.#planAlarm();
  }

  /** Call after each step: what is held leaves now or when the disk has it. */
  settle(): void {
    if (this.#isFlushing) return;
    const ms = this.#parts.faults.flushMs();
    if (ms === 0) return this.flush();
    this.#isFlushing = true;
    const life = this.#life;
    if (ms !== null)
      this.#parts.clock.after(ms, () => life === this.#life && this.#isFlushing && this.flush());
  }

  flush(): void {
    this.#isFlushing = false;
    this.#parts.storage.commit();
    this.#durableAlarm = this.#alarm;
    this.#parts.onDurable();
    const leaving = this.#held;
    this.#held = [];
    const crashAfter = leaving.length === 0 ? null : this.#parts.faults.crashAfter(leaving.length);
    for (const [i, leave] of leaving.entries()) {
      if (i === crashAfter) return this.#parts.onCrash();
      leave();
    }
  }

  lose(): void {
    this.#life += 1;
    this.#isFlushing = false;
    this.#held = [];
    this.#parts.storage.lose();
    this.#alarm = this.#durableAlarm;
  }

  /** The storage was deleted, at once and for good, and the alarm with it. Call after `flush`. */
  erased(): void {
    this.#life += 1;
    this.#alarm = null;
    this.#durableAlarm = null;
  }

  /** The object may be woken again: its alarm is as it was on disk. */
  planAlarm(): void {
    this.#planAlarm();
  }

  /** The handler threw: the platform will call it again. */
  retryAlarm(): void {
    if (this.#alarm === null) this.setAlarm(this.#parts.clock.now + ALARM_RETRY_MS);
  }

  #planAlarm(): void {
    const at = this.#alarm;
    const life = this.#life;
    if (at === null) return;
    this.#parts.clock.at(at, () => {
      if (life !== this.#life || at !== this.#alarm) return;
      this.#alarm = null;
      this.#parts.onAlarm();
    });
  }
}
