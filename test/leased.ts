import { Leader } from '../shared/leader/leader.ts';
import type { LogLimits } from '../shared/limits.ts';
import { loadAssigned } from '../shared/protocol/assigned.ts';
import { present } from '../shared/assert.ts';
import type { Sql } from '../shared/ports.ts';

/** Long enough for any test. */
const FOREVER_MS = 1e15;

/** The leader over storage that was assigned one, under a lease that lasts: for tests of what a leader does when it has one. */
export function leasedLeader(sql: Sql, now = 0, limits?: LogLimits): Leader {
  const assigned = present(loadAssigned(sql), 'an assignment');
  const leader = new Leader(sql, assigned, limits);
  const { epoch } = assigned.assignment;
  leader.step({ kind: 'begin', now });
  leader.step({ kind: 'leased', epoch, askedAt: now, now, reply: { kind: 'granted', ms: FOREVER_MS } });
  return leader;
}
