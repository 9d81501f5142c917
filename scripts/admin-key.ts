import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';

const NAME = 'TIDEMARK_ADMIN_KEY';
const DEV_VARS = resolve(import.meta.dirname, '../.dev.vars');

/** The environment's key, else the one kept in .dev.vars; null where neither has one. */
export function knownAdminKey(): string | null {
  const given = process.env[NAME];
  if (given !== undefined && given !== '') return given;
  if (!existsSync(DEV_VARS)) return null;
  const kept = parseEnv(readFileSync(DEV_VARS, 'utf8'))[NAME];
  return kept === undefined || kept === '' ? null : kept;
}

/** The known key, or a random one that is kept for the next start. */
export function adminKey(): string {
  const known = knownAdminKey();
  if (known !== null) return known;

  const made = randomBytes(24).toString('base64url');
  const before = existsSync(DEV_VARS) ? readFileSync(DEV_VARS, 'utf8') : '';
  const gap = before === '' || before.endsWith('\n') ? '' : '\n';
  // Only the owner may read it: it opens every database of this machine's store.
  writeFileSync(DEV_VARS, `${before}${gap}${NAME}=${made}\n`, { mode: 0o600 });
  return made;
}
