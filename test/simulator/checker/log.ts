import { HASH_OF_NOTHING } from '../../../shared/log/entry.ts';
import { toEpoch, toLsn } from '../../../shared/lsn.ts';
import { type Position, showPosition } from '../../../shared/position.ts';
import type { Append } from '../history.ts';
import { copiesAlong } from './copies.ts';
import { ByPosition, type Facts, isBefore, succeeded } from './facts.ts';

/** Dense: a replica applies n + 1 after n, and wakes where it durably was. */
export function* I1(facts: Facts): Generator<string> {
  const at = new Map<string, number>();
  const durable = new Map<string, number>();
  for (const event of facts.history) {
    switch (event.event) {
      case 'durable':
      case 'copied':
        durable.set(event.replica, event.position.lsn);
        break;
      case 'copy-begins':
      case 'copy-piece':
      case 'install': {
        const { replica, position } = event;
        const last = at.get(replica) ?? 0;
        if (event.event !== 'copy-begins' && position.lsn < last)
          yield `${replica} copied rows of ${position.lsn} after those of ${last}`;
        at.set(replica, position.lsn);
        break;
      }
      case 'erased':
        at.delete(event.replica);
        durable.delete(event.replica);
        break;
      case 'append':
      case 'apply': {
        const { replica, position } = event;
        const last = at.get(replica) ?? 0;
        if (position.lsn !== last + 1) yield `${replica} has ${position.lsn} after ${last}`;
        at.set(replica, position.lsn);
        break;
      }
      case 'boot': {
        const { replica, position, after } = event;
        const expected = (after === 'rollback' ? at : durable).get(replica) ?? 0;
        if (position.lsn !== expected)
          yield `${replica} woke after ${after} at ${position.lsn}, and was at ${expected}`;
        at.set(replica, position.lsn);
        break;
      }
      default:
    }
  }
  for (const { replica, position, log, start } of facts.finals) {
    const isDense =
      log.every(([, lsn], i) => lsn === start.lsn + i + 1) && start.lsn + log.length === position.lsn;
    if (!isDense)
      yield `the log of ${replica} is not every LSN after ${start.lsn} and up to ${position.lsn}, once`;
  }
}

/** Chain: each entry names the hash of the one before it. */
export function* I2(facts: Facts): Generator<string> {
  const chains = new Map<string, Map<number, string>>();
  const chainOf = (replica: string) => {
    const chain = chains.get(replica) ?? new Map<number, string>();
    chains.set(replica, chain);
    return chain;
  };
  for (const event of facts.history) {
    if (event.event === 'install') chainOf(event.replica).set(event.position.lsn, event.hash);
    if (event.event !== 'apply') continue;
    const { replica, position, hash, previous } = event;
    const chain = chainOf(replica);
    if (previous !== (chain.get(position.lsn - 1) ?? HASH_OF_NOTHING))
      yield `${replica} applied ${showPosition(position)}, which does not follow what it has`;
    chain.set(position.lsn, hash);
  }
  for (const { replica, log, start } of facts.finals) {
    let last: string = start.hash;
    for (const [epoch, lsn, hash, previous] of log) {
      if (previous !== last)
        yield `in the log of ${replica}, ${epoch}:${lsn} does not name the hash of the one before it`;
      last = hash;
    }
  }
}

/** Epochs never go down along the log. */
export function* I3(facts: Facts): Generator<string> {
  for (const { replica, log } of facts.finals) {
    let last = 0;
    for (const [epoch, lsn] of log) {
      if (epoch < last) yield `in the log of ${replica}, the epoch goes down at ${epoch}:${lsn}`;
      last = epoch;
    }
  }
}

/** One (epoch, LSN) names one entry, everywhere and for ever. */
export function* I4(facts: Facts): Generator<string> {
  const known = new ByPosition<string>();
  const differs = (position: Position, hash: string): boolean => {
    const first = known.get(position);
    if (first === undefined) known.set(position, hash);
    return first !== undefined && first !== hash;
  };
  for (const { replica, position, hash } of facts.of('apply')) {
    if (differs(position, hash)) yield `${replica} applied another entry as ${showPosition(position)}`;
  }
  for (const { replica, last, hash } of facts.of('send')) {
    if (differs(last, hash)) yield `${replica} sent another entry as ${showPosition(last)}`;
  }
  for (const { replica, position, hash } of facts.of('install')) {
    if (differs(position, hash))
      yield `${replica} was installed after another entry as ${showPosition(position)}`;
  }
  for (const { replica, log } of facts.finals) {
    for (const [epoch, lsn, hash] of log) {
      const position = { epoch: toEpoch(epoch), lsn: toLsn(lsn) };
      if (differs(position, hash)) yield `${replica} holds another entry as ${showPosition(position)}`;
    }
  }
}

/**
 * What is acknowledged, sent or read was durable at that replica before, and at as many others as the mode says that the
 * acknowledgement names, which is the one that was asked for. And an acknowledged write stays.
 */
