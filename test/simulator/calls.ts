import type { Call, Envelope, Reply } from './messages.ts';
import type { Surroundings } from './surroundings.ts';

/** What to do with the answer to a call, or without one. */
export interface Expecting {
  readonly answered: (reply: Reply) => void;
  readonly failed: () => void;
}

export interface Asked {
  readonly to: string;
  readonly call: Call;
  /** The client's operation that it serves; null for a node's own. */
  readonly op?: number;
  /** A call that is not answered within this is taken as lost. */
  readonly timeoutMs: number;
}

/** The calls that one node made and that are not answered. */
export class Calls {
  readonly #from: string;
  readonly #surroundings: Surroundings;
  readonly #waiting = new Map<number, Expecting>();
  #last = 0;

  constructor(from: string, surroundings: Surroundings) {
    this.#from = from;
    this.#surroundings = surroundings;
  }

  ask({ to, call, op, timeoutMs }: Asked, expecting: Expecting): void {
    const id = (this.#last += 1);
    this.#waiting.set(id, expecting);
    this.#surroundings.send({ kind: 'call', id, from: this.#from, to, call, op: op ?? null });
    this.#surroundings.clock.after(timeoutMs, () => this.#take(id)?.failed());
  }

  /** An answer came: to a call of before `forget`, it means nothing. */
  told({ id, reply }: Extract<Envelope, { kind: 'reply' }>): void {
    const expecting = this.#take(id);
    if (reply === null) expecting?.failed();
    else expecting?.answered(reply);
  }

  /** The node's memory is gone: nobody waits any more. */
  forget(): void {
    this.#waiting.clear();
  }

  #take(id: number): Expecting | undefined {
    const expecting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return expecting;
  }
}
