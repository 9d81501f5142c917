import type { Position } from '../../shared/position.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import type { Region } from '../../shared/regions.ts';
import type { SqlParam, Statement } from '../../shared/tables/values.ts';
import { ADMIN_KEY } from '../http/server.ts';
import type { Consistency } from '../simulator/history.ts';

/** One request, as it goes out. */
export interface Asked {
  readonly url: string;
  readonly statements: readonly Statement[];
  readonly token: string | null;
  readonly region: Region;
  readonly user: string | null;
  readonly consistency: Consistency;
  /** With `bounded`; null otherwise. */
  readonly stalenessMsMax: number | null;
  /** How long a read may wait, or a write for being durable; null where it does not say. */
  readonly waitMs: number | null;
  /** The Idempotency-Key. */
  readonly key: string | null;
  readonly timeoutMs: number;
  /** Hang up after this time; null: wait for the answer. */
  readonly lostAfterMs: number | null;
}

export type Rows = readonly (readonly unknown[])[];

export interface Lost {
  readonly epoch: number;
  readonly from_lsn: number;
  readonly to_lsn: number;
}

/** What came back. `token` is what the answer's token has seen. */
export type Told =
  | {
      readonly kind: 'done';
      readonly body: string;
      readonly position: Position;
      readonly rows: readonly Rows[];
      readonly staleness_ms: number;
      /** What the receipt says was met; null for a read. */
      readonly durability: string | null;
      readonly token: Position | null;
      readonly tokenText: string | null;
    }
  | {
      readonly kind: 'refused';
      readonly code: string;
      /** Of a `session-lost`: what the session, or its user, had seen. */
      readonly lost: Lost | null;
      readonly token: Position | null;
      readonly tokenText: string | null;
    }
  /** An answer that says that nobody knows. */
  | {
      readonly kind: 'unknown';
      readonly hasArrived: true;
      readonly token: Position | null;
      readonly tokenText: string | null;
    }
  /** No answer; `hasArrived` is false where there was nobody to send to. */
  | { readonly kind: 'nothing'; readonly hasArrived: boolean };

/** Sends a query and reads what it is told, as an app does that knows the contract and nothing else. */
export async function ask(asked: Asked): Promise<Told> {
  const { lostAfterMs, timeoutMs } = asked;
  try {
    const response = await fetch(asked.url, {
      method: 'POST',
      headers: headersOf(asked),
      body: `{"statements":[${asked.statements.map(inJson).join()}]}`,
      signal: AbortSignal.timeout(Math.min(timeoutMs, lostAfterMs ?? timeoutMs)),
    });
    return read(response, await response.text());
  } catch (error) {
    return { kind: 'nothing', hasArrived: !isRefusedConnection(error) };
  }
}

function headersOf({
  token,
  region,
  user,
  consistency,
  stalenessMsMax,
  waitMs,
  key,
}: Asked): Record<string, string> {
  return {
    Authorization: `Bearer ${ADMIN_KEY}`,
    'Tidemark-Region': region,
    'Tidemark-Consistency': consistency,
    ...(waitMs === null ? {} : { Prefer: `wait=${waitMs / 1000}` }),
    ...(token === null ? {} : { 'Tidemark-Session': token }),
    ...(stalenessMsMax === null ? {} : { 'Tidemark-Max-Staleness': String(stalenessMsMax / 1000) }),
    ...(user === null ? {} : { 'Tidemark-User': user }),
    ...(key === null ? {} : { 'Idempotency-Key': key }),
  };
}

interface Body {
  readonly results: readonly { readonly rows: Rows }[];
  readonly receipt: Position & { readonly staleness_ms: number; readonly durability: string | null };
  readonly code: string;
  readonly lost?: Lost;
}

function read({ status, headers }: Response, body: string): Told {
  const tokenText = headers.get('tidemark-session');
  const token = tokenText === null ? null : seenIn(tokenText);
  const type = headers.get('content-type');
  // The runtime's own word for "the Worker broke": nothing of ours answered.
  if (type !== 'application/json' && type !== 'application/problem+json')
    return { kind: 'nothing', hasArrived: true };
  const { results, receipt, code, lost = null } = JSON.parse(body) as Body;
  if (status === 200) {
    const { epoch, lsn, staleness_ms, durability } = receipt;
    const position = positionOf(epoch, lsn);
    return {
      kind: 'done',
      body,
      position,
      rows: results.map((result) => result.rows),
      staleness_ms,
      durability,
      token,
      tokenText,
    };
  }
  if (code === 'outcome-unknown') return { kind: 'unknown', hasArrived: true, token, tokenText };
  return { kind: 'refused', code, lost, token, tokenText };
}

/** The position in a token of one partition: `t1.KEY ID.0-EPOCH-LSN.MAC`, with or without `~SESSION ID` (shared/session/token.ts). */
function seenIn(token: string): Position | null {
  const [payload = ''] = (token.split('.')[2] ?? '').split('~');
  if (payload === '') return null;
  const [, epoch, lsn] = payload.split('-').map(Number);
  return positionOf(epoch ?? Number.NaN, lsn ?? Number.NaN);
}

function positionOf(epoch: number, lsn: number): Position {
  return { epoch: toEpoch(epoch), lsn: toLsn(lsn) };
}

function inJson({ sql, params }: Statement): string {
  return `{"sql":${JSON.stringify(sql)},"params":[${params.map(paramInJson).join()}]}`;
}

/** As text, because JavaScript writes no infinity and no sign of zero. */
function paramInJson(param: SqlParam): string {
  if (typeof param === 'bigint') return `{"integer":"${param}"}`;
  if (typeof param === 'number') return realInJson(param);
  if (param instanceof Uint8Array) return `{"base64":"${Buffer.from(param).toString('base64')}"}`;
  return JSON.stringify(param);
}

/** With a fraction or an exponent, which is what makes it REAL. */
function realInJson(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  if (!Number.isFinite(value)) return value > 0 ? '9e999' : '-9e999';
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function isRefusedConnection(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : null;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}
