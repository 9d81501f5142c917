import { configured } from './auth.ts';
import type { EdgeContext } from './env.ts';

/** Says that requests can be served. A deployment without a key, or with malformed settings, serves none, and says so here too. */
export function getHealth(c: EdgeContext): Response {
  configured(c.env);
  return c.json({ ok: true });
}
