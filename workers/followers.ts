import { refuse } from '../shared/failure.ts';
import { parseFollowerBody } from '../shared/protocol/bodies.ts';
import { isRegion, REGIONS, type Region } from '../shared/regions.ts';
import { readBody } from './body.ts';
import { change } from './change.ts';
import { describeDatabase } from './describe.ts';
import type { EdgeContext } from './env.ts';
import { databaseName } from './records.ts';

/** 202: the follower is decided on, and copies what is there; the replication status shows how far it is. */
export async function postFollower(c: EdgeContext): Promise<Response> {
  const database = databaseName(c);
  const wish = parseFollowerBody((await readBody(c.req.raw)).text);
  const record = await change(c, database, (directory) => directory.addFollower(wish));
  return c.json(describeDatabase(record), 202);
}

export async function deleteFollower(c: EdgeContext): Promise<Response> {
  const database = databaseName(c);
  const region = regionOf(c.req.param('region') ?? '');
  const replica = c.req.query('replica') ?? null;
  await change(c, database, (directory) => directory.removeFollower(region, replica));
  return c.body(null, 204);
}

function regionOf(name: string): Region {
  if (isRegion(name)) return name;
  return refuse({ code: 'invalid-request', detail: `The region must be one of ${REGIONS.join(', ')}.` });
}
