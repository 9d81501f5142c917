import { present } from '../shared/assert.ts';
import type { Position } from '../shared/position.ts';
import type { ReplicaRef } from '../shared/protocol/assignment.ts';
import type { DatabaseRecord, ReplicaAnswer, ReplicaRpc } from '../shared/protocol/messages.ts';
import type { Ask, Reply, Routing, Turn } from '../shared/routing/asks.ts';
import { Avoided } from '../shared/routing/avoided.ts';
import { within } from './deadline.ts';
import type { EdgeContext } from './env.ts';
import { isOverload, logUnexpected } from './failure.ts';
import { InFlight } from './in-flight.ts';
import { forgetRecord, lookUp } from './records.ts';

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
  if (ask.kind === 'look-up') {
    forgetRecord(ask.database);
    return { kind: 'record', record: await lookUp(c, ask.database) };
  }
  try {
    return await perform(c, user, ask);
  } catch (error) {
    logUnexpected(c, error);
    return { kind: isOverload(error) ? 'overloaded' : 'lost' };
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
      return admitted(c, ask, (replica) => {
        if (ask.mayWrite) c.set('mayHaveApplied', true);
        return replica.execute(ask.request);
      });
    case 'seen': {
      const seen = await within(ask.timeout_ms, userSession(c, ask.record, user).seen());
      return { kind: 'seen', position: positionIn(seen, ask.partition) };
    }
    case 'advance': {
      const { partition, position } = ask;
      await within(ask.timeout_ms, userSession(c, ask.record, user).advance(partition, position));
      return { kind: 'advanced' };
    }
    case 'avoid':
      avoided.add(ask.replica.name, Date.now());
      return { kind: 'avoided' };
    case 'forget':
      forgetRecord(ask.database);
      return { kind: 'forgotten' };
  }
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

function positionIn(seen: readonly (readonly [number, Position])[], partition: number): Position | null {
  return seen.find(([one]) => one === partition)?.[1] ?? null;
}

/** The object that holds a user's session with this database, and with no later one of its name. */
function userSession(c: EdgeContext, { incarnation }: DatabaseRecord, user: string | null) {
  return c.env.SESSION.getByName(`${incarnation}/${present(user, 'the user whose session is asked')}`);
}
