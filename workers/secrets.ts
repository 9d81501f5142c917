import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

import { refuse } from '../shared/failure.ts';
import { isTokenKeyId, TokenKeys, type TokenSecret } from '../shared/session/token.ts';
import type { Env } from './env.ts';

const TOKEN_SECRET_CHARS_MIN = 16;

/** Of the key that is made from the admin key; no other may have it. */
const DERIVED_KEY_ID = '0';

export interface Secrets {
  readonly adminKeyHash: Uint8Array;
  readonly tokenKeys: TokenKeys;
}

interface Kept {
  readonly adminKey: string;
  readonly tokenKeys: string | undefined;
  readonly secrets: Secrets;
}

/** Hashing and preparing keys takes longer than a request may, so an isolate does it once. */
let kept: Kept | null = null;

/** @throws Refusal `not-configured` */
export function secretsOf({ TIDEMARK_ADMIN_KEY: adminKey, TIDEMARK_TOKEN_KEYS: tokenKeys }: Env): Secrets {
  if (kept !== null && kept.adminKey === adminKey && kept.tokenKeys === tokenKeys) return kept.secrets;
  if (!adminKey) {
    notConfigured(
      'This deployment has no admin key. Run `npx wrangler secret put TIDEMARK_ADMIN_KEY`, then try again.',
    );
  }
  const secrets = {
    adminKeyHash: sha256(utf8ToBytes(adminKey)),
    tokenKeys: new TokenKeys([...(tokenKeys ? parseTokenKeys(tokenKeys) : []), derivedFrom(adminKey)]),
  };
  kept = { adminKey, tokenKeys, secrets };
  return secrets;
}

/**
 * It signs where there is no other, and verifies for ever after: the day that a deployment gets token keys of
 * its own must not be the day on which every session loses what it has seen. The purpose is part of the
 * derivation, so that a token's key says nothing about the admin key.
 */
function derivedFrom(adminKey: string): TokenSecret {
  return {
    id: DERIVED_KEY_ID,
    secret: bytesToHex(hmac(sha256, utf8ToBytes(adminKey), utf8ToBytes('tidemark session tokens'))),
  };
}

function parseTokenKeys(text: string): readonly TokenSecret[] {
  const secrets = text.split(',').map((part) => {
    const colon = part.indexOf(':');
    return { id: part.slice(0, colon).trim(), secret: part.slice(colon + 1).trim() };
  });
  const isGood = secrets.every(
    ({ id, secret }) => isTokenKeyId(id) && id !== DERIVED_KEY_ID && secret.length >= TOKEN_SECRET_CHARS_MIN,
  );
  const differ = new Set(secrets.map(({ id }) => id)).size === secrets.length;
  if (isGood && differ) return secrets;
  return notConfigured(
    `TIDEMARK_TOKEN_KEYS must be like \`id:secret,id2:secret2\`, with different ids of letters and digits (not ${DERIVED_KEY_ID}) and secrets ` +
      `of ${TOKEN_SECRET_CHARS_MIN} characters or more. Run \`npx wrangler secret put TIDEMARK_TOKEN_KEYS\`, then try again.`,
  );
}

function notConfigured(detail: string): never {
  return refuse({ code: 'not-configured', detail });
}
