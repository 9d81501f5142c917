import { refuse } from '../shared/failure.ts';
import type { Position } from '../shared/position.ts';
import type { Leadership, ReplicaRef } from '../shared/protocol/assignment.ts';
import { mayBeLost } from '../shared/protocol/lost.ts';
import type { HeldEntry } from '../shared/protocol/lost-entries.ts';
import { shortName } from '../shared/protocol/names.ts';
import type { Served } from '../shared/routing/asks.ts';
import { unavailable } from '../shared/routing/failures.ts';
import { reachedBy } from '../shared/routing/loss.ts';
import { reapply } from '../shared/routing/reapply.ts';
import { answerJson } from './answer.ts';
import type { EdgeContext } from './env.ts';
import { follow } from './follow.ts';
import { type LostEntries, lostEntriesOf, orNull } from './lost-entries.ts';
import { epochIn, lsnFrom } from './lost-entries-query.ts';
import { readOptions } from './options.ts';
import { partitionNamed, replicasOf } from './partition.ts';
import { databaseName, lookUp } from './records.ts';

/** Of epochs that were cut off, few had one LSN. */
const CANDIDATES_MAX = 100;

/** Does a lost entry again, as a new write of the leader. */
export async function postReapply(c: EdgeContext): Promise<Response> {
  const record = await lookUp(c, databaseName(c));
  c.get('session').open(record);
  const { durability, hold_ms } = readOptions(c.req.raw.headers);
  const leadership = partitionNamed(record, c.req.query('partition') ?? '0');
  const entry = await entryNamed(c, leadership);
  const text = await textOf(c, leadership, entry);
  const { partition } = leadership;
  const redo = { partition, text, applied: entry.applied, durability, hold_ms, now: Date.now() };
  const served = await follow(c, null, reapply(redo, record));
  await tellHolders(c, served, entry);
  return answer(c, served);
}

/** @throws Refusal `not-found`, `invalid-request` where several epochs had the LSN */
async function entryNamed(c: EdgeContext, leadership: Leadership): Promise<HeldEntry> {
  const lsn = lsnFrom('The LSN in the path', c.req.param('lsn') ?? '');
  const everything = { from_time: null, to_time: null, user: null, table: null, after: null };
  const query = { ...everything, epoch: epochIn(c), from_lsn: lsn, to_lsn: lsn, limit: CANDIDATES_MAX };
  const found = await lostEntriesOf(c, leadership, query);
  const [entry, ...others] = found.entries;
  if (entry === undefined) return notFound(found);
  if (others.length > 0) {
    const epochs = found.entries.map(({ position }) => position.epoch).join(', ');
    refuse({
      code: 'invalid-request',
      detail: `Several epochs lost an entry with this LSN: say which, with epoch= one of ${epochs}.`,
    });
  }
  return entry;
}

async function textOf(c: EdgeContext, leadership: Leadership, entry: HeldEntry): Promise<string> {
  for (const holder of holdersOf(leadership, entry)) {
    const text = await orNull(c, holder, (replica) => replica.lostEntry(entry.position));
    if (text !== null) return text;
  }
  return refuse(unavailable());
}

function holdersOf(leadership: Leadership, { replicas }: HeldEntry): readonly ReplicaRef[] {
  return replicasOf(leadership).filter((ref) => replicas.includes(shortName(ref)));
}

function notFound({ missing }: LostEntries): never {
  const away = missing.map(shortName).join(', ');
  const hint =
    missing.length === 0
      ? '`GET …/lost-entries` lists those that there are.'
      : `These did not answer and may hold it: ${away}. Try again when they do.`;
  return refuse({
    code: 'not-found',
    detail: `No replica that answers holds a lost entry with this LSN. ${hint}`,
  });
}

/** So that the list shows what became of it. A holder that is not told shows it as it was; to apply it again gives the same answer. */
async function tellHolders(c: EdgeContext, { leadership, answer: reply }: Served, entry: HeldEntry) {
  if (reply.kind !== 'done') return;
  const { position } = reply;
  await Promise.all(
    holdersOf(leadership, entry).map((holder) =>
      orNull(c, holder, (replica) => replica.lostEntryApplied(entry.position, position)),
    ),
  );
}

function answer(c: EdgeContext, { leadership, answer: reply }: Served): Response {
  const position = reachedBy(reply);
  if (position !== null) moveForward(c, leadership, position);
  switch (reply.kind) {
    case 'done':
      return answerJson(c, reply.body);
    case 'failed':
      return refuse(reply.failure);
    default:
      return refuse(unavailable());
  }
}

/** The leader was not told of the token, so one that may be lost must stay as it is: its bearer is told with the next query. */
function moveForward(c: EdgeContext, leadership: Leadership, position: Position): void {
  const session = c.get('session');
  const seen = session.need(leadership.partition);
  if (seen !== null && mayBeLost(leadership, seen, position)) return;
  session.moveForward(leadership.partition, position);
}
