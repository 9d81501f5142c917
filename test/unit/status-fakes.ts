import type { Behind } from '../../shared/log/lag.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import type {
  FollowerState,
  LineStatus,
  ReplicaStatus,
  StorageStatus,
} from '../../shared/protocol/status.ts';
import { at } from './router-fakes.ts';

/** Of a replica that holds what follows `log_after`; sizes that no two of them share. */
function storage(database_bytes: number): StorageStatus {
  return { database_bytes, log_bytes: database_bytes / 2, log_after: toLsn(0) };
}

/** Behind by what an LSN of `head` makes of it: each entry has ten bytes and a tenth of a second. */
export function lag(lsn: number, head: number): Behind {
  const entries = head - lsn;
  return { lsn: toLsn(lsn), lag_entries: entries, lag_bytes: entries * 10, lag_seconds: entries / 10 };
}

export function leaderStatus(lsn: number, followers: readonly LineStatus[] = []): ReplicaStatus {
  return {
    kind: 'leader',
    epoch: toEpoch(1),
    revision: 1,
    head: at(lsn),
    settled: toLsn(lsn),
    followers,
    held: 0,
    detail: null,
    storage: storage(8192),
  };
}

export function followerStatus(lsn: number, state: FollowerState = 'streaming'): ReplicaStatus {
  return {
    kind: 'follower',
    epoch: toEpoch(1),
    revision: 1,
    applied: state === 'installing' ? null : at(lsn),
    head: at(lsn),
    state,
    detail: null,
    staleness_ms: state === 'installing' ? null : 1500,
    waiting: 0,
    storage: storage(4096),
  };
}
