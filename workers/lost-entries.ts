import { comparePositions, isAtLeast, showPosition } from '../shared/position.ts';
import type { Leadership, ReplicaRef } from '../shared/protocol/assignment.ts';
import {
  heldEntryJson,
  type HeldEntry,
  type Holding,
  mergeHoldings,
} from '../shared/protocol/lost-entries.ts';
import type { LostEntriesQuery, LostEntry } from '../shared/lost-entry.ts';
import type { ReplicaRpc } from '../shared/protocol/rpc.ts';
import { shortName } from '../shared/protocol/names.ts';
import { answerJson } from './answer.ts';
import { within } from './deadline.ts';
import type { EdgeContext } from './env.ts';
import { logUnexpected } from './failure.ts';
import { readLostEntriesQuery } from './lost-entries-query.ts';
import { partitionNamed, replicasOf } from './partition.ts';
import { databaseName, lookUp } from './records.ts';

const LOST_ENTRIES_WAIT_MS = 10_000;
/** Of one replica's entries in one answer; each may be as large as an entry may be. */
const CHARS_MAX = 4 * 1024 * 1024;

/** What failovers cut off and the replicas that had it kept. */
export async function getLostEntries(c: EdgeContext): Promise<Response> {
  const record = await lookUp(c, databaseName(c));
  c.get('session').open(record);
  const leadership = partitionNamed(record, c.req.query('partition') ?? '0');
  const query = readLostEntriesQuery(c);
  const { entries, missing, hasMore } = await lostEntriesOf(c, leadership, query);
  const page = entries.slice(0, query.limit);
  const last = page.at(-1);
  const isLast = last === undefined || (!hasMore && entries.length === page.length);
  const fields = JSON.stringify({
    partition: leadership.partition,
    missing: missing.map(shortName),
    next: isLast ? null : showPosition(last.position),
  });
  return answerJson(c, `${fields.slice(0, -1)},"entries":[${page.map(heldEntryJson).join(',')}]}`);
}

export interface LostEntries {
  /** Without a gap up to the last of them. */
  readonly entries: readonly HeldEntry[];
  /** Who did not answer, and may hold more. */
  readonly missing: readonly ReplicaRef[];
  /** Whether there may be more after them. */
  readonly hasMore: boolean;
}

export async function lostEntriesOf(
  c: EdgeContext,
  leadership: Leadership,
  query: LostEntriesQuery,
): Promise<LostEntries> {
  const replicas = replicasOf(leadership);
  const answers = await Promise.all(replicas.map((ref) => orNull(c, ref, (one) => keptBy(one, ref, query))));
  const kept = answers.filter((one) => one !== null);
  // What one replica has beyond what it gave may come before what others gave.
  const ends = kept.flatMap(({ entries, hasMore }) => (hasMore ? entries.slice(-1) : []));
  const horizon = ends.map(({ position }) => position).toSorted(comparePositions)[0];
  const merged = mergeHoldings(kept);
  return {
    entries: horizon === undefined ? merged : merged.filter(({ position }) => isAtLeast(horizon, position)),
    missing: replicas.filter((_, i) => answers[i] === null),
    hasMore: horizon !== undefined,
  };
}

interface Kept extends Holding {
  readonly hasMore: boolean;
}

/** A replica gives fewer than were asked for where they are large, and says not so: only one that gives none has no more. */
async function keptBy(replica: ReplicaRpc, ref: ReplicaRef, query: LostEntriesQuery): Promise<Kept> {
  const entries: LostEntry[] = [];
  let chars = 0;
  let hasMore = true;
  while (hasMore && entries.length < query.limit && chars < CHARS_MAX) {
    const after = entries.at(-1)?.position ?? query.after;
    const next = await replica.lostEntries({ ...query, after, limit: query.limit - entries.length });
    entries.push(...next);
    chars += next.flatMap(({ changes }) => changes).reduce((sum, line) => sum + line.length, 0);
    hasMore = next.length > 0;
  }
  return { replica: shortName(ref), entries, hasMore };
}

/** What the replica says; null where it does not answer. */
export async function orNull<T>(
  c: EdgeContext,
  { name, region }: ReplicaRef,
  ask: (replica: ReplicaRpc) => Promise<T>,
): Promise<T | null> {
  try {
    const replica = c.env.REPLICA.getByName(name, { locationHint: region });
    return await within(LOST_ENTRIES_WAIT_MS, ask(replica));
  } catch (error) {
    logUnexpected(c, error);
    return null;
  }
}
