import type { Bug } from './bug.ts';
import { COPY_BUGS } from './copies.ts';
import { FAILOVER_BUGS } from './failovers.ts';
import { GOTCHAS } from './gotchas.ts';
import { LATER } from './later.ts';
import { REPLICATION_BUGS } from './replication.ts';
import { TABLE_BUGS } from './tables.ts';

/**
 * Mistakes that others made, and some that were nearly made here. Each is a change to the text of the source, made as a file is
 * loaded, so that nothing of it is in the product. With it the checker must fail; without it, never.
 */
export const BANK: readonly Bug[] = [
  ...REPLICATION_BUGS,
  ...TABLE_BUGS,
  ...COPY_BUGS,
  ...FAILOVER_BUGS,
  ...LATER,
  ...GOTCHAS,
].toSorted((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));

export function findBug(id: string): Bug | undefined {
  return BANK.find((bug) => bug.id === id);
}