export function* I7(facts: Facts): Generator<string> {
  yield* leftBeforeDurable(facts);
  yield* leftBeforeMet(facts);
  const lost = lostThoughDurable(facts);
  const kept = new Map(facts.entries.map(({ op, position }) => [op, position]));
  for (const { end } of succeeded(facts, 'write')) {
    const position = kept.get(end.op);
    if (position === undefined && lost.has(end.op))
      yield `operation ${end.op} is acknowledged, and its entry is lost`;
    if (position !== undefined && position.lsn !== end.position.lsn)
      yield `operation ${end.op} is acknowledged at another position than its own`;
  }
}

/**
 * The operations of entries that were durable and are gone after a boot. An entry that was not may go: its operation, when
 * it is tried again, may find other rows and make none, and say so.
 */
function lostThoughDurable(facts: Facts): Set<number | null> {
  let entries: (Append & { isDurable: boolean })[] = [];
  const lost = new Set<number | null>();
  for (const event of facts.history) {
    if (event.event === 'append') entries.push({ ...event, isDurable: false });
    if (event.event === 'durable')
      for (const entry of entries)
        entry.isDurable ||= event.replica === entry.replica && !isBefore(event.position, entry.position);
    if (event.event !== 'boot' || event.role !== 'leader') continue;
    for (const { op } of entries.filter(
      ({ position, isDurable }) => isDurable && isBefore(event.position, position),
    ))
      lost.add(op);
    entries = entries.filter(({ position }) => !isBefore(event.position, position));
  }
  return lost;
}

function* leftBeforeDurable(facts: Facts): Generator<string> {
  const durable = new Map<string, Position>();
  for (const event of facts.history) {
    switch (event.event) {
      case 'boot':
      case 'durable':
      case 'copied':
        durable.set(event.replica, event.position);
        break;
      case 'ack':
      case 'send': {
        const position = event.event === 'ack' ? event.position : event.last;
        const has = durable.get(event.replica);
        if (has === undefined || isBefore(has, position))
          yield `${showPosition(position)} left ${event.replica} before it was durable there`;
        break;
      }
      default:
    }
  }
}

function* leftBeforeMet(facts: Facts): Generator<string> {
  for (const [event, copies] of copiesAlong(facts)) {
    if (event.event !== 'ack' || event.durability === null || copies.mode === null) continue;
    const { op, position, durability } = event;
    const asked = facts.operations.get(op)?.invoke.durability ?? copies.mode;
    if (durability !== asked)
      yield `operation ${op} asked for ${asked}, and was acknowledged as ${durability}`;
    if (position.lsn > copies.met(durability))
      yield `operation ${op} was acknowledged as ${durability} at ${showPosition(position)}, and only ${copies.met(durability)} was`;
  }
}

/** Every entry belongs to one invoked operation. */
export function* I8(facts: Facts): Generator<string> {
  const invoked = new Set<number | null>();
  for (const event of facts.history) {
    if (event.event === 'invoke') invoked.add(event.op);
    else if (event.event === 'append' && !invoked.has(event.op))
      yield `nobody asked for ${showPosition(event.position)}`;
  }
  for (const { replica, log } of facts.finals) {
    if (log.length > facts.entries.length) {
      yield `the log of ${replica} has ${log.length} entries, and ${facts.entries.length} were made`;
    }
  }
}

/** fail means no. */
export function* I10(facts: Facts): Generator<string> {
  for (const { op, position } of facts.entries) {
    if (op === null) continue;
    const end = facts.operations.get(op)?.end;
    if (end?.event === 'fail')
      yield `operation ${op} failed (${end.code}), and is entry ${showPosition(position)}`;
  }
}

/** The same request id: at most one entry, and equal answers. */
export function* K1(facts: Facts): Generator<string> {
  const counts = new Map<string | number | null, number>();
  for (const { op } of facts.entries) {
    const does = op === null ? undefined : facts.operations.get(op)?.invoke.does;
    const key = (does?.kind === 'write' ? does.key : null) ?? op;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  for (const [key, entries] of counts) {
    if (entries > 1) yield `${typeof key === 'string' ? key : `operation ${key}`} is ${entries} entries`;
  }
  const answers = new Map<string, string>();
  for (const { key, body } of facts.of('ack')) {
    if (key === null) continue;
    if ((answers.get(key) ?? body) !== body) yield `${key} was given two different answers`;
    answers.set(key, body);
  }
}

/** What a refusal or a missing answer may be, where the key is another body's. */
const NOT_ASKED: ReadonlySet<string> = new Set(['behind', 'lost', 'overloaded', 'unavailable']);

/** The same request id with another body is refused. */
export function* K2(facts: Facts): Generator<string> {
  for (const { invoke, end } of facts.operations.values()) {
    if (invoke.does.kind !== 'write' || !invoke.does.reusesKey) continue;
    if (end?.event === 'ok') yield `operation ${invoke.op} was done with the key of another`;
    if (end?.event !== 'fail' || end.code === 'idempotency-conflict' || NOT_ASKED.has(end.code)) continue;
    // A durability that the database cannot give is refused before anything is looked at.
    if (invoke.durability !== null && end.code === 'invalid-request') continue;
    yield `operation ${invoke.op} had the key of another, and was told ${end.code}`;
  }
}
