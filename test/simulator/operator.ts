import type { ChangeReply, FailoverReply, FailoverWish } from '../../shared/protocol/directory.ts';
import { Calls } from './calls.ts';
import { DIRECTORY } from './edge.ts';
import type { DirectoryCall, Envelope } from './messages.ts';
import type { Surroundings } from './surroundings.ts';

export const OPERATOR = 'operator';

export type Wish = Extract<DirectoryCall, { kind: 'add-follower' | 'remove-follower' | 'failover' }>;

/** How often a wish is repeated that was not answered, or that was to be tried again, and how long after. */
const TRIES_MAX = 5;
const AGAIN_MS = 2_000;
const ANSWER_MS_MAX = 25_000;

type OperatorReply = ChangeReply | FailoverReply;

/** The leader answers, so another has come to lead. */
function isAnswering({ failure }: Extract<FailoverReply, { kind: 'refused' }>): boolean {
  return failure.code === 'failover-refused' && !failure.detail.startsWith('Another failover');
}

/** Whoever runs the database: has it made, adds and removes followers, and has others lead, also twice where an answer was lost. */
export class Operator {
  readonly #surroundings: Surroundings;
  readonly #calls: Calls;
  #hasStopped = false;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#calls = new Calls(OPERATOR, surroundings);
  }

  receive(envelope: Envelope): void {
    if (envelope.kind === 'reply') this.#calls.told(envelope);
  }

  /** The directory makes what is to be made when somebody looks for it. */
  begin(done: () => void): void {
    this.#ask({ kind: 'look-up' }, done);
  }

  want(wish: Wish, tries = 1): void {
    this.#ask(wish, (reply) => {
      const isOver = reply !== null && (reply.kind !== 'refused' || reply.failure.code !== 'unavailable');
      if (isOver || tries === TRIES_MAX) return;
      this.#surroundings.clock.after(AGAIN_MS, () => {
        if (!this.#hasStopped) this.want(wish, tries + 1);
      });
    });
  }

  /** Asks again and again, until it is done. Whoever else led meanwhile will do as well. */
  insist(wish: FailoverWish): void {
    this.#ask({ kind: 'failover', wish }, (reply) => {
      const isOver = reply?.kind === 'done' || (reply?.kind === 'refused' && isAnswering(reply));
      if (!isOver) this.#surroundings.clock.after(AGAIN_MS, () => this.insist(wish));
    });
  }

  goOn(): void {
    this.#hasStopped = false;
  }

  stop(): void {
    this.#hasStopped = true;
  }

  #ask(call: DirectoryCall, done: (reply: OperatorReply | null) => void): void {
    this.#calls.ask(
      { to: DIRECTORY, call, timeoutMs: ANSWER_MS_MAX },
      { answered: (reply) => done(reply as OperatorReply), failed: () => done(null) },
    );
  }
}
