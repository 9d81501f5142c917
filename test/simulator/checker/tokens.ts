import { laterOf, type Position, showPosition } from '../../../shared/position.ts';
import type { HistoryEvent, LostOf } from '../history.ts';
import type { Branches } from './branches.ts';
import { areLeasesVoid, type Facts, isBefore, once, type Operation, succeeded } from './facts.ts';
import { type Told, toldOf } from './told.ts';

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
 * What a session was told to be lost does not count any more, from then on.
 */
const following = once((facts: Facts): readonly Follows[] => {
  const sessions = new Map<string, Seen>();
  const writesOf = new Map<string, Position>();
  const before = new Map<number, Seen>();
  const found: Follows[] = [];
  const told = toldOf(facts);
  for (const event of facts.history) {
    if (event.event === 'invoke') {
      const seen = sessions.get(event.session) ?? NOTHING;
      const user = event.user ?? null;
      const written = user === null ? undefined : writesOf.get(user);
      // What another device of the user wrote, reads must see; a write after it is one at the leader, whatever was lost between.
      const isBound = written !== undefined && event.does.kind === 'read';
      before.set(event.op, isBound ? { ...seen, write: later(seen.write, written) } : seen);
    }
    if (event.event !== 'ok' && event.event !== 'fail' && event.event !== 'info') continue;
    const operation = facts.operations.get(event.op);
    if (operation === undefined) continue;
    const { invoke } = operation;
    if (event.event !== 'ok') {
      if (!event.lost) continue;
      const setBack = setBackTo(event.lost.instead, facts.branches);
      const { read, write } = sessions.get(invoke.session) ?? NOTHING;
      sessions.set(invoke.session, { read: setBack(read), write: setBack(write) });
      continue;
    }
    const { position, op, token } = event;
    const { kind } = invoke.does;
    const asked = before.get(op) ?? NOTHING;
    const untold = (seen: Position | null) => (seen === null || told.hasHeard(operation, seen) ? null : seen);
    if (invoke.consistency !== 'eventual')
      found.push({ op, position, kind, seen: { read: untold(asked.read), write: untold(asked.write) } });
    // Where another device of the session has moved its token on to another branch, it holds nothing of this one.
    if (token !== null && !facts.branches.holds(token, position)) continue;
    const seen = sessions.get(invoke.session) ?? NOTHING;
    sessions.set(invoke.session, { ...seen, [kind]: later(seen[kind], position) });
    const user = invoke.user ?? null;
    if (user !== null && kind === 'write') writesOf.set(user, later(writesOf.get(user) ?? null, position));
  }
  return found;
});

function setBackTo(instead: Position, branches: Branches): (seen: Position | null) => Position | null {
  return (seen) => (seen === null || branches.isKept(seen) ? seen : instead);
}

function later(known: Position | null, position: Position): Position {
  return known === null ? position : laterOf(known, position);
}

