import type { Epoch, Lsn } from './lsn.ts';
import type { Position } from './position.ts';

/** What a failover lost and its old leader kept. Lines of `changes` as in an entry (shared/tables/change.ts). */
export interface LostEntry {
  readonly position: Position;
  /** The leader's clock when it was made, in milliseconds. */
  readonly time: number;
  readonly user: string | null;
  readonly request: string | null;
  readonly tables: readonly string[];
  readonly changes: readonly string[];
  /** The epoch whose beginning cut it off. */
  readonly lost_by: Epoch;
  /** The entry that it became when it was applied again; null where it was not. */
  readonly applied: Position | null;
}

/** Null asks for all. Positions compare by LSN within `epoch`. */
export interface LostEntriesQuery {
  readonly epoch: Epoch | null;
  readonly from_lsn: Lsn | null;
  readonly to_lsn: Lsn | null;
  readonly from_time: number | null;
  readonly to_time: number | null;
  readonly user: string | null;
  readonly table: string | null;
  /** Only those after this one, in the order of epoch and LSN. */
  readonly after: Position | null;
  readonly limit: number;
}
