import { present } from '../../../shared/assert.ts';
import { onEachChain } from './chains.ts';
import { areLeasesVoid, type Facts } from './facts.ts';
import {
  changesNothing,
  isBlind,
  outcomeAt,
  type RegisterOperation,
  show,
  showValue,
  type Value,
} from './register-operation.ts';
import { registerOperations } from './registers.ts';
import { Needs } from './needs.ts';
import { Spares } from './spares.ts';
import { Unknowns } from './unknowns.ts';
import { Waiting } from './waiting.ts';

/**
 * Linearizable: strong reads and writes of a register happen one after the other, each between its call and its answer, on each
 * chain. Says nothing where clocks go wrong by more than leases allow for: then an old leader may believe that it still leads.
 */
export const LIN = onEachChain(function* (facts: Facts): Generator<string> {
  if (areLeasesVoid(facts)) return;
  for (const [key, operations] of registerOperations(facts)) {
    const found = new Search(operations, 'to decide').run();
    if (found === 'an order') continue;
    // The way that decides turns back early, far from the operation that cannot be explained.
    const slow = new Search(operations, 'to explain');
    if (slow.run() === 'an order') continue;
    const gaveUp = found === 'gave up' ? `gave up after ${STEPS_MAX['to decide']} steps; ` : '';
    yield `register ${key}: ${gaveUp}${slow.complaint}`;
  }
});

type Aim = 'to decide' | 'to explain';

/** Giving up is told as a violation, for silence would be taken for a yes. */
const STEPS_MAX: Readonly<Record<Aim, number>> = { 'to decide': 200_000, 'to explain': 10_000 };

interface Frame {
  readonly state: Value;
  readonly lookers: readonly number[];
  /** Each state that one more operation leads to, while it is taken; it is given back when the next is asked for. */
  readonly moves: Iterator<Value>;
}

interface Stuck {
  readonly done: number;
  readonly state: Value;
  readonly at: RegisterOperation;
}

/**
 * Wing and Gong's search: take any operation that no other had to precede, go on from what it leaves behind, and give
 * it back where that leads nowhere. Lowe's memory: what led nowhere once is not tried again. And rules of its own:
 *
 * - What leaves the state as it is and may happen now happens now: it cannot get in anything's way.
 * - A write of what nobody looks at happens right before another that overwrites it, as soon as it may. Ten that
 *   overlap are then one choice, not a thousand. See spares.ts for when that is not so.
 * - A value that is still needed and that nothing makes again is not overwritten.
 * - An operation of unknown outcome happens only right before one that would see it. Where nothing sees it, the rest
 *   goes the same way without it. So a history with a hundred of them is no harder than one with none.
 */
class Search {
  /** Those that are sure to have happened, by time of call. */
  readonly #sure: readonly RegisterOperation[];
  readonly #unknowns: Unknowns;
  readonly #waiting: Waiting;
  readonly #failed = new Set<string>();
  readonly #spares: Spares;
  readonly #needs: Needs;
  readonly #aim: Aim;
  #stuck: Stuck | null = null;

  constructor(operations: readonly RegisterOperation[], aim: Aim) {
    this.#aim = aim;
    this.#sure = operations.filter(({ ret }) => ret !== Infinity);
    const looked = new Set(operations.flatMap(({ looked }) => looked));
    this.#unknowns = new Unknowns(operations, looked);
    this.#spares = new Spares(operations, looked);
    this.#needs = new Needs(this.#sure);
    this.#waiting = new Waiting(this.#sure);
  }

