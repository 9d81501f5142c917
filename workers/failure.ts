import { refuse, Refusal, type Failure } from '../shared/failure.ts';
import { outcomeUnknown, overloaded, unavailable } from '../shared/routing/failures.ts';
import type { EdgeContext } from './env.ts';
import { PROBLEMS } from './problems.ts';

/** A failure as problem+json (RFC 9457). */
function problem(c: EdgeContext, { code, detail, ...fields }: Failure): Response {
  const { status, title, headers } = PROBLEMS[code];
  const body = JSON.stringify({ type: `/problems/${code}`, title, status, detail, code, ...fields });
  return c.body(body, status, { ...headers, 'Content-Type': 'application/problem+json' });
}

/** What a thrown error means to the caller. One that nobody foresaw is logged, and shows nothing of itself. */
export function answerError(error: Error, c: EdgeContext): Response {
  if (error instanceof Refusal) return problem(c, error.failure);
  logUnexpected(c, error);
  return problem(c, c.get('mayHaveApplied') ? outcomeUnknown() : unavailable());
}

export function answerNotFound(c: EdgeContext): Response {
  return problem(c, {
    code: 'not-found',
    detail: `There is no ${c.req.method} ${c.req.path}. The document at /openapi.json lists every path.`,
  });
}

export function logUnexpected(c: EdgeContext, error: unknown): void {
  console.error(`request ${c.get('requestId')}:`, error);
}

/** The platform says so of an object whose queue is full: it has not begun with this request. */
export function isOverload(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'overloaded' in error && error.overloaded === true;
}

/** For requests that change nothing: a call that threw was not applied. */
export async function orUnavailable<T>(c: EdgeContext, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    logUnexpected(c, error);
    return refuse(isOverload(error) ? overloaded() : unavailable());
  }
}
