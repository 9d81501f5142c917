import type { Position } from '../position.ts';
import type { Leadership, ReplicaRef } from '../protocol/assignment.ts';
import type { DatabaseRecord, ExecuteRequest, RequestId } from '../protocol/messages.ts';
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
  /** Whether a user is named, whose other devices must see the same. */
  readonly hasUser: boolean;
  /** From the Idempotency-Key; of use to writes only. */
  readonly request: RequestId | null;
  /** The asker's clock when the request had come, body and all, in milliseconds. */
  readonly now: number;
  /** Where a read is best served, the first choice first. Empty where only the leader is left, near or far. */
  readonly candidatesOf: (leadership: Leadership) => readonly ReplicaRef[];
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
  readonly need: Position | null;
  /** For reads only. */
  readonly candidates: readonly ReplicaRef[];
}
