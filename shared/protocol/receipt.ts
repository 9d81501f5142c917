import type { Position } from '../position.ts';
import { resultJson, type StatementResult } from '../tables/result.ts';
import type { Assignment, Role } from './assignment.ts';
import type { Route } from './messages.ts';
import { DURABILITIES, type Durability } from './settings.ts';

/** The part of every answer that says who answered, at which position, how stale, and by which route. */
export interface Receipt {
  readonly role: Role;
  readonly position: Position;
  readonly staleness_ms: number;
  readonly waited_ms: number;
  readonly route: Route;
  /** What was met, for a write; null for a read. */
  readonly durability: Durability | null;
}

/** The contract's JSON text of an answer. Made once, where the rows are, so that it crosses as one string. */
export function answerBody(results: readonly StatementResult[], by: Assignment, receipt: Receipt): string {
  return `{"results":[${results.map(resultJson).join(',')}],"receipt":${receiptJson(by, receipt)}}`;
}

/** The same results under another receipt; none where there was no answer. */
export function answerBodyAgain(body: string | null, by: Assignment, receipt: Receipt): string {
  if (body === null) return answerBody([], by, receipt);
  const results = body.slice(0, body.lastIndexOf(',"receipt":'));
  return `${results},"receipt":${receiptJson(by, receipt)}}`;
}

/** None of these has a character that JSON would escape. */
function receiptJson({ database, partition, self }: Assignment, receipt: Receipt): string {
  const { role, position, staleness_ms, waited_ms, route, durability } = receipt;
  const place = `"database":"${database}","partition":${partition},"role":"${role}","region":"${self.region}"`;
  const at = `"epoch":${position.epoch},"lsn":${position.lsn},"staleness_ms":${staleness_ms},"waited_ms":${waited_ms}`;
  return `{${place},${at},"route":"${route}","durability":${durability === null ? 'null' : `"${durability}"`}}`;
}

/** The position that an answer was given at, read back from its body. */
export function positionOfBody(body: string): Position {
  const { epoch, lsn } = (JSON.parse(body) as { receipt: Position }).receipt;
  return { epoch, lsn };
}

/** The durability that a write's answer names, read back from its body. Bodies are long, and their receipt comes last. */
export function durabilityOfBody(body: string): Durability | null {
  const named = /"durability":(?:null|"([a-z-]+)")\}\}$/.exec(body.slice(-60))?.[1];
  return DURABILITIES.find((durability) => durability === named) ?? null;
}
