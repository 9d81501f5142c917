import { assert, present } from '../assert.ts';
import { REQUEST_ID_SPARE_MS } from '../limits.ts';
import { type ChainEnd, decodeEntry } from '../log/entry.ts';
import type { Log, ReadBound } from '../log/log.ts';
import type { StoredEntry } from '../log/tail.ts';
import { type Epoch, type Lsn, toLsn } from '../lsn.ts';
import { type Sql, SqlError } from '../ports.ts';
import { DivergenceError } from './apply.ts';
import { keepLostEntries } from './lost-entries.ts';
import { forgetRequest, forgetRequestsAfter } from './requests.ts';
import { endLeading } from './roles.ts';
import { undoEntries } from './undo.ts';

/** From where on entries are lost, and the epoch whose beginning cut them off. */
export interface LostFrom {
  readonly to: ChainEnd;
  readonly lostBy: Epoch;
}

export type RolledBack =
  | { readonly kind: 'done' }
  /** The log is shorter; call again. */
  | { readonly kind: 'more' }
  /** Nothing was undone in this call, and nothing will be: what is lost is to be kept (`keepLost`), and a snapshot must come. */
  | { readonly kind: 'impossible'; readonly reason: string };

/**
 * Leads a replica's tables, request ids and log back towards `to`: the last entries of the log, as many as the bound lets and at
 * least one, are kept as lost, undone and removed. One call is one transaction of the caller's, after which tables and log are those of
 * one position, so it goes on from there whatever happens in between. The replica must not lead any more.
 */
export function rollBack(sql: Sql, log: Log, { to, lostBy }: LostFrom, bound: ReadBound): RolledBack {
  const unreached = whyNotReached(log, to);
  if (unreached !== null) return { kind: 'impossible', reason: unreached };
  endLeading(sql);
  const lost = lastEntries(log, to.lsn, bound);
  const forgotten = whyForgotten(log, lost, to);
  if (forgotten !== null) return { kind: 'impossible', reason: forgotten };
  const end = endBefore(log, lost, to);
  try {
    sql.transaction(() => undo(sql, lost, { to: end, lostBy }));
  } catch (error) {
    if (!(error instanceof DivergenceError || error instanceof SqlError)) throw error;
    return { kind: 'impossible', reason: error.message };
  }
  const isTruncated = log.truncate(end);
  assert(isTruncated, 'the log has the place before its last entries');
  if (end.lsn > to.lsn) return { kind: 'more' };
  // A write that changed nothing has no entry: what it found is not there any more.
  forgetRequestsAfter(sql, to.lsn);
  return { kind: 'done' };
}

function whyNotReached(log: Log, to: ChainEnd): string | null {
  if (to.lsn < log.start.lsn) return 'the log no longer holds all that was lost';
  if (to.lsn > log.end.lsn || !log.follows(to)) return 'the log has another entry where it was cut off';
  return null;
}

/** An entry with a request id removes those that were forgotten so long before: see requests.ts. */
function whyForgotten(log: Log, lost: readonly StoredEntry[], to: ChainEnd): string | null {
  const carriers = lost.filter(({ text }) => decodeEntry(text).request !== null);
  const oldest = log.readAfter(to.lsn, { entries: 1, chars: 0 })?.[0];
  if (carriers.length === 0 || oldest === undefined) return null;
  const newest = Math.max(...carriers.map(({ time }) => time));
  const isTooLong = newest - oldest.time >= REQUEST_ID_SPARE_MS;
  return isTooLong ? 'so much time was lost that request ids were forgotten which count again' : null;
}

function undo(sql: Sql, lost: readonly StoredEntry[], { to, lostBy }: LostFrom): void {
  const texts = lost.map(({ text }) => text);
  const entries = texts.map(decodeEntry);
  keepLostEntries(sql, texts, lostBy);
  undoEntries(
    sql,
    entries.map(({ changes }) => changes),
  );
  for (const { request } of entries) if (request !== null) forgetRequest(sql, request.id, to.lsn);
}

/** The last entries behind `to`, at least one where there is one. No more of them is in memory at once than twice the bound. */
function lastEntries(log: Log, to: Lsn, { entries, chars }: ReadBound): StoredEntry[] {
  let count = Math.min(entries, log.end.lsn - to);
  // What is known without reading may be more than there is.
  while (count > 1 && log.bytesAfter(toLsn(log.end.lsn - count)) > 8 * chars) count = Math.ceil(count / 2);
  let last: StoredEntry[] = [];
  for (let from = toLsn(log.end.lsn - count); from < log.end.lsn;) {
    const page = present(log.readAfter(from, { entries, chars }), 'the last entries');
    from = present(page.at(-1), 'an entry').end.lsn;
    last = within([...last, ...page], chars);
  }
  return last;
}

/** The last of them, at least one. */
function within(entries: StoredEntry[], chars: number): StoredEntry[] {
  let sum = 0;
  const tooFar = entries.findLastIndex(({ text }, i) => {
    sum += text.length;
    return sum > chars && i < entries.length - 1;
  });
  return entries.slice(tooFar + 1);
}

function endBefore(log: Log, lost: readonly StoredEntry[], to: ChainEnd): ChainEnd {
  const first = lost[0];
  if (first === undefined || first.end.lsn === to.lsn + 1) return to;
  const before = log.readAfter(toLsn(first.end.lsn - 2), { entries: 1, chars: 0 })?.[0];
  return present(before, 'the entry before the last ones').end;
}

/**
 * Keeps what is lost and cannot be undone, as far as the log still has it: the next after `from`, within the bound. Gives up to where all is kept
 * then. Kept twice, an entry stays as it was, so whoever has forgotten how far this was begins anew.
 */
export function keepLost(sql: Sql, log: Log, { from, lostBy }: KeptFrom, bound: ReadBound): Lsn {
  const first = from < log.start.lsn ? log.start.lsn : from;
  if (first >= log.end.lsn) return first;
  const page = present(log.readAfter(first, bound), 'the entries that are lost');
  const texts = page.map(({ text }) => text);
  sql.transaction(() => keepLostEntries(sql, texts, lostBy));
  return present(page.at(-1), 'an entry').end.lsn;
}

/** After which place entries are kept, and the epoch whose beginning cut them off. */
export interface KeptFrom {
  readonly from: Lsn;
  readonly lostBy: Epoch;
}
