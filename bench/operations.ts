import { measureChurn } from './churn.ts';
import { measureFailover } from './failover.ts';
import { measureDurability } from './durability.ts';
import { measureCopying, measureWriters, measureWritersElsewhere } from './installing.ts';
import type { BenchRun } from './measure.ts';
import { prove } from './proof.ts';
import type { Line } from './report.ts';
import { measureSpread } from './spread.ts';

/** What is measured of a database that is operated, in this order. */
export const OPERATIONS: Readonly<Record<string, (run: BenchRun) => Promise<Line[]>>> = {
  writers: measureWriters,
  elsewhere: measureWritersElsewhere,
  copying: measureCopying,
  proof: prove,
  durability: measureDurability,
  spread: measureSpread,
  churn: measureChurn,
  failover: measureFailover,
};

/** @throws Error where something is not as it must be, or no operation has that name */
export async function measureOperations(run: BenchRun, only: string | null): Promise<Line[]> {
  const chosen = Object.entries(OPERATIONS).filter(([name]) => only === null || name === only);
  if (chosen.length === 0)
    throw new Error(`there is no ${only}; there are ${Object.keys(OPERATIONS).join(', ')}`);
  const lines: Line[] = [];
  for (const [, measure] of chosen) lines.push(...(await measure(run)));
  return lines;
}
