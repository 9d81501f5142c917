import type { Region } from '../regions.ts';

export const DURABILITIES = ['async', 'semi-sync', 'quorum', 'all'] as const;
export type Durability = (typeof DURABILITIES)[number];

/** What a user chose for a database. */
export interface Settings {
  readonly leader: Region;
  readonly followers: readonly Region[];
  readonly partitions: number;
  readonly durability: Durability;
  /** How long the leader must be out of reach before another is promoted by itself; null where only people decide. */
  readonly automatic_failover_ms: number | null;
}
