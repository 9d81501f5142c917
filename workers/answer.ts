import type { MiddlewareHandler } from 'hono';

import type { Edge, EdgeContext } from './env.ts';
import { RequestSession } from './session.ts';

const EXPOSED_HEADERS = 'Tidemark-Session, Tidemark-Request-Id, Retry-After';

const ALLOWED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

const ALLOWED_HEADERS = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'Prefer',
  'Tidemark-Consistency',
  'Tidemark-Durability',
  'Tidemark-Max-Staleness',
  'Tidemark-Partition-Key',
  'Tidemark-Region',
  'Tidemark-Session',
  'Tidemark-User',
].join(', ');

const PREFLIGHT_KEPT_SECONDS = 86_400;

/** Puts on every answer, errors too, what every answer carries. Outermost, so that nothing gets past it. */
export const everyAnswer: MiddlewareHandler<Edge> = async (c, next) => {
  c.set('requestId', crypto.randomUUID());
  c.set('session', new RequestSession(c.env, c.req.raw.headers.get('tidemark-session')));
  await next();
  if (c.get('hasHeaders')) return;
  const { headers } = c.res;
  for (const [name, value] of Object.entries(headersOf(c))) headers.set(name, value);
};

function headersOf(c: EdgeContext): Record<string, string> {
  const token = c.get('session').outgoing();
  return {
    'Tidemark-Request-Id': c.get('requestId'),
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Expose-Headers': EXPOSED_HEADERS,
    ...(token === null ? {} : { 'Tidemark-Session': token }),
  };
}

/** The answer to a query, all headers given at once: set one by one they cost as much as the rest of the edge. */
export function answerJson(c: EdgeContext, body: string): Response {
  c.set('hasHeaders', true);
  return new Response(body, { headers: { 'Content-Type': 'application/json', ...headersOf(c) } });
}

/** A browser asks before it sends a key, so this needs none. */
export const preflight: MiddlewareHandler<Edge> = async (c) =>
  c.body(null, 204, {
    'Access-Control-Allow-Methods': ALLOWED_METHODS,
    'Access-Control-Allow-Headers': ALLOWED_HEADERS,
    'Access-Control-Max-Age': String(PREFLIGHT_KEPT_SECONDS),
  });
