import { positionAt } from '../log/history.ts';
import type { Lsn } from '../lsn.ts';
import type { Position } from '../position.ts';
import type { Assignment } from '../protocol/assignment.ts';
import { copiesNeeded } from '../protocol/durability.ts';
import type { ReplicaAnswer, Shows } from '../protocol/messages.ts';
import { durabilityOfBody } from '../protocol/receipt.ts';
import type { Durability } from '../protocol/settings.ts';
import { lateWrite, NOT_SETTLED } from './failures.ts';
import { type HeldAnswer, Holding, type Released } from './holding.ts';
import type { Lines } from './lines.ts';
import type { Committed } from './writer.ts';

/** What decides when the answer to a request may leave. */
export interface Asked {
  readonly call: number;
  readonly durability: Durability | null;
  readonly shows: Shows;
  readonly hold_ms: number;
  readonly now: number;
}

/** Which answers may leave, and when: once what they say can no longer be lost in the way that was asked. */
export class Answers {
  readonly #lines: Lines;
  readonly #holding = new Holding();
  readonly #position: () => Position;
  #assignment: Assignment;

  /** `position`: where the log ends. */
  constructor(assignment: Assignment, lines: Lines, position: () => Position) {
    this.#assignment = assignment;
    this.#lines = lines;
    this.#position = position;
  }

  reassign(assignment: Assignment): void {
    this.#assignment = assignment;
  }

  get held(): number {
    return this.#holding.size;
  }

  get isFull(): boolean {
    return this.#holding.isFull;
  }

  /** The last position that may be shown to anybody. */
  get shown(): Position {
    const position = this.#position();
    const { settled } = this.#lines;
    return settled < position.lsn ? positionAt(this.#assignment.history, settled) : position;
  }

  /** The answer where it may leave now, or where it may not be held; null where it is held. */
  give(asked: Asked, done: Committed): Released | null {
    const { call, now } = asked;
    if (asked.shows === 'anything' && done.isRead) return { call, answer: done.answer };
    const until = this.#untilOf(asked, done);
    if (this.#isMet({ lsn: done.lsn, until })) return { call, answer: done.answer };
    const held = this.#held(asked, done, until);
    if (held.deadline <= now) return { call, answer: held.late };
    this.#holding.add(held);
    return null;
  }

  /** Those that may leave now. Only under a lease. */
  release(): Released[] {
    return this.#holding.release((held) => this.#isMet(held));
  }

  /** Those that may wait no longer, told so. */
  expire(now: number): Released[] {
    return this.#holding.expire(now);
  }

  nextDeadline(): number | null {
    return this.#holding.nextDeadline();
  }

  /** A write that was known before waits for what its receipt says. */
  #untilOf({ durability }: Asked, { answer, entry, isRead }: Committed): HeldAnswer['until'] {
    if (isRead) return 'settled';
    const named = entry === null ? durabilityOf(answer) : null;
    return named ?? durability ?? this.#assignment.durability;
  }

  #held(
    { call, now, hold_ms }: Asked,
    { answer, lsn, isRead }: Committed,
    until: HeldAnswer['until'],
  ): HeldAnswer {
    const position = answer.kind === 'done' ? answer.position : { epoch: this.#assignment.epoch, lsn };
    const late = isRead ? this.#lateRead(answer, hold_ms) : lateWrite(position, until);
    return { call, answer, lsn, until, deadline: now + hold_ms, late };
  }

  /** Nothing was applied, and what was found may not be shown. */
  #lateRead(answer: ReplicaAnswer, hold_ms: number): ReplicaAnswer {
    if (answer.kind === 'failed') return { kind: 'failed', failure: NOT_SETTLED, position: this.shown };
    return { kind: 'behind', position: this.shown, waited_ms: hold_ms };
  }

  #isMet({ lsn, until }: { readonly lsn: Lsn; readonly until: HeldAnswer['until'] }): boolean {
    if (until === 'settled') return this.#lines.settled >= lsn;
    return this.#lines.durableAt(copiesNeeded(until, this.#assignment)) >= lsn;
  }
}

/** What a write's receipt says, also one that is given again. */
function durabilityOf(answer: ReplicaAnswer): Durability | null {
  return answer.kind === 'done' ? durabilityOfBody(answer.body) : null;
}
