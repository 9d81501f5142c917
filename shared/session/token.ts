import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { base64urlnopad } from '@scure/base';

import { assert, present } from '../assert.ts';
import { refuse } from '../failure.ts';
import { TOKEN_CHARS_MAX, TOKEN_PARTITIONS_MAX } from '../limits.ts';
import { toEpoch, toLsn } from '../lsn.ts';
import { Lru } from '../lru.ts';
import { isAtLeast, type Position } from '../position.ts';
import { type Loss, rewound } from './rewind.ts';

/** What a session has seen of one database: a position per partition. */
export type Seen = ReadonlyMap<number, Position>;

export const NOTHING_SEEN: Seen = new Map();

/** A token is of one database, in one incarnation, and means nothing to any other. */
export interface TokenScope {
  readonly database: string;
  readonly incarnation: string;
}

/** What a token is authenticated with. The id travels in the token; the secret never does. */
export interface TokenSecret {
  readonly id: string;
  readonly secret: string;
}

const FORMAT = 't1';
/** 128 bits: a forger would have to try each guess against a running deployment. */
const MAC_BYTES = 16;
const MAC_CHARS = 22;
/** Databases whose keys are kept ready. */
const SCOPES_KEPT_MAX = 1000;
/** MACs that are kept: a session mostly comes back with the token that it was given last. */
const MACS_KEPT_MAX = 4000;
const KEY_ID = /^[A-Za-z0-9_-]{1,16}$/;
const PAYLOAD = /^[\d_-]*(?:~[0-9a-f]{8})?$/;
const PAYLOAD_PART = /^(\d{1,10})-(\d{1,16})-(\d{1,16})$/;

/** Drawn at random, so many that the sessions of a database spread evenly. */
const SESSION_ID_CHARS = 8;
const SESSION_ID = /^[0-9a-f]{8}$/;

const PART_CHARS_MAX = '_'.length + 10 + '-'.length + 16 + '-'.length + 16;
assert(
  FORMAT.length + 16 + MAC_CHARS + 3 + TOKEN_PARTITIONS_MAX * PART_CHARS_MAX + 1 + SESSION_ID_CHARS <=
    TOKEN_CHARS_MAX,
  'a token of all partitions fits its bound',
);

export function isTokenKeyId(id: string): boolean {
  return KEY_ID.test(id);
}

/** Begins with 8 hexadecimal digits, as a UUID does, which become the session's id. */
export function toSessionId(random: string): string {
  const id = random.slice(0, SESSION_ID_CHARS);
  assert(SESSION_ID.test(id), 'a session id has 8 hexadecimal digits');
  return id;
}

/** The session's id in a token that was verified; null where it has none. */
export function sessionIdIn(token: string): string | null {
  const tilde = token.indexOf('~');
  return tilde === -1 ? null : token.slice(tilde + 1, tilde + 1 + SESSION_ID_CHARS);
}

/**
 * `seen` moved forward to `position`, never back; the same object where nothing moved. A position of a newer epoch is taken for a later one, so
 * it must come from a replica that was told what was seen before, and found that on its own chain: else a loss would go by untold.
 */
export function moveForward(seen: Seen, partition: number, position: Position): Seen {
  const before = seen.get(partition);
  if (before !== undefined && isAtLeast(before, position)) return seen;
  return new Map(seen).set(partition, position);
}

/** `seen` set back from what a failover lost, the only case in which it may be; the same object where it has not seen that. */
export function setBack(seen: Seen, partition: number, loss: Loss): Seen {
  const before = seen.get(partition);
  if (before === undefined) return seen;
  const after = rewound(before, loss);
  return after === before ? seen : new Map(seen).set(partition, after);
}

/** By maximum, partition by partition; right only for positions of one chain. */
export function mergeSeen(a: Seen, b: Seen): Seen {
  let merged = a;
  for (const [partition, position] of b) merged = moveForward(merged, partition, position);
  return merged;
}

type Hmac = ReturnType<typeof hmac.create>;

/** By payload, the MAC that was made for it last, and for which database. */
type Macs = Lru<string, { readonly of: ScopedKey; readonly mac: string }>;

/** The MACs that one key makes for one database. */
class ScopedKey {
  /** With the key's two blocks taken in already. */
  readonly #ready: Hmac;
  readonly #scratch: Hmac;
  readonly #macs: Macs;

  constructor(key: Uint8Array, macs: Macs) {
    this.#macs = macs;
    this.#ready = hmac.create(sha256, key);
    this.#scratch = hmac.create(sha256, key);
  }

  macOf(payload: string): string {
    const known = this.#macs.get(payload);
    if (known !== undefined && known.of === this) return known.mac;
    this.#ready._cloneInto(this.#scratch);
    const full = this.#scratch.update(bytesOf(payload)).digest();
    const mac = base64urlnopad.encode(full.subarray(0, MAC_BYTES));
    this.#macs.set(payload, { of: this, mac });
    return mac;
  }
}

class TokenKey {
  readonly id: string;
  readonly #secret: Uint8Array;
  readonly #scoped = new Lru<string, ScopedKey>(SCOPES_KEPT_MAX);
  readonly #macs: Macs = new Lru(MACS_KEPT_MAX);

