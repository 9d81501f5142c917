import { present } from '../shared/assert.ts';
import type { Position } from '../shared/position.ts';
import type { DatabaseRecord } from '../shared/protocol/messages.ts';
import type { Ask, Reply, Routing, Turn } from '../shared/routing/asks.ts';
import { within } from './deadline.ts';
import type { EdgeContext } from './env.ts';
import { isOverload, logUnexpected } from './failure.ts';
import { forgetRecord, lookUp } from './records.ts';

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
    case 'read': {
      const { name, region } = ask.to;
      const stub = c.env.REPLICA.getByName(name, { locationHint: region });
      return { kind: 'answered', answer: await within(ask.timeout_ms, stub.read(ask.request)) };
    }
    case 'execute': {
      const { name, region } = ask.to;
      if (ask.mayWrite) c.set('mayHaveApplied', true);
      const stub = c.env.REPLICA.getByName(name, { locationHint: region });
      return { kind: 'answered', answer: await within(ask.timeout_ms, stub.execute(ask.request)) };
    }
    case 'seen': {
      const seen = await within(ask.timeout_ms, userSession(c, ask.record, user).seen());
      return { kind: 'seen', position: positionIn(seen, ask.partition) };
    }
    case 'advance': {
      const { partition, position } = ask;
      await within(ask.timeout_ms, userSession(c, ask.record, user).advance(partition, position));
      return { kind: 'advanced' };
    }
    case 'forget':
      forgetRecord(ask.database);
      return { kind: 'forgotten' };
  }
}

function positionIn(seen: readonly (readonly [number, Position])[], partition: number): Position | null {
  return seen.find(([one]) => one === partition)?.[1] ?? null;
}

/** The object that holds a user's session with this database, and with no later one of its name. */
function userSession(c: EdgeContext, { incarnation }: DatabaseRecord, user: string | null) {
  return c.env.SESSION.getByName(`${incarnation}/${present(user, 'the user whose session is asked')}`);
}
