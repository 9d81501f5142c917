import { refuse, Refusal } from '../shared/failure.ts';
import { Lru } from '../shared/lru.ts';
import type { DatabaseRecord } from '../shared/protocol/directory.ts';
import { within } from './deadline.ts';
import type { EdgeContext } from './env.ts';
import { orUnavailable } from './failure.ts';

const RECORDS_KEPT_MAX = 1000;

/** Longer than a directory waits for replicas, where it must first finish making the database. */
const LOOKUP_WAIT_MS = 15_000;

const DATABASE_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

interface Kept {
  readonly record: DatabaseRecord;
  /** Whether somebody found that it may be of yesterday. */
  readonly isDoubtful: boolean;
  /** When the directory was asked about a doubtful one last, in milliseconds; null where it was not. */
  readonly triedAt: number | null;
}

/**
 * What the directories said, for as long as the isolate lives. A record may be stale: a replica that is not
 * what the record says it is answers so, and the record is then doubtful. That a database does not exist
 * is never kept, because nobody would contradict it.
 */
const records = new Lru<string, Kept>(RECORDS_KEPT_MAX);

/** How long the directory has to say more of a database of which there is a record, though a doubtful one. */
const REFRESH_WAIT_MS = 2_000;
/** So often one request waits for that. */
const REFRESH_EVERY_MS = 5_000;

/** When the directory of a database was asked last, by anybody in this isolate. */
const asked = new Lru<string, number>(RECORDS_KEPT_MAX);
/** A record is recent for so long after that. */
const RECENT_MS = 100;

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

/** What this isolate remembers of the database; undefined where the directory is to be asked. */
export function knownRecord(database: string): DatabaseRecord | undefined {
  const kept = records.get(database);
  return kept === undefined || kept.isDoubtful ? undefined : kept.record;
}

/**
 * From memory, else from the directory. Where that does not answer, a doubtful record is better than none: while it is out of reach followers
 * can be read from, and who is not what the record says will say so.
 * @throws Refusal `database-not-found`, `unavailable`
 */
export async function recordOf(c: EdgeContext, database: string): Promise<DatabaseRecord> {
  const kept = records.get(database);
  if (kept === undefined) return lookUp(c, database);
  const now = Date.now();
  const { record, isDoubtful, triedAt } = kept;
  if (!isDoubtful || (triedAt !== null && triedAt <= now && now - triedAt < REFRESH_EVERY_MS)) return record;
  records.set(database, { ...kept, triedAt: now });
  try {
    return await lookUp(c, database, REFRESH_WAIT_MS);
  } catch (error) {
    if (error instanceof Refusal && error.failure.code === 'unavailable') return record;
    throw error;
  }
}

/** What is remembered, where the directory was asked a moment ago; undefined where it must be asked. */
export function recentRecord(database: string, now: number): DatabaseRecord | undefined {
  const at = asked.get(database);
  return at !== undefined && at <= now && now - at < RECENT_MS ? knownRecord(database) : undefined;
}

/** From the directory itself. @throws Refusal `database-not-found`, `unavailable` */
export async function lookUp(
  c: EdgeContext,
  database: string,
  wait_ms: number = LOOKUP_WAIT_MS,
): Promise<DatabaseRecord> {
  asked.set(database, Date.now());
  const record = await orUnavailable(c, within(wait_ms, c.env.DIRECTORY.getByName(database).lookup()));
  if (record === null) {
    dropRecord(database);
    return databaseNotFound(database);
  }
  records.set(database, { record, isDoubtful: false, triedAt: null });
  return record;
}

/** Has the next request ask the directory. */
export function forgetRecord(database: string): void {
  const kept = records.get(database);
  if (kept !== undefined && !kept.isDoubtful) records.set(database, { ...kept, isDoubtful: true });
}

/** The database is not there any more. */
export function dropRecord(database: string): void {
  records.delete(database);
}

export function databaseNotFound(database: string): never {
  return refuse({
    code: 'database-not-found',
    detail: `There is no database ${database}. Create it with PUT /v1/databases/${database}.`,
  });
}
