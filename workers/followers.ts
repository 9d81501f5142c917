import { refuse } from '../shared/failure.ts';
import { parseFollowerBody } from '../shared/protocol/bodies.ts';
import type { ChangeReply, DatabaseRecord, DirectoryRpc } from '../shared/protocol/messages.ts';
import { isRegion, REGIONS, type Region } from '../shared/regions.ts';
import { readBody } from './body.ts';
import { CHANGE_WAIT_MS } from './databases.ts';
import { within } from './deadline.ts';
import { describeDatabase } from './describe.ts';
import type { EdgeContext } from './env.ts';
import { databaseName, databaseNotFound, forgetRecord, lookUp } from './records.ts';

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

/** Looks the database up first, so that an answer carries its token, and a name that nobody uses makes no object of its own. */
async function change(
  c: EdgeContext,
  database: string,
  wish: (directory: DirectoryRpc) => Promise<ChangeReply>,
): Promise<DatabaseRecord> {
  c.get('session').open(await lookUp(c, database));
  c.set('mayHaveApplied', true);
  try {
    const reply = await within(CHANGE_WAIT_MS, wish(c.env.DIRECTORY.getByName(database)));
    if (reply.kind === 'changed') return reply.record;
    return reply.kind === 'refused' ? refuse(reply.failure) : databaseNotFound(database);
  } finally {
    // Also where the answer was lost: what this isolate remembers may be what was before.
    forgetRecord(database);
  }
}
