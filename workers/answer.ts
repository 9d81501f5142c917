import type { MiddlewareHandler } from 'hono';

import type { Edge } from './env.ts';
import { RequestSession } from './session.ts';

const EXPOSED_HEADERS = 'Tidemark-Session, Tidemark-Request-Id, Retry-After';

const ALLOWED_METHODS = 'GET, HEAD, POST, PUT, DELETE, OPTIONS';

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
  const requestId = crypto.randomUUID();
  const session = new RequestSession(c.env, c.req.raw.headers.get('tidemark-session'));
  c.set('requestId', requestId);
  c.set('session', session);
  await next();
  const { headers } = c.res;
  const token = session.outgoing();
  if (token !== null) headers.set('Tidemark-Session', token);
  headers.set('Tidemark-Request-Id', requestId);
  headers.set('Access-Control-Allow-Origin', '*');
  headers.set('Access-Control-Expose-Headers', EXPOSED_HEADERS);
};

/** A browser asks before it sends a key, so this needs none. */
export const preflight: MiddlewareHandler<Edge> = async (c) =>
  c.body(null, 204, {
    'Access-Control-Allow-Methods': ALLOWED_METHODS,
    'Access-Control-Allow-Headers': ALLOWED_HEADERS,
    'Access-Control-Max-Age': String(PREFLIGHT_KEPT_SECONDS),
  });
