import { lsnAfter } from '../../../shared/lsn.ts';
import { showPosition } from '../../../shared/position.ts';
import { type Facts, succeeded } from './facts.ts';

/** A pause is shorter than this, and so is the time in which a node that woke from one may believe an old clock. */
const PAUSE_MS_MAX = 20_000;

/**
 * The staleness in a receipt is an upper bound: what the leader had appended longer ago than that is in the rows, and a
 * bounded read is never given more than it allows, however much clocks disagree. Says nothing where a clock's rate was wrong, or it was
 * set or stood still: known-gotchas.md tells what a bound is worth then.
 */
export function* ST(facts: Facts): Generator<string> {
  for (const { invoke, end } of succeeded(facts, 'read')) {
    if (invoke.staleness_ms_max !== null && end.staleness_ms > invoke.staleness_ms_max)
      yield `read ${invoke.op} allowed ${invoke.staleness_ms_max} ms, and was given rows of up to ${end.staleness_ms} ms ago`;
  }
  if (facts.of('clocks').length > 0) return;
  const pauses = facts.of('pause').map(({ t }) => t);
  const byLsn = new Map(facts.entries.map((entry) => [entry.position.lsn, entry]));
  for (const { invoke, end } of succeeded(facts, 'read')) {
    const isNearPause = pauses.some((t) => t >= invoke.t - PAUSE_MS_MAX && t <= end.t);
    if (isNearPause) continue;
    const missing = byLsn.get(lsnAfter(end.position.lsn));
    if (missing === undefined || missing.t >= invoke.t - end.staleness_ms) continue;
    yield `read ${invoke.op} says it is at most ${end.staleness_ms} ms old, and lacks entry ${showPosition(missing.position)}, ${invoke.t - missing.t} ms old when it was asked`;
  }
}
