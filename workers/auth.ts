import type { MiddlewareHandler } from 'hono';

import { refuse } from '../shared/failure.ts';
import { retentionFault } from '../shared/retention-settings.ts';
import { sha256Of } from '../shared/sha256.ts';
import type { Edge, Env } from './env.ts';
import { type Secrets, secretsOf } from './secrets.ts';

const BEARER = /^Bearer +([^ ]+) *$/i;

/** Lets the admin key through. Everything behind it may be asked by nobody else. */
export const authenticate: MiddlewareHandler<Edge> = async (c, next) => {
  const { adminKeyHash } = configured(c.env);
  const key = BEARER.exec(c.req.raw.headers.get('authorization') ?? '')?.[1];
  if (key === undefined) unauthorized('There is no key');
  // Hashes have one length and show nothing of the key, so the comparison tells a guesser nothing.
  if (!isEqual(sha256Of(key), adminKeyHash)) unauthorized('The key is wrong');
  await next();
};

/** @throws Refusal `not-configured` where the deployment is to serve nobody */
export function configured(env: Env): Secrets {
  const secrets = secretsOf(env);
  const fault = retentionFault(env);
  return fault === null ? secrets : refuse({ code: 'not-configured', detail: fault });
}

function unauthorized(what: string): never {
  refuse({
    code: 'unauthorized',
    detail: `${what}. Send the header \`Authorization: Bearer KEY\` with the admin key.`,
  });
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  let different = a.length ^ b.length;
  for (let i = 0; i < a.length; i += 1) different |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return different === 0;
}
