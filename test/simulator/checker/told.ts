import { type Position } from '../../../shared/position.ts';
import type { Branches } from './branches.ts';
import { type EventOf, type Facts, once, type Operation } from './facts.ts';

/** Something at a place in the history. */
interface At<T> {
  readonly place: number;
  readonly what: T;
}

/** What sessions were told to be lost, and when. */
export class Told {
  readonly #branches: Branches;
  readonly #losses = new Map<string, At<Position>[]>();

  constructor(facts: Facts) {
    this.#branches = facts.branches;
    for (const [place, event] of facts.history.entries()) {
      if (event.event === 'refuse') this.#lostOnItsWay(facts, event, place);
      if (event.event !== 'ok' && event.event !== 'fail' && event.event !== 'info') continue;
      const invoke = facts.operations.get(event.op)?.invoke;
      if (invoke === undefined) continue;
      if (event.event === 'ok' || !event.lost) continue;
      for (const who of [`session ${invoke.session}`, `user ${invoke.user}`])
        add(this.#losses, who, { place, what: event.lost.instead });
    }
  }

  /**
   * A user's devices are told once. Where that answer was lost on its way to the device, the user's session has been put back all the same: whoever asks by
   * name alone is not told again. (One who has a token is: its token is what it was.)
   */
  #lostOnItsWay(facts: Facts, { op, code, position }: EventOf<'refuse'>, place: number): void {
    const operation = op === null ? undefined : facts.operations.get(op);
    if (code !== 'session-lost' || position === null || operation === undefined) return;
    const { invoke, end } = operation;
    const wasLost = end?.event === 'info' || (end?.event === 'fail' && end.code === 'lost');
    if (wasLost) add(this.#losses, `user ${invoke.user}`, { place, what: position });
  }

  /**
   * Whether, by the time that `operation` ended, its session or its user had been told that something was lost to which `seen` belongs. The token was
   * put back to where that began.
   */
  hasHeard({ invoke, endedAt }: Operation, seen: Position): boolean {
    if (this.#branches.isKept(seen)) return false;
    return [`session ${invoke.session}`, `user ${invoke.user}`].some((who) =>
      (this.#losses.get(who) ?? []).some(
        ({ place, what }) => place <= endedAt && this.#branches.commonTo(what, seen) === what.lsn,
      ),
    );
  }
}

function add<T>(to: Map<string, T[]>, key: string, what: T): void {
  const known = to.get(key);
  if (known === undefined) to.set(key, [what]);
  else known.push(what);
}

export const toldOf = once((facts: Facts) => new Told(facts));