function* behind(facts: Facts, kind: Kind, earlier: Kind): Generator<string> {
  for (const { op, position, kind: itsKind, seen } of following(facts)) {
    const least = seen[earlier];
    if (itsKind !== kind || least === null || facts.branches.holds(position, least)) continue;
    yield `${kind} ${op} is at ${showPosition(position)}, without its session's ${earlier} at ${showPosition(least)}`;
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

/**
 * Every answer's token is at or beyond what it answers and what came with the request: an error's too. Only what a session was
 * told to be lost goes from it; and where another of its devices has come to a newer epoch meanwhile, the token stays there.
 */
export function* T7(facts: Facts): Generator<string> {
  yield* refusedWithoutToken(facts);
  const told = toldOf(facts);
  for (const operation of facts.operations.values()) {
    const { invoke, end } = operation;
    if (end === null) continue;
    const { token } = end;
    const loss = end.event === 'ok' ? null : (end.lost ?? null);
    if (loss !== null && token !== null && isWithin(token, loss))
      yield `operation ${invoke.op} was told of a loss, and its token still names ${showPosition(token)}`;
    // Where it is a loss of what the user's other devices had seen, this one's token stays where it is.
    const given = end.event === 'info' || loss !== null ? null : end.position;
    // Another of its devices has moved the token on, along an older epoch or to a newer one: there it stays, and this position is not in it.
    const isMoved =
      given !== null && token !== null && given.epoch !== token.epoch && !isSame(token, invoke.need);
    for (const least of [invoke.need, isMoved ? null : given]) {
      if (least === null || told.hasHeard(operation, least)) continue;
      if (token === null || !facts.branches.holds(token, least)) {
        yield `${end.event} of operation ${invoke.op} does not carry a token that has seen ${showPosition(least)}`;
      }
    }
  }
}

function isSame(a: Position, b: Position | null): boolean {
  return a.epoch === b?.epoch && a.lsn === b.lsn;
}

function isWithin({ epoch, lsn }: Position, lost: LostOf): boolean {
  return epoch === lost.epoch && lsn >= lost.from_lsn && lsn <= lost.to_lsn;
}

/**
 * A token on a branch that was cut off is never satisfied: neither by comparing LSNs, nor by a newer epoch. Who presents it is told what was lost,
 * and nobody is told so of what was not.
 */
export function* T8(facts: Facts): Generator<string> {
  const { branches } = facts;
  const told = toldOf(facts);
  yield* servedThoughLost(facts, told);
  for (const operation of succeeded(facts, 'read')) yield* untoldAt(facts, operation, told);
  for (const operation of succeeded(facts, 'write')) yield* untoldAt(facts, operation, told);
  for (const { op, lost } of [...facts.of('fail'), ...facts.of('info')]) {
    if (!lost) continue;
    const seen = { epoch: lost.epoch, lsn: lost.to_lsn } as Position;
    if (branches.isKept(seen))
      yield `operation ${op} was told that ${showPosition(seen)} is lost, and it is not`;
    const kept = { epoch: lost.epoch, lsn: lost.from_lsn } as Position;
    if (branches.isKept(kept))
      yield `operation ${op} was told that ${showPosition(kept)} is lost, and it is not`;
  }
}

/** Of an eventual read, only what its replica had to know is asked. */
function* untoldAt(facts: Facts, operation: Operation, told: Told): Generator<string> {
  const { invoke, end } = operation;
  const { need, op } = invoke;
  if (invoke.consistency === 'eventual' || need === null || end?.event !== 'ok') return;
  if (facts.branches.isOn(end.position.epoch, need) || told.hasHeard(operation, need)) return;
  yield `operation ${op} needed ${showPosition(need)}, and was answered at ${showPosition(end.position)}, on another branch`;
}

/** By replicas that knew of an epoch which had cut it off. */
function* servedThoughLost(facts: Facts, told: Told): Generator<string> {
  const epochs = new Map<string, number>();
  for (const event of facts.history) {
    if (event.event === 'assigned') epochs.set(event.replica, event.epoch);
    if (event.event !== 'ack') continue;
    const operation = facts.operations.get(event.op);
    const epoch = epochs.get(event.replica);
    const need = operation?.invoke.need ?? null;
    if (operation === undefined || epoch === undefined || need === null || need.epoch >= epoch) continue;
    if (facts.branches.isOn(epoch, need) || told.hasHeard(operation, need)) continue;
    yield `${event.replica}, in epoch ${epoch}, served operation ${event.op}, whose session had seen ${showPosition(need)}, which was lost`;
  }
}

/**
 * A leader refuses a write at a state that has everything from before it was asked, and says so: the session must find
 * there what the refusal rests on.
 */
function* refusedWithoutToken(facts: Facts): Generator<string> {
  if (areLeasesVoid(facts)) return;
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
  const told = toldOf(facts);
  for (const operation of succeeded(facts, 'read')) {
    const { invoke, end } = operation;
    if (invoke.consistency === 'eventual' || invoke.need === null) continue;
    if (told.hasHeard(operation, invoke.need)) continue;
    if (isBefore(end.position, invoke.need) && facts.branches.isOn(end.position.epoch, invoke.need)) {
      yield `read ${invoke.op} needed ${showPosition(invoke.need)}, and was given rows of ${showPosition(end.position)}`;
    }
  }
}
