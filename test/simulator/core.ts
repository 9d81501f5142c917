import { Follower } from '../../shared/follower/follower.ts';
import { Leader } from '../../shared/leader/leader.ts';
import type { LogLimits } from '../../shared/limits.ts';
import { EPOCH_FIRST, LSN_ZERO } from '../../shared/lsn.ts';
import { first, type Sql } from '../../shared/ports.ts';
import type { Position } from '../../shared/position.ts';
import { type Assigned, loadAssigned } from '../../shared/protocol/assigned.ts';
import { roleOf } from '../../shared/protocol/assignment.ts';
import type { AssignReply } from '../../shared/protocol/directory.ts';
import type { ReplicaStatus } from '../../shared/protocol/status.ts';

/** What a replica is. Storage that nobody was told anything of holds none. */
export type Core =
  | { readonly role: 'none' }
  | { readonly role: 'leader'; readonly leader: Leader; readonly assigned: Assigned }
  | { readonly role: 'follower'; readonly follower: Follower; readonly assigned: Assigned };

/** Constructors only read, so this needs no transaction. */
export function loadCore(sql: Sql, limits: LogLimits): Core {
  const assigned = loadAssigned(sql);
  if (assigned === null) return { role: 'none' };
  return roleOf(assigned.assignment) === 'leader'
    ? { role: 'leader', leader: new Leader(sql, assigned, limits), assigned }
    : { role: 'follower', follower: new Follower(sql, assigned, limits), assigned };
}

export function positionOf(core: Core): Position {
  switch (core.role) {
    case 'none':
      return { epoch: EPOCH_FIRST, lsn: LSN_ZERO };
    case 'leader':
      return core.leader.position;
    case 'follower':
      return core.follower.applied;
  }
}

/** What a replica that was assigned tells the directory. */
export function assignReplyOf(core: Exclude<Core, { role: 'none' }>): AssignReply {
  const { epoch, revision } = core.assigned.assignment;
  return { epoch, revision, isSettled: core.role !== 'leader' || core.leader.isSettled };
}

/** Whether its tables are those of no position: it copies the leader's, or has yet to begin. One that is where a failover cut off is somewhere. */
export function isCopying(core: Core): boolean {
  if (core.role !== 'follower' || core.follower.hasTables) return false;
  return core.follower.state !== 'rolling-back' && core.follower.state !== 'stranded';
}

export function isRollingBack(core: Core): boolean {
  return core.role === 'follower' && core.follower.state === 'rolling-back';
}

/** What the directory and other replicas are told of it. */
export function statusOf(core: Core, now: number): ReplicaStatus {
  if (core.role === 'none') return { kind: 'unassigned' };
  const { epoch, revision } = core.assigned.assignment;
  if (core.role === 'leader') {
    const { log, ...status } = core.leader.status([], now);
    return { kind: 'leader', epoch, revision, ...status, storage: { database_bytes: 0, ...log } };
  }
  const { log, ...status } = core.follower.status(now);
  return { kind: 'follower', epoch, revision, ...status, storage: { database_bytes: 0, ...log } };
}

/** The log holds what follows this. */
export function logStart(sql: Sql): number {
  return Number(first(sql, 'SELECT lsn FROM _tidemark_log_start')?.[0] ?? 0);
}

/** How far a copy is; null where none runs. */
export function copyProgress(sql: Sql): string | null {
  if (first(sql, "SELECT 1 FROM sqlite_schema WHERE name = '_tidemark_installation'") === null) return null;
  return String(
    first(
      sql,
      'SELECT json_group_array(value) FROM (SELECT value FROM _tidemark_installation ORDER BY key)',
    )?.[0],
  );
}
