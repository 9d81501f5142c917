import type { EdgeContext } from './env.ts';
import { secretsOf } from './secrets.ts';

/** Says that requests can be served. A deployment without a key serves none, and says so here too. */
export function getHealth(c: EdgeContext): Response {
  secretsOf(c.env);
  return c.json({ ok: true });
}
