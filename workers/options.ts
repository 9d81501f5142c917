import { refuse } from '../shared/failure.ts';
import { DURABILITY_WAIT_MS, REQUEST_ID_CHARS_MAX, WAIT_MS_DEFAULT, WAIT_MS_MAX } from '../shared/limits.ts';
import { DURABILITIES, type Durability } from '../shared/protocol/settings.ts';
import { CONSISTENCIES, type Consistency } from '../shared/routing/job.ts';

const USER_CHARS_MAX = 255;

/** How a request wants to be served, from its headers. */
export interface QueryOptions {
  readonly consistency: Consistency;
  /** Null unless `consistency` is `bounded`. */
  readonly staleness_ms_max: number | null;
  /** How long a read may wait for its position. */
  readonly wait_ms: number;
  /** How long a write may wait until it is as durable as asked. */
  readonly hold_ms: number;
  /** Null for what the database asks. */
  readonly durability: Durability | null;
  readonly user: string | null;
  readonly idempotencyKey: string | null;
}

/** @throws Refusal `invalid-request`, which names the header */
export function readOptions(headers: Headers): QueryOptions {
  const consistency = readConsistency(headers.get('tidemark-consistency'));
  const wait = readWait(headers.get('prefer'));
  return {
    consistency,
    staleness_ms_max: readStaleness(headers.get('tidemark-max-staleness'), consistency),
    wait_ms: wait ?? WAIT_MS_DEFAULT,
    hold_ms: wait ?? DURABILITY_WAIT_MS,
    durability: readDurability(headers.get('tidemark-durability')),
    user: readBounded('Tidemark-User', headers.get('tidemark-user'), USER_CHARS_MAX),
    idempotencyKey: readBounded('Idempotency-Key', headers.get('idempotency-key'), REQUEST_ID_CHARS_MAX),
  };
}

function readConsistency(value: string | null): Consistency {
  if (value === null) return 'session';
  return oneOf('Tidemark-Consistency', value, CONSISTENCIES);
}

function readStaleness(value: string | null, consistency: Consistency): number | null {
  if (value === null && consistency !== 'bounded') return null;
  if (value === null)
    invalid('Tidemark-Consistency: bounded needs the header Tidemark-Max-Staleness, in seconds');
  if (consistency !== 'bounded')
    invalid('Tidemark-Max-Staleness is of use only with Tidemark-Consistency: bounded');
  return readSeconds('Tidemark-Max-Staleness', value) * 1000;
}

/** Whether the database has replicas enough for it only the leader knows, which refuses what it cannot give. */
function readDurability(value: string | null): Durability | null {
  return value === null ? null : oneOf('Tidemark-Durability', value, DURABILITIES);
}

/** `wait=2` among preferences (RFC 7240); those that mean nothing here are to be ignored. */
const WAIT = /(?:^|[,;])\s*wait\s*=\s*"?([^",;]*)"?/i;

function readWait(value: string | null): number | null {
  const wait = value === null ? undefined : WAIT.exec(value)?.[1];
  if (wait === undefined) return null;
  return Math.min(readSeconds('Prefer: wait', wait.trim()) * 1000, WAIT_MS_MAX);
}

function readSeconds(where: string, value: string): number {
  if (!/^\d{1,9}(\.\d{1,9})?$/.test(value)) invalid(`${where} must be a number of seconds, such as 2 or 0.5`);
  return Number(value);
}

function readBounded(where: string, value: string | null, charsMax: number): string | null {
  if (value === null) return null;
  if (value.length < 1 || value.length > charsMax) invalid(`${where} must have 1 to ${charsMax} characters`);
  return value;
}

function oneOf<const T extends string>(where: string, value: string, allowed: readonly T[]): T {
  const known = allowed.find((one) => one === value);
  return known ?? invalid(`${where} must be one of ${allowed.join(', ')}`);
}

function invalid(what: string): never {
  return refuse({ code: 'invalid-request', detail: `${what}.` });
}
