import type { Log } from '../log/log.ts';
import { lagOf, type LogSize, logSize } from '../log/lag.ts';
import type { Lsn } from '../lsn.ts';
import type { Relayed } from '../protocol/messages.ts';
import type { LineStatus, ReplicaStatus } from '../protocol/status.ts';
import type { Lines } from './lines.ts';

export type LeaderStatus = Pick<
  Extract<ReplicaStatus, { kind: 'leader' }>,
  'head' | 'settled' | 'followers' | 'held' | 'detail'
> & { readonly log: LogSize };

export interface Standing {
  readonly log: Log;
  readonly lines: Lines;
  /** Where some followers say that they are. */
  readonly appliedOf: readonly Relayed[];
  readonly held: number;
  readonly detail: string | null;
  readonly now: number;
}

/** How a leader and its followers stand, as far as the leader knows. */
export function leaderStatus({ log, lines, appliedOf, held, detail, now }: Standing): LeaderStatus {
  const lagAt = (lsn: Lsn) => lagOf(log, lsn, now);
  const followers = lines.all.map((line): LineStatus => {
    const said = appliedOf.find(({ follower }) => follower === line.to.name);
    return {
      follower: line.to.name,
      sent: line.sentTo === null ? null : lagAt(line.sentTo),
      received: line.isKnown ? lagAt(line.applied) : null,
      applied: said === undefined ? null : lagAt(said.applied.lsn),
      failures: line.failures,
      detail: line.detail,
    };
  });
  return { head: log.position, settled: lines.settled, followers, held, detail, log: logSize(log) };
}
