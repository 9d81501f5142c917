import { refuse } from '../shared/failure.ts';
import type { Leadership, ReplicaRef } from '../shared/protocol/assignment.ts';
import type { DatabaseRecord } from '../shared/protocol/directory.ts';

/** The partition that a caller names. @throws Refusal `not-found`, `invalid-request` where it is no number */
export function partitionNamed({ database, partitions }: DatabaseRecord, given: string): Leadership {
  if (!/^\d{1,15}$/.test(given))
    refuse({ code: 'invalid-request', detail: 'partition must be a whole number from 0.' });
  const leadership = partitions.find(({ partition }) => partition === Number(given));
  return (
    leadership ?? refuse({ code: 'not-found', detail: `The database ${database} has no partition ${given}.` })
  );
}

export function replicasOf({ leader, followers }: Leadership): readonly ReplicaRef[] {
  return [leader, ...followers];
}
