import type { Region } from '../regions.ts';
import type { ReplicaRef } from './assignment.ts';

/** What the names of a partition's objects begin with. The incarnation keeps a database made anew from meeting the objects of the old one. */
interface PartitionName {
  readonly database: string;
  readonly incarnation: string;
  readonly partition: number;
}

/**
 * A replica and its object's name. `number` is null for a region's first replica that was made with the database; any later one has
 * a number that no other ever has, so that nobody meets the object of a replica that was removed.
 */
export function replicaRef(
  { database, incarnation, partition }: PartitionName,
  region: Region,
  number: number | null,
): ReplicaRef {
  const last = number === null ? region : `${region}/${number}`;
  return { name: `${database}/${incarnation}/${partition}/${last}`, region };
}

/** What tells a replica from the others of its partition: `enam`, or `enam/2`. */
export function shortName({ name }: ReplicaRef): string {
  return name.split('/').slice(3).join('/');
}
