import { refuse } from '../shared/failure.ts';
import type { Leadership, ReplicaRef } from '../shared/protocol/assignment.ts';
import { shortName } from '../shared/protocol/names.ts';
import { isRegion, REGIONS } from '../shared/regions.ts';
import { unavailable } from '../shared/routing/failures.ts';
import { within } from './deadline.ts';
import type { EdgeContext } from './env.ts';
import { orUnavailable } from './failure.ts';
import { partitionNamed, replicasOf } from './partition.ts';
import { databaseName, lookUp } from './records.ts';

/** All rows are read, but in one turn of the replica, which the platform bounds as well. */
const DIGEST_WAIT_MS = 60_000;

/** One replica's schema and rows as a hash: two replicas at one position must give the same. */
export async function getDigest(c: EdgeContext): Promise<Response> {
  const record = await lookUp(c, databaseName(c));
  c.get('session').open(record);
  const leadership = partitionNamed(record, c.req.query('partition') ?? '0');
  const { name, region } = replicaOf(leadership, c.req.query('region'), c.req.query('replica'));
  const asked = c.env.REPLICA.getByName(name, { locationHint: region }).digest();
  const reply = await orUnavailable(c, within(DIGEST_WAIT_MS, asked));
  if (reply.kind !== 'digest') return refuse(unavailable());
  return c.json({ position: reply.position, sha256: reply.sha256 });
}

/** The leader where nothing is asked for; the first of the region where it has several. */
function replicaOf(
  leadership: Leadership,
  region: string | undefined,
  replica: string | undefined,
): ReplicaRef {
  if (region !== undefined && !isRegion(region))
    refuse({ code: 'invalid-request', detail: `region must be one of ${REGIONS.join(', ')}.` });
  const found = replicasOf(leadership).find(
    (ref) =>
      (region === undefined || ref.region === region) &&
      (replica === undefined || shortName(ref) === replica),
  );
  const asked = replica === undefined ? `replica in ${region}` : `replica ${replica}`;
  return found ?? refuse({ code: 'not-found', detail: `The database has no ${asked}.` });
}
