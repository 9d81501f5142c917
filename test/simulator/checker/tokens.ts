import { isAtLeast, laterOf, type Position, showPosition } from '../../../shared/position.ts';
import { type Facts, isBefore, succeeded } from './facts.ts';

type Kind = 'read' | 'write';

interface Follows {
  readonly op: number;
  readonly position: Position;
  /** The greatest position of the session's earlier operations of the kind asked for; null where there is none. */
  readonly seen: Position | null;
}

/**
 * Each operation of `kind` that ended ok, with what its session had seen before it was invoked from operations of
 * kind `earlier`: on any device, for they share the token.
 */
function* following(facts: Facts, kind: Kind, earlier: Kind): Generator<Follows> {
  const seen = new Map<string, Position>();
  const before = new Map<number, Position | null>();
  for (const event of facts.history) {
    if (event.event === 'invoke') before.set(event.op, seen.get(event.session) ?? null);
    if (event.event !== 'ok') continue;
    const invoke = facts.operations.get(event.op)?.invoke;
    if (invoke === undefined) continue;
    const { position, op } = event;
    if (invoke.does.kind === kind && invoke.consistency !== 'eventual')
      yield { op, position, seen: before.get(op) ?? null };
    if (invoke.does.kind === earlier)
      seen.set(invoke.session, laterOf(seen.get(invoke.session) ?? position, position));
  }
}

function* behind(facts: Facts, kind: Kind, earlier: Kind): Generator<string> {
  for (const { op, position, seen } of following(facts, kind, earlier)) {
    if (seen === null || isAtLeast(position, seen)) continue;
    yield `${kind} ${op} is at ${showPosition(position)}, behind its session's ${earlier} at ${showPosition(seen)}`;
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

/** Waiting is bounded, and ends in the leader or an error, never in rows older than the token asked for. */
export function* T9(facts: Facts): Generator<string> {
  for (const { invoke, end } of facts.operations.values()) {
    const ms = (end?.t ?? Infinity) - invoke.t;
    if (ms > invoke.bound_ms) yield `operation ${invoke.op} took ${ms} ms, and may take ${invoke.bound_ms}`;
  }
  for (const event of facts.history) {
    if (event.event !== 'waited' || event.ms <= event.allowed_ms) continue;
    yield `${event.replica} let read ${event.op} wait ${event.ms} ms, and was allowed ${event.allowed_ms}`;
  }
  for (const { invoke, end } of succeeded(facts, 'read')) {
    if (invoke.consistency === 'eventual' || invoke.need === null) continue;
    if (isBefore(end.position, invoke.need)) {
      yield `read ${invoke.op} needed ${showPosition(invoke.need)}, and was given rows of ${showPosition(end.position)}`;
    }
  }
}