  run(): 'an order' | 'no order' | 'gave up' {
    const frames: Frame[] = [];
    let entered = this.#enter(undefined);
    for (let steps = 0; steps < STEPS_MAX[this.#aim];) {
      if (this.#waiting.placed === this.#sure.length) return 'an order';
      if (entered !== null) frames.push(entered);
      const frame = frames.at(-1);
      if (frame === undefined) return 'no order';
      const move = frame.moves.next();
      if (move.done === true) {
        this.#failed.add(this.#configuration(frame.state));
        for (const index of frame.lookers.toReversed()) this.#giveBack(index);
        frames.pop();
        entered = null;
      } else {
        steps += 1;
        entered = this.#enter(move.value);
      }
    }
    return 'gave up';
  }

  get complaint(): string {
    const { done, state, at } = present(this.#stuck, 'a search that fails was stuck somewhere');
    return `no order of its operations explains ${show(at)}; where ${done} of ${this.#sure.length} have their place, it holds ${showValue(state)}`;
  }

  /** Null where it is known that nothing leads on from here. */
  #enter(state: Value): Frame | null {
    const { lookers, candidates } = this.#takeLookers(state);
    if (this.#failed.size > 0 && this.#failed.has(this.#configuration(state))) {
      for (const index of lookers.toReversed()) this.#giveBack(index);
      return null;
    }
    if ((this.#stuck?.done ?? -1) < this.#waiting.placed) {
      const [first] = candidates.map((index) => this.#at(index)).toSorted((a, b) => a.ret - b.ret);
      if (first !== undefined) this.#stuck = { done: this.#waiting.placed, state, at: first };
    }
    return { state, lookers, moves: this.#moves(state, candidates) };
  }

  /** Takes all that may happen now and changes nothing, and says what else may happen now. */
  #takeLookers(state: Value): { readonly lookers: number[]; readonly candidates: readonly number[] } {
    const taken: number[] = [];
    for (;;) {
      const candidates = this.#waiting.candidates();
      const before = taken.length;
      for (const index of candidates) {
        if (!changesNothing(this.#at(index), state)) continue;
        this.#take(index);
        taken.push(index);
      }
      // Each that is gone may have been what others had to wait for.
      if (taken.length === before) return { lookers: taken, candidates };
    }
  }

  /** Takes one operation: after unknown ones that it would see if need be, and after what nobody sees. */
  *#moves(state: Value, candidates: readonly number[]): Generator {
    const end = Math.min(...candidates.map((index) => this.#at(index).ret));
    const spare = this.#spare(candidates);
    for (const index of candidates) {
      const operation = this.#at(index);
      const isSpare = spare.includes(index);
      // Whichever of them is last, what is left behind is a value that nobody looks at.
      if (isSpare && index !== spare[0]) continue;
      const before = isBlind(operation) ? spare.filter((other) => other !== index) : [];
      for (const other of before) this.#take(other);
      this.#take(index);
      const here = outcomeAt(operation, state);
      const mayLeave = this.#mayLeave(state);
      if (here.isPossible && (mayLeave || here.state === state)) yield here.state;
      for (const detour of this.#unknowns.detours(operation, state, end)) {
        const there = outcomeAt(operation, detour.reached);
        if (!there.isPossible || !(mayLeave || there.state === state)) continue;
        this.#unknowns.take(detour);
        yield there.state;
        this.#unknowns.giveBack(detour);
      }
      this.#giveBack(index);
      for (const other of before.toReversed()) this.#giveBack(other);
    }
  }

  #mayLeave(state: Value): boolean {
    return this.#aim === 'to explain' || !this.#needs.isLastOf(state) || this.#unknowns.canMake(state);
  }

  /** Those of the candidates that may as well happen right before any other that overwrites them. */
  #spare(candidates: readonly number[]): number[] {
    const spare = candidates.filter((index) => this.#spares.isUnseen(this.#at(index)));
    if (spare.length === 0) return spare;
    const end = Math.max(...spare.map((index) => this.#at(index).ret));
    const mayNeedHiding = this.#waiting.someCalledBefore(end, (other) => this.#spares.mayNeedHiding(other));
    return mayNeedHiding || this.#spares.unknownsNeedHiding(end) ? [] : spare;
  }

  /** What decides how the search goes on. */
  #configuration(state: Value): string {
    return `${this.#waiting.left} ${this.#unknowns.used} ${this.#spares.nameOf(state)}`;
  }

  #at(index: number): RegisterOperation {
    return present(this.#sure[index], 'an operation');
  }

  #take(index: number): void {
    this.#waiting.take(index);
    this.#needs.take(this.#at(index));
  }

  #giveBack(index: number): void {
    this.#waiting.giveBack(index);
    this.#needs.giveBack(this.#at(index));
  }
}
