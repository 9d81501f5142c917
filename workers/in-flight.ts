/**
 * More than a replica serves in a second. What waits for it beyond that, bodies and all, would only fill this isolate's memory
 * and the replica's queue, and be given up by its callers before its turn.
 */
export const IN_FLIGHT_MAX = 500;

/** A request's place among those in flight. */
export interface Slot {
  /** When the request is given up at the latest. */
  readonly until: number;
}

/** The requests that were sent to each object and not answered or given up yet. Times in milliseconds. */
export class InFlight {
  readonly #slots = new Map<string, Set<Slot>>();

  /** Null where the object has as many as it may have: then nothing is to be sent to it. */
  enter(object: string, now: number, timeout_ms: number): Slot | null {
    const slots = this.#slots.get(object) ?? new Set();
    if (slots.size >= IN_FLIGHT_MAX) giveBack(slots, now);
    if (slots.size >= IN_FLIGHT_MAX) return null;
    const slot = { until: now + timeout_ms };
    slots.add(slot);
    this.#slots.set(object, slots);
    return slot;
  }

  leave(object: string, slot: Slot): void {
    const slots = this.#slots.get(object);
    slots?.delete(slot);
    if (slots?.size === 0) this.#slots.delete(object);
  }
}

/**
 * The platform may end a request whose caller has hung up without running any more of it, so that nobody leaves for it. Were its slot kept,
 * impatient callers would shut the object for as long as the isolate lives.
 */
function giveBack(slots: Set<Slot>, now: number): void {
  for (const slot of slots) if (slot.until <= now) slots.delete(slot);
}
