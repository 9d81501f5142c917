import type { Happening } from './history.ts';
import type { NodeClock } from './local-clock.ts';
import type { Envelope } from './messages.ts';

/** All that a node has of the world. */
export interface Surroundings {
  readonly clock: NodeClock;
  send(envelope: Envelope): void;
  record(happening: Happening): void;
}

/** What the world does to one replica; drawn from the seed in the simulator, by hand in scenarios. */
export interface Faults {
  /** How long what was just written takes to be durable, in ms; 0: it is so at once; null: until told. */
  flushMs(): number | null;
  /** After how many uses of SQL this step fails; null: it does not. */
  failStepAfter(): number | null;
  /** Whether a step that fails does so because the replica crashes. */
  crashesInStep(): boolean;
  /** After how many of `effects` that may leave now the replica crashes; null: it does not. */
  crashAfter(effects: number): number | null;
  /** Whether an alarm that fired fires again. */
  alarmTwice(): boolean;
  /** Whether a caller's calls go on to the instance that was replaced. */
  meetsReplaced(): boolean;
}

export const NO_FAULTS: Faults = {
  flushMs: () => 0,
  failStepAfter: () => null,
  crashesInStep: () => false,
  crashAfter: () => null,
  alarmTwice: () => false,
  meetsReplaced: () => false,
};
