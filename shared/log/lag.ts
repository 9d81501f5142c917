import type { Lsn } from '../lsn.ts';
import type { Log } from './log.ts';

/** How far a place is behind the end of a log. Where the log no longer holds what follows it, at least so much. */
export interface Behind {
  readonly lsn: Lsn;
  readonly lag_entries: number;
  readonly lag_bytes: number;
  /** The age, by the leader's commit times, of the first entry that is missing; 0 at the end. */
  readonly lag_seconds: number;
}

export interface LogSize {
  readonly log_bytes: number;
  /** The log holds what follows this. */
  readonly log_after: Lsn;
}

export function logSize(log: Log): LogSize {
  return { log_bytes: log.bytes, log_after: log.start.lsn };
}

/** `now`: the leader's clock in milliseconds. */
export function lagOf(log: Log, lsn: Lsn, now: number): Behind {
  const held = lsn < log.start.lsn ? log.start.lsn : lsn;
  const next = log.readAfter(held, { entries: 1, chars: 0 })?.[0];
  return {
    lsn,
    lag_entries: Math.max(0, log.end.lsn - lsn),
    lag_bytes: log.bytesAfter(held),
    lag_seconds: next === undefined ? 0 : Math.max(0, now - next.time) / 1000,
  };
}
