import type { EdgeContext } from './env.ts';
import { logUnexpected } from './failure.ts';

/** Has the work go on after the answer has left. That it fails is logged, and nobody's business. */
export function inBackground(c: EdgeContext, work: Promise<unknown>): void {
  const done = work.catch((error: unknown) => logUnexpected(c, error));
  // Without a runtime there is no such context, and nothing that would end the work.
  try {
    c.executionCtx.waitUntil(done);
  } catch {
    return;
  }
}
