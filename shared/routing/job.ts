import type { Position } from '../position.ts';
import type { Leadership, ReplicaRef } from '../protocol/assignment.ts';
import type { ExecuteRequest, RequestId } from '../protocol/messages.ts';
import type { DatabaseRecord } from '../protocol/directory.ts';
import type { Durability } from '../protocol/settings.ts';

export const CONSISTENCIES = ['session', 'strong', 'eventual', 'bounded'] as const;
export type Consistency = (typeof CONSISTENCIES)[number];

/** What a caller asked for. */
export interface Work {
  readonly statements: ExecuteRequest['statements'];
  readonly isRead: boolean;
  readonly consistency: Consistency;
  /** Null unless `consistency` is `bounded`. */
  readonly staleness_ms_max: number | null;
  /** How long a read may wait for its position, counted from `now`. */
  readonly wait_ms: number;
  /** How long a write's answer may be held until the write is as durable as asked. */
  readonly hold_ms: number;
  /** What a write must be before it is acknowledged; null for what the database asks. */
  readonly durability: Durability | null;
  /** Whose other devices must see the same; null where nobody is named. */
  readonly user: string | null;
  /** From the Idempotency-Key; of use to writes only. */
  readonly request: RequestId | null;
  /** The asker's clock when the request had come, body and all, in milliseconds. */
  readonly now: number;
  /** Where a read is best served, the first choice first. Empty where only the leader is left, near or far. */
  readonly candidatesOf: (leadership: Leadership) => readonly ReplicaRef[];
  /** Who else can serve a read where the leader does not, the nearest first; candidates may be among them. */
  readonly sparesOf: (leadership: Leadership) => readonly ReplicaRef[];
  /**
   * What the caller's session has seen of the partition; null where it has seen nothing.
   * @throws Refusal where its token is not of the database that the record is of
   */
  readonly needOf: (record: DatabaseRecord, partition: number) => Position | null;
}

/** And of whom, as the directory's record has it. */
export interface Job extends Work {
  readonly record: DatabaseRecord;
  readonly leadership: Leadership;
  /** What the caller has seen, of which it is to be told where a failover lost it; whatever the read needs. */
  readonly seen: Position | null;
  readonly need: Position | null;
  /** For reads only. */
  readonly candidates: readonly ReplicaRef[];
  /** Whether a replica was found not to be what the record says. */
  readonly isStale: boolean;
}

/**
 * The job with what is left of its wait at `now`. Never more than was asked for: a clock that was set back would have the read
 * wait for as long as it was set.
 */
export function after(job: Job, now: number): Job {
  const passed = Math.max(0, now - job.now);
  return { ...job, wait_ms: Math.max(0, job.wait_ms - passed), now };
}
