import type { Behind, LogSize } from '../log/lag.ts';
import type { Epoch, Lsn } from '../lsn.ts';
import type { Position } from '../position.ts';

export type FollowerState =
  | 'rolling-back'
  | 'stranded'
  | 'installing'
  | 'catching-up'
  | 'streaming'
  | 'failed';

/** Sizes in bytes. */
export interface StorageStatus extends LogSize {
  readonly database_bytes: number;
}

/** What the leader knows of one of its followers. `sent` and `received` are null until it was sent something, or answered. */
export interface LineStatus {
  readonly follower: string;
  readonly sent: Behind | null;
  readonly received: Behind | null;
  /** Of the position that was asked about; null where none was. */
  readonly applied: Behind | null;
  readonly failures: number;
  /** What is the matter with what it was sent; null where nothing is known to be. */
  readonly detail: string | null;
}

/** What a replica says of itself. */
export type ReplicaStatus =
  | {
      readonly kind: 'leader';
      readonly epoch: Epoch;
      readonly revision: number;
      readonly head: Position;
      readonly settled: Lsn;
      readonly followers: readonly LineStatus[];
      /** Answers that are held until they are durable, and requests that wait for a lease. */
      readonly held: number;
      /** What is the matter, as that it has no lease or hands over; null where nothing is. */
      readonly detail: string | null;
      readonly storage: StorageStatus;
    }
  | {
      readonly kind: 'follower';
      readonly epoch: Epoch;
      readonly revision: number;
      /** Null while its tables are those of no position. */
      readonly applied: Position | null;
      /** How far the leader was, as far as this follower has heard. */
      readonly head: Position;
      readonly state: FollowerState;
      /** What is the matter, or how far an install is; null where there is nothing to say. */
      readonly detail: string | null;
      /** Null while its tables are those of no position. */
      readonly staleness_ms: number | null;
      /** Reads that wait. */
      readonly waiting: number;
      readonly storage: StorageStatus;
    }
  | { readonly kind: 'unassigned' };
