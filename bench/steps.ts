import { TokenKeys } from '../shared/session/token.ts';

/**
 * The bare object again, with what the contract asks for put on step by step, each in the least code that does it:
 * how near to bare can a store come that has these duties? Each step does what the ones before it do, and more.
 */
export const STEPS = {
  bare: 'bare',
  message: 'statements and answer as objects between Worker and object',
  incoming: 'the key, the token and the options checked, the body strictly UTF-8',
  deadline: 'a deadline for the object',
  outgoing: 'a token signed, the answer’s headers',
  routed: 'hono, two middlewares and some routes',
} as const;

/** For inserts only. */
export const WRITE_STEPS = {
  captured: 'a trigger writes the row into a log',
  counted: 'the log’s row and the counts read back',
  chained: 'the entry’s hash',
} as const;

export type Step = keyof typeof STEPS | keyof typeof WRITE_STEPS;

const ORDER = [...Object.keys(STEPS), ...Object.keys(WRITE_STEPS)];

/** Whether `step` does what `duty` put on. */
export function has(step: Step, duty: Step): boolean {
  return ORDER.indexOf(step) >= ORDER.indexOf(duty);
}

export function isStep(word: string): word is Step {
  return ORDER.includes(word);
}

export const STEP_KEYS = new TokenKeys([{ id: 'a', secret: 'of the benchmark only' }]);
export const STEP_SCOPE = { database: 'ladder', incarnation: 'one' };
