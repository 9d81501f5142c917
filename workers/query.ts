import { base64urlnopad } from '@scure/base';

import { refuse } from '../shared/failure.ts';
import type { Position } from '../shared/position.ts';
import type { Leadership } from '../shared/protocol/assignment.ts';
import { parseQueryBody } from '../shared/protocol/bodies.ts';
import { isRead } from '../shared/protocol/classify.ts';
import type { DatabaseRecord, Misdirected, ReplicaAnswer, RequestId } from '../shared/protocol/messages.ts';
import { answerJson } from './answer.ts';
import { readBody } from './body.ts';
import type { EdgeContext } from './env.ts';
import { unavailable } from './failure.ts';
import { readOptions } from './options.ts';
import { placeOf } from './placement.ts';
import { read } from './read.ts';
import { databaseName, forgetRecord, knownRecord, lookUp } from './records.ts';
import type { Job, Work } from './work.ts';
import { write } from './write.ts';

/** Runs SQL: a read at the nearest replica that is fresh enough, anything else at the leader. */
export async function query(c: EdgeContext): Promise<Response> {
  const database = databaseName(c);
  // The session first: from here on, whatever is wrong with the request, the answer carries a token.
  const record = await openSession(c, database);
  const work = await readWork(c);
  return answer(c, await perform(work, record));
}

/**
 * A token that does not fit what the isolate remembers may be of a database made anew under the name. Nobody
 * else would tell: no replica is asked before the token is found good, so its owner would be refused for ever.
 */
async function openSession(c: EdgeContext, database: string): Promise<DatabaseRecord> {
  const session = c.get('session');
  const known = knownRecord(database);
  if (known !== undefined && session.tryOpen(known)) return known;
  const record = await lookUp(c, database);
  session.open(record);
  return record;
}

async function readWork(c: EdgeContext): Promise<Work> {
  const { raw } = c.req;
  const options = readOptions(raw.headers);
  const place = placeOf(c.env, raw);
  const { text, bytes } = await readBody(raw);
  const statements = parseQueryBody(text);
  return {
    c,
    options,
    place,
    statements,
    isRead: isRead(statements),
    request: options.idempotencyKey === null ? null : await requestId(options.idempotencyKey, bytes),
  };
}

async function requestId(id: string, body: Uint8Array): Promise<RequestId> {
  const hash = await crypto.subtle.digest('SHA-256', body);
  return { id, fingerprint: base64urlnopad.encode(new Uint8Array(hash)) };
}

/** A leader that says it is not one has applied nothing: the record was stale, so it is looked up again, once. */
async function perform(work: Work, record: DatabaseRecord): Promise<Served> {
  const served = await performAt(work, record);
  if (!isMisdirected(served.answer)) return served;
  forgetRecord(record.database);
  const fresh = await lookUp(work.c, record.database);
  // A database made anew under the old name is another database: the token that came is not its own.
  work.c.get('session').open(fresh);
  return performAt(work, fresh);
}

interface Served {
  readonly leadership: Leadership;
  readonly answer: ReplicaAnswer;
}

async function performAt(work: Work, record: DatabaseRecord): Promise<Served> {
  const [leadership] = record.partitions;
  if (leadership === undefined) return refuse(unavailable());
  const job: Job = { ...work, record, leadership, need: work.c.get('session').need(leadership.partition) };
  const served = work.isRead ? await read(job) : await write(job, { route: 'leader', waited_ms: 0 });
  return { leadership, answer: served };
}

function isMisdirected(reply: ReplicaAnswer): reply is Misdirected {
  return reply.kind === 'unassigned' || reply.kind === 'not-leader' || reply.kind === 'unknown-version';
}

function answer(c: EdgeContext, { leadership, answer: reply }: Served): Response {
  const position: Position | null = 'position' in reply ? reply.position : null;
  if (position !== null) c.get('session').moveForward(leadership.partition, position);
  switch (reply.kind) {
    case 'done':
      return answerJson(c, reply.body);
    case 'failed':
      return refuse(reply.failure);
    case 'behind':
      return refuse({
        code: 'behind',
        detail:
          'No replica reached the position that the session token asks for in time, and the leader did not answer. ' +
          'Try again, or allow more time with `Prefer: wait=SECONDS`.',
      });
    default:
      return refuse(unavailable());
  }
}