  constructor({ id, secret }: TokenSecret) {
    assert(isTokenKeyId(id), 'a key id is short and has no separator in it');
    this.id = id;
    this.#secret = utf8ToBytes(secret);
  }

  /**
   * A key of its own for each format, key id, database and incarnation, so that a MAC holds only where all
   * of them are right. None of them can have a line feed in it, so no two scopes are written alike.
   */
  for({ database, incarnation }: TokenScope): ScopedKey {
    const scope = `${FORMAT}\n${this.id}\n${database}\n${incarnation}`;
    const kept = this.#scoped.get(scope);
    if (kept !== undefined) return kept;
    const made = new ScopedKey(hmac(sha256, this.#secret, utf8ToBytes(scope)), this.#macs);
    this.#scoped.set(scope, made);
    return made;
  }
}

/**
 * Makes and checks tokens: `t1.KEY ID.PAYLOAD.MAC`. The payload is `PARTITION-EPOCH-LSN`, joined by `_`; then, where the session has
 * an id, `~ID`.
 * A token grants nothing. It is authenticated because a forged one could make a reader wait.
 */
export class TokenKeys {
  readonly #signing: TokenKey;
  readonly #byId: ReadonlyMap<string, TokenKey>;

  /** The first secret signs and all of them verify, so that a new one can be put in front of an old one. */
  constructor(secrets: readonly TokenSecret[]) {
    const keys = secrets.map((secret) => new TokenKey(secret));
    this.#signing = present(keys[0], 'a key to sign with');
    this.#byId = new Map(keys.map((key) => [key.id, key]));
    assert(this.#byId.size === secrets.length, 'key ids differ');
  }

  /** `id`: the session's, as `toSessionId` makes it. */
  sign(scope: TokenScope, seen: Seen, id: string | null = null): string {
    assert(seen.size <= TOKEN_PARTITIONS_MAX, 'a token is bounded');
    const payload = id === null ? writePayload(seen) : `${writePayload(seen)}~${id}`;
    return `${FORMAT}.${this.#signing.id}.${payload}.${this.#signing.for(scope).macOf(payload)}`;
  }

  /**
   * What the token says, once it is known to be one of ours and of this database.
   * @throws Refusal `token-invalid`
   */
  verify(token: string, scope: TokenScope): Seen {
    if (token.length > TOKEN_CHARS_MAX) invalid(`it is longer than ${TOKEN_CHARS_MAX} characters`);
    const [format = '', id = '', payload, mac, ...rest] = token.split('.', 5);
    if (payload === undefined || mac === undefined || rest.length > 0) invalid('it is not a token');
    if (format !== FORMAT) invalid('it is of a format that this deployment does not know');
    if (!PAYLOAD.test(payload)) invalid('it is not a token');
    const key = this.#byId.get(id);
    if (key === undefined) invalid('its key is not one that this deployment has now');
    if (!equalInConstantTime(mac, key.for(scope).macOf(payload)))
      invalid(
        'it was changed on the way, or is of another database, or of one of this name that was deleted',
      );
    const tilde = payload.indexOf('~');
    return readPositions(tilde === -1 ? payload : payload.slice(0, tilde));
  }

  /** Whether `sign` would use the key that this verified token was signed with. */
  isCurrent(token: string): boolean {
    return token.startsWith(`${FORMAT}.${this.#signing.id}.`);
  }
}

function invalid(why: string): never {
  refuse({
    code: 'token-invalid',
    detail: `The Tidemark-Session header cannot be used: ${why}. Go on with the token of this answer, or without one.`,
  });
}

/** Of a payload, which is ASCII. Encoders of all of Unicode cost more than the hash. */
function bytesOf(payload: string): Uint8Array {
  const bytes = new Uint8Array(payload.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = payload.charCodeAt(i);
  return bytes;
}

function writePayload(seen: Seen): string {
  let payload = '';
  for (const [partition, { epoch, lsn }] of seen) {
    payload += `${payload === '' ? '' : '_'}${partition}-${epoch}-${lsn}`;
  }
  return payload;
}

/** Of a token whose MAC was right: anything wrong here was signed by another program. */
function readPositions(text: string): Seen {
  if (text === '') return NOTHING_SEEN;
  const parts = text.split('_');
  if (parts.length > TOKEN_PARTITIONS_MAX) invalid(`it names more than ${TOKEN_PARTITIONS_MAX} partitions`);
  const seen = new Map<number, Position>();
  for (const part of parts) {
    const match = PAYLOAD_PART.exec(part);
    if (match === null) invalid('it is not a token');
    seen.set(Number(match[1]), readPosition(Number(match[2]), Number(match[3])));
  }
  return seen;
}

function readPosition(epoch: number, lsn: number): Position {
  try {
    return { epoch: toEpoch(epoch), lsn: toLsn(lsn) };
  } catch {
    return invalid('it is not a token');
  }
}

/** Takes as long for a wrong first character as for a wrong last one, so that a MAC cannot be found piece by piece. */
function equalInConstantTime(given: string, right: string): boolean {
  assert(right.length === MAC_CHARS, 'a MAC has a fixed length');
  if (given.length !== right.length) return false;
  let different = 0;
  for (let i = 0; i < right.length; i++) different |= given.charCodeAt(i) ^ right.charCodeAt(i);
  return different === 0;
}
