import { refuse } from '../shared/failure.ts';
import { Lru } from '../shared/lru.ts';
import type { DatabaseRecord } from '../shared/protocol/messages.ts';
import { within } from './deadline.ts';
import type { EdgeContext } from './env.ts';
import { orUnavailable } from './failure.ts';

const RECORDS_KEPT_MAX = 1000;

/** Longer than a directory waits for replicas, where it must first finish making the database. */
const LOOKUP_WAIT_MS = 15_000;

const DATABASE_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/**
 * What the directories said, for as long as the isolate lives. A record may be stale: a replica that is not
 * what the record says it is answers so, and the record is then forgotten. That a database does not exist
 * is never kept, because nobody would contradict it.
 */
const records = new Lru<string, DatabaseRecord>(RECORDS_KEPT_MAX);

/** The name in the path. @throws Refusal `invalid-request` */
export function databaseName(c: EdgeContext): string {
  return checkDatabaseName(c.req.param('database') ?? '');
}

/** The name itself. @throws Refusal `invalid-request` */
export function checkDatabaseName(name: string): string {
  if (DATABASE_NAME.test(name)) return name;
  return refuse({
    code: 'invalid-request',
    detail:
      'A database name has 1 to 63 lower-case letters, digits and hyphens, and does not start with a hyphen.',
  });
}

/** What this isolate remembers of the database. */
export function knownRecord(database: string): DatabaseRecord | undefined {
  return records.get(database);
}

/** From the directory itself. @throws Refusal `database-not-found`, `unavailable` */
export async function lookUp(c: EdgeContext, database: string): Promise<DatabaseRecord> {
  const record = await orUnavailable(c, within(LOOKUP_WAIT_MS, c.env.DIRECTORY.getByName(database).lookup()));
  if (record === null) return databaseNotFound(database);
  records.set(database, record);
  return record;
}

export function forgetRecord(database: string): void {
  records.delete(database);
}

export function databaseNotFound(database: string): never {
  return refuse({
    code: 'database-not-found',
    detail: `There is no database ${database}. Create it with PUT /v1/databases/${database}.`,
  });
}
