import { base64urlnopad } from '@scure/base';

import { refuse } from '../shared/failure.ts';
import type { Position } from '../shared/position.ts';
import { parseQueryBody } from '../shared/protocol/bodies.ts';
import { isRead } from '../shared/protocol/classify.ts';
import type { RequestId } from '../shared/protocol/messages.ts';
import type { DatabaseRecord } from '../shared/protocol/directory.ts';
import type { Served } from '../shared/routing/asks.ts';
import { unavailable } from '../shared/routing/failures.ts';
import type { Work } from '../shared/routing/job.ts';
import { lossIn } from '../shared/routing/loss.ts';
import { route } from '../shared/routing/route.ts';
import { answerJson } from './answer.ts';
import { readBody } from './body.ts';
import type { EdgeContext } from './env.ts';
import { type QueryOptions, readOptions } from './options.ts';
import { candidatesOf, placeOf, sparesOf } from './placement.ts';
import { databaseName, knownRecord, lookUp, recordOf } from './records.ts';
import { follow, isAvoided } from './follow.ts';

/** Runs SQL: a read at the nearest replica that is fresh enough, anything else at the leader. */
export async function query(c: EdgeContext): Promise<Response> {
  const database = databaseName(c);
  // The session first: from here on, whatever is wrong with the request, the answer carries a token.
  const record = await openSession(c, database);
  const options = readOptions(c.req.raw.headers);
  const work = await readWork(c, options, record);
  return answer(c, await follow(c, options.user, route(work, record)));
}

/**
 * A token that does not fit what the isolate remembers may be of a database made anew under the name. Nobody
 * else would tell: no replica is asked before the token is found good, so its owner would be refused for ever.
 */
async function openSession(c: EdgeContext, database: string): Promise<DatabaseRecord> {
  const session = c.get('session');
  const known = knownRecord(database) ?? (await recordOf(c, database));
  if (session.tryOpen(known)) return known;
  const record = await lookUp(c, database);
  session.open(record);
  return record;
}

async function readWork(c: EdgeContext, options: QueryOptions, record: DatabaseRecord): Promise<Work> {
  const { raw } = c.req;
  const place = placeOf(c.env, raw);
  const { text, bytes } = await readBody(raw);
  const statements = parseQueryBody(text);
  const chooser = {
    affinity: () => options.user ?? c.get('session').idOr(c.get('requestId')),
    isAvoided,
  };
  const { idempotencyKey, user, consistency, staleness_ms_max, wait_ms, hold_ms, durability } = options;
  return {
    statements,
    isRead: isRead(statements),
    consistency,
    staleness_ms_max,
    wait_ms,
    hold_ms,
    durability,
    user,
    request: idempotencyKey === null ? null : await requestId(idempotencyKey, bytes),
    // Not from before the body was read: a slow upload is no wait for a position.
    now: Date.now(),
    candidatesOf: (leadership) => candidatesOf(place, leadership, chooser),
    sparesOf: (leadership) => sparesOf(place, leadership, chooser),
    needOf: (current, partition) => {
      // A database made anew under the old name is another database: the token that came is not its own.
      if (current !== record) c.get('session').open(current);
      return c.get('session').need(partition);
    },
  };
}

async function requestId(id: string, body: Uint8Array): Promise<RequestId> {
  const hash = await crypto.subtle.digest('SHA-256', body);
  return { id, fingerprint: base64urlnopad.encode(new Uint8Array(hash)) };
}

function answer(c: EdgeContext, { leadership, answer: reply }: Served): Response {
  const position: Position | null = 'position' in reply ? reply.position : null;
  const loss = lossIn(reply);
  if (loss !== null) c.get('session').rewind(leadership.partition, loss);
  else if (position !== null) c.get('session').moveForward(leadership.partition, position);
  switch (reply.kind) {
    case 'done':
      return answerJson(c, reply.body);
    case 'failed':
      return refuse(reply.failure);
    default:
      return refuse(unavailable());
  }
}
