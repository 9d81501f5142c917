import { present } from '../shared/assert.ts';
import { Refusal } from '../shared/failure.ts';
import type { Position } from '../shared/position.ts';
import type { ReplicaRef } from '../shared/protocol/assignment.ts';
import type { ReplicaAnswer } from '../shared/protocol/messages.ts';
import type { ReplicaRpc } from '../shared/protocol/rpc.ts';
import type { DatabaseRecord } from '../shared/protocol/directory.ts';
import type { Ask, Reply, Routing, Turn } from '../shared/routing/asks.ts';
import { Avoided } from '../shared/routing/avoided.ts';
import { within } from './deadline.ts';
import type { EdgeContext } from './env.ts';
import { isOverload, logUnexpected } from './failure.ts';
import { InFlight } from './in-flight.ts';
import { forgetRecord, lookUp, recentRecord } from './records.ts';
import { suspect, SUSPECT_MS } from './suspicion.ts';

// For as long as the isolate lives, and of no other isolate.
const inFlight = new InFlight();
const avoided = new Avoided();

export function isAvoided({ name }: ReplicaRef): boolean {
  return avoided.has(name, Date.now());
}

/**
 * Does what a routing (shared/routing/) asks for, until it ends.
 * @throws Refusal as the routing does, and where a database that is looked up is gone or its directory is out of reach
 */
export async function follow<T>(c: EdgeContext, user: string | null, routing: Routing<T>): Promise<T> {
  let step = routing.next();
  while (step.done !== true) step = routing.next(await turnOf(c, user, step.value));
  return step.value;
}

async function turnOf(c: EdgeContext, user: string | null, asks: readonly Ask[]): Promise<Turn> {
  const replies = await Promise.all(asks.map((ask) => replyTo(c, user, ask)));
  return { replies, now: Date.now() };
}

async function replyTo(c: EdgeContext, user: string | null, ask: Ask): Promise<Reply> {
  // Outside of the guard below: that there is no such database is an answer.
  if (ask.kind === 'look-up') return lookUpAgain(c, ask);
  try {
    return await perform(c, user, ask);
  } catch (error) {
    logUnexpected(c, error);
    return { kind: isOverload(error) ? 'overloaded' : 'lost' };
  }
}

async function lookUpAgain(
  c: EdgeContext,
  { database, mayBeRecent, timeout_ms }: Extract<Ask, { kind: 'look-up' }>,
): Promise<Reply> {
  const recent = mayBeRecent ? recentRecord(database, Date.now()) : undefined;
  if (recent !== undefined) return { kind: 'record', record: recent };
  forgetRecord(database);
  try {
    return { kind: 'record', record: await lookUp(c, database, timeout_ms) };
  } catch (error) {
    if (error instanceof Refusal && error.failure.code === 'database-not-found') throw error;
    return { kind: 'lost' };
  }
}

async function perform(
  c: EdgeContext,
  user: string | null,
  ask: Exclude<Ask, { kind: 'look-up' }>,
): Promise<Reply> {
  switch (ask.kind) {
    case 'read':
      return admitted(c, ask, (replica) => replica.read(ask.request));
    case 'execute':
      return execute(c, ask);
    case 'reapply':
      return admitted(c, ask, (replica) => {
        c.set('mayHaveApplied', true);
        return replica.reapply(ask.request);
      });
    case 'seen': {
      const seen = await within(ask.timeout_ms, userSession(c, ask.record, user).seen());
      return { kind: 'seen', positions: positionsIn(seen, ask.partition) };
    }
    case 'advance': {
      const { partition, position } = ask;
      await within(ask.timeout_ms, userSession(c, ask.record, user).advance(partition, position));
      return { kind: 'advanced' };
    }
    case 'rewind': {
      const { partition, loss } = ask;
      const session = userSession(c, ask.record, user);
      await within(ask.timeout_ms, session.rewind(partition, loss.lost, loss.instead));
      return { kind: 'rewound' };
    }
    case 'pause':
      await new Promise((resolve) => setTimeout(resolve, ask.ms));
      return { kind: 'paused' };
    case 'suspect':
      suspect(c, ask.database, ask.suspicion);
      return { kind: 'suspected' };
    case 'avoid':
      avoided.add(ask.replica.name, Date.now());
      return { kind: 'avoided' };
    case 'forget':
      forgetRecord(ask.database);
      return { kind: 'forgotten' };
  }
}

/** A leader that takes long is suspected while it is waited for: a request to one that is gone would wait for its whole time before anybody is told. */
async function execute(c: EdgeContext, ask: Extract<Ask, { kind: 'execute' }>): Promise<Reply> {
  const { request, mayWrite, suspicion, database } = ask;
  const answered = admitted(c, ask, (replica) => {
    if (mayWrite) c.set('mayHaveApplied', true);
    return replica.execute(request);
  });
  if (suspicion === null) return answered;
  const timer = setTimeout(() => suspect(c, database, suspicion), SUSPECT_MS);
  return answered.finally(() => clearTimeout(timer));
}

/** Asks a replica that has not too much to do already; else it is not asked at all. */
async function admitted(
  c: EdgeContext,
  { to, timeout_ms }: { readonly to: ReplicaRef; readonly timeout_ms: number },
  call: (replica: ReplicaRpc) => Promise<ReplicaAnswer>,
): Promise<Reply> {
  const slot = inFlight.enter(to.name, Date.now(), timeout_ms);
  if (slot === null) return { kind: 'overloaded' };
  try {
    const replica = c.env.REPLICA.getByName(to.name, { locationHint: to.region });
    return { kind: 'answered', answer: await within(timeout_ms, call(replica)) };
  } finally {
    inFlight.leave(to.name, slot);
  }
}

/** In the order in which the session has them. */
function positionsIn(seen: readonly (readonly [number, Position])[], partition: number): Position[] {
  return seen.flatMap(([one, position]) => (one === partition ? [position] : []));
}

/** The object that holds a user's session with this database, and with no later one of its name. */
function userSession(c: EdgeContext, { incarnation }: DatabaseRecord, user: string | null) {
  return c.env.SESSION.getByName(`${incarnation}/${present(user, 'the user whose session is asked')}`);
}
