import { refuse } from '../shared/failure.ts';
import type { ChangeReply, DatabaseRecord } from '../shared/protocol/directory.ts';
import type { DirectoryRpc } from '../shared/protocol/rpc.ts';
import { within } from './deadline.ts';
import type { EdgeContext } from './env.ts';
import { databaseNotFound, forgetRecord, lookUp } from './records.ts';

/** Longer than a directory waits for replicas, twice: it may have to finish a deletion before it creates. */
export const CHANGE_WAIT_MS = 30_000;

/** Looks the database up first, so that an answer carries its token, and a name that nobody uses makes no object of its own. */
export async function change(
  c: EdgeContext,
  database: string,
  wish: (directory: DirectoryRpc) => Promise<ChangeReply>,
): Promise<DatabaseRecord> {
  c.get('session').open(await lookUp(c, database));
  const reply = await askDirectory(c, database, wish);
  if (reply.kind === 'changed') return reply.record;
  return reply.kind === 'refused' ? refuse(reply.failure) : databaseNotFound(database);
}

export async function askDirectory<T>(
  c: EdgeContext,
  database: string,
  wish: (directory: DirectoryRpc) => Promise<T>,
): Promise<T> {
  c.set('mayHaveApplied', true);
  try {
    return await within(CHANGE_WAIT_MS, wish(c.env.DIRECTORY.getByName(database)));
  } finally {
    // Also where the answer was lost: what this isolate remembers may be what was before.
    forgetRecord(database);
  }
}
