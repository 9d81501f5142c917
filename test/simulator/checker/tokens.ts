import { isAtLeast, laterOf, type Position, showPosition } from '../../../shared/position.ts';
import type { HistoryEvent } from '../history.ts';
import { type Facts, isBefore, once, type Operation, succeeded } from './facts.ts';

type Kind = 'read' | 'write';

interface Follows {
  readonly op: number;
  readonly position: Position;
  readonly kind: Kind;
  /** The greatest positions that were seen before it was invoked, by the kind of operation that saw them. */
  readonly seen: Seen;
}

interface Seen {
  readonly read: Position | null;
  readonly write: Position | null;
}

const NOTHING: Seen = { read: null, write: null };

/**
 * Each operation that ended ok and was to be consistent, with what its session had seen before it was invoked: on
 * any device, for they share the token. Where they name a user, the writes of the user's other devices count too.
 */
const following = once((facts: Facts): readonly Follows[] => {
  const sessions = new Map<string, Seen>();
  const writesOf = new Map<string, Position>();
  const before = new Map<number, Seen>();
  const found: Follows[] = [];
  for (const event of facts.history) {
    if (event.event === 'invoke') {
      const seen = sessions.get(event.session) ?? NOTHING;
      const user = event.user ?? null;
      const written = user === null ? undefined : writesOf.get(user);
      before.set(event.op, written === undefined ? seen : { ...seen, write: later(seen.write, written) });
    }
    if (event.event !== 'ok') continue;
    const invoke = facts.operations.get(event.op)?.invoke;
    if (invoke === undefined) continue;
    const { position, op } = event;
    const { kind } = invoke.does;
    if (invoke.consistency !== 'eventual')
      found.push({ op, position, kind, seen: before.get(op) ?? NOTHING });
    const seen = sessions.get(invoke.session) ?? NOTHING;
    sessions.set(invoke.session, { ...seen, [kind]: later(seen[kind], position) });
    const user = invoke.user ?? null;
    if (user !== null && kind === 'write') writesOf.set(user, later(writesOf.get(user) ?? null, position));
  }
  return found;
});

function later(known: Position | null, position: Position): Position {
  return known === null ? position : laterOf(known, position);
}

function* behind(facts: Facts, kind: Kind, earlier: Kind): Generator<string> {
  for (const { op, position, kind: itsKind, seen } of following(facts)) {
    const least = seen[earlier];
    if (itsKind !== kind || least === null || isAtLeast(position, least)) continue;
    yield `${kind} ${op} is at ${showPosition(position)}, behind its session's ${earlier} at ${showPosition(least)}`;
  }
}

/** Read your writes. */
export function T1(facts: Facts): Iterable<string> {
  return behind(facts, 'read', 'write');
}

/** Monotonic reads. */
export function T2(facts: Facts): Iterable<string> {
  return behind(facts, 'read', 'read');
}

/** Monotonic writes. */
export function T3(facts: Facts): Iterable<string> {
  return behind(facts, 'write', 'write');
}

/** Writes follow reads. */
export function T4(facts: Facts): Iterable<string> {
  return behind(facts, 'write', 'read');
}

/** Every answer's token is at or beyond what it answers and what came with the request: an error's too. */
export function* T7(facts: Facts): Generator<string> {
  yield* refusedWithoutToken(facts);
  for (const { invoke, end } of facts.operations.values()) {
    if (end === null) continue;
    const given = end.event === 'info' ? null : end.position;
    for (const least of [invoke.need, given]) {
      if (least === null) continue;
      if (end.token === null || isBefore(end.token, least)) {
        yield `${end.event} of operation ${invoke.op} does not carry a token that has seen ${showPosition(least)}`;
      }
    }
  }
}

/**
 * A leader refuses a write at a state that has everything from before it was asked, and says so: the session must find
 * there what the refusal rests on.
 */
function* refusedWithoutToken(facts: Facts): Generator<string> {
  const kept = new Set<HistoryEvent>(facts.entries);
  const before = new Map<number, Position>();
  let latest: Position | null = null;
  for (const event of facts.history) {
    if (event.event === 'append' && kept.has(event)) latest = event.position;
    if (event.event === 'invoke' && event.does.kind === 'write' && latest !== null)
      before.set(event.op, latest);
    if (event.event !== 'fail' || (event.code !== 'constraint' && event.code !== 'sql-error')) continue;
    const least = before.get(event.op);
    if (least !== undefined && (event.token === null || isBefore(event.token, least)))
      yield `write ${event.op} was refused at ${showPosition(least)} or later, and its token has not seen that`;
  }
}

/** A timer's granularity, and what a clock's rate may add to it. */
const TIMER_MS = 2;
/** The most by which a clock may go too slow. */
const CLOCK_RATE = 0.01;

/** How much longer an operation may take because its client's clock goes too slow, or stood still. */
function allowance(facts: Facts, { invoke, end }: Operation): number {
  const pauses = facts
    .of('pause')
    .filter(({ t, replica }) => replica === invoke.client && t <= (end?.t ?? Infinity));
  return invoke.bound_ms * CLOCK_RATE + pauses.reduce((sum, { ms }) => sum + ms, 0);
}

/** Waiting is bounded, and ends in the leader or an error, never in rows older than the token asked for. */
export function* T9(facts: Facts): Generator<string> {
  for (const operation of facts.operations.values()) {
    const { invoke, end } = operation;
    const ms = (end?.t ?? Infinity) - invoke.t;
    if (ms <= invoke.bound_ms) continue;
    if (ms > invoke.bound_ms + allowance(facts, operation))
      yield `operation ${invoke.op} took ${ms} ms, and may take ${invoke.bound_ms}`;
  }
  for (const { replica, op, ms, allowed_ms } of facts.of('waited')) {
    if (ms > allowed_ms + TIMER_MS)
      yield `${replica} let read ${op} wait ${ms} ms, and was allowed ${allowed_ms}`;
  }
  for (const { invoke, end } of succeeded(facts, 'read')) {
    if (invoke.consistency === 'eventual' || invoke.need === null) continue;
    if (isBefore(end.position, invoke.need)) {
      yield `read ${invoke.op} needed ${showPosition(invoke.need)}, and was given rows of ${showPosition(end.position)}`;
    }
  }
}
