import { HASH_OF_NOTHING } from '../../../shared/log/entry.ts';
import { toEpoch, toLsn } from '../../../shared/lsn.ts';
import { type Position, showPosition } from '../../../shared/position.ts';
import type { Ack, Append } from '../history.ts';
import type { Branches } from './branches.ts';
import { copiesAlong } from './copies.ts';
import { ByPosition, type Facts, isBefore, type Operation, succeeded } from './facts.ts';

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
      case 'truncate': {
        const { replica, position } = event;
        const last = at.get(replica) ?? 0;
        if (position.lsn > last) yield `${replica} rolled back to ${position.lsn}, and was at ${last}`;
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
  for (const { replica, position, log, start, state } of facts.finals) {
    // What it has then is no log that goes on from anywhere: F6 says that it should not be so.
    if (state === 'installing') continue;
    const isDense =
      log.every(([, lsn], i) => lsn === start.lsn + i + 1) && start.lsn + log.length === position.lsn;
    if (!isDense)
      yield `the log of ${replica} is not every LSN after ${start.lsn} and up to ${position.lsn}, once`;
  }
}

/** Chain: each entry names the hash of the one before it. */
export function* I2(facts: Facts): Generator<string> {
  const chains = new Map<string, Map<number, string | null>>();
  const chainOf = (replica: string) => {
    const chain = chains.get(replica) ?? new Map<number, string | null>();
    chains.set(replica, chain);
    return chain;
  };
  for (const event of facts.history) {
    if (event.event === 'install') chainOf(event.replica).set(event.position.lsn, event.hash);
    // What a leader makes itself, it hashes when it needs to: the history does not say how.
    if (event.event === 'append') chainOf(event.replica).set(event.position.lsn, null);
    if (event.event !== 'apply') continue;
    const { replica, position, hash, previous } = event;
    const chain = chainOf(replica);
    const before = chain.get(position.lsn - 1);
    if (before !== null && previous !== (before ?? HASH_OF_NOTHING))
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
  const gone = goneThoughDurable(facts);
  const made = Map.groupBy(facts.made, ({ op }) => op);
  for (const { end } of succeeded(facts, 'write')) {
    if (gone.has(showPosition(end.position)))
      yield `operation ${end.op} is acknowledged, and its entry is gone from where it was durable`;
    // One that was cut off may have left nothing to do when it was tried again.
    const { branches } = facts;
    const chain = branches.isKept(end.position) ? branches.newest : end.position.epoch;
    const entries = made.get(end.op)?.filter(({ position }) => chain === 0 || branches.isOn(chain, position));
    if (entries?.every(({ position }) => !isSame(position, end.position)) && entries.length > 0)
      yield `operation ${end.op} is acknowledged at another position than its own`;
  }
}

function isSame(a: Position, b: Position): boolean {
  return a.epoch === b.epoch && a.lsn === b.lsn;
}

/**
 * The entries that were durable at whoever made them and are gone there after a boot, though nothing was rolled back. One that was not durable may go: its operation, when
 * it is tried again, may find other rows and make none, and say so.
 */
function goneThoughDurable(facts: Facts): Set<string> {
  let entries: (Append & { isDurable: boolean })[] = [];
  const gone = new Set<string>();
  for (const event of facts.history) {
    switch (event.event) {
      case 'append':
        entries.push({ ...event, isDurable: false });
        break;
      case 'durable':
        for (const entry of entries)
          entry.isDurable ||= event.replica === entry.replica && !isBefore(event.position, entry.position);
        break;
      case 'copy-begins':
        entries = entries.filter(({ replica }) => replica !== event.replica);
        break;
      case 'truncate':
        entries = entries.filter(
          ({ replica, position }) => replica !== event.replica || position.lsn <= event.position.lsn,
        );
        break;
      case 'boot':
        for (const { replica, position, isDurable } of entries)
          if (isDurable && replica === event.replica && position.lsn > event.position.lsn && !event.copying)
            gone.add(showPosition(position));
        entries = entries.filter(
          ({ replica, position }) => replica !== event.replica || position.lsn <= event.position.lsn,
        );
        break;
      default:
    }
  }
  return gone;
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
    const met = copies.metBy(event.replica, durability);
    if (position.lsn > met)
      yield `operation ${op} was acknowledged as ${durability} at ${showPosition(position)}, and only ${met} was`;
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
  for (const { replica, log, start } of facts.finals) {
    if (start.lsn + log.length > facts.entries.length) {
      yield `the log of ${replica} has ${log.length} entries, and ${facts.entries.length} were made`;
    }
  }
}

/** fail means no. */
export function* I10(facts: Facts): Generator<string> {
  for (const { op, position } of facts.made) {
    if (op === null) continue;
    const end = facts.operations.get(op)?.end;
    if (end?.event === 'fail')
      yield `operation ${op} failed (${end.code}), and is entry ${showPosition(position)}`;
  }
}

/** The same request id: at most one entry on any chain, and equal answers. After its entry was cut off, it may be another. */
export function* K1(facts: Facts): Generator<string> {
  const { branches } = facts;
  const ids = Map.groupBy(facts.made, ({ op }) => {
    const does = op === null ? undefined : facts.operations.get(op)?.invoke.does;
    return (does?.kind === 'write' ? does.key : null) ?? op;
  });
  for (const [key, entries] of ids) {
    const onOne = entries.filter(({ position }, i) =>
      entries.some((other, j) => i !== j && areOnOneChain(branches, position, other.position)),
    );
    if (onOne.length > 1)
      yield `${typeof key === 'string' ? key : `operation ${key}`} is ${onOne.length} entries`;
  }
  const answers = new Map<string, Ack[]>();
  const entriesOf = Map.groupBy(facts.made, ({ op }) => op);
  const hasEntry = ({ op, position }: Ack) =>
    entriesOf.get(op)?.some((entry) => isSame(entry.position, position)) === true;
  for (const ack of facts.of('ack')) {
    if (ack.key === null) continue;
    const others = answers.get(ack.key) ?? [];
    // An id of which there is no entry, for nothing had changed, is known to nobody but whoever answered.
    const isOther = (one: Ack) =>
      one.body !== ack.body &&
      areOnOneChain(branches, one.position, ack.position) &&
      (one.replica === ack.replica || (hasEntry(one) && hasEntry(ack)));
    if (others.some(isOther)) yield `${ack.key} was given two different answers`;
    answers.set(ack.key, [...others, ack]);
  }
}

function areOnOneChain(branches: Branches, a: Position, b: Position): boolean {
  return branches.holds(a, b) || branches.holds(b, a);
}

/** An id travels in its entry: after a failover it is unknown where that was cut off, or where there was none because nothing had changed. */
function isForgotten({ branches, made }: Facts, key: string | null, end: Operation['end']): boolean {
  if (branches.newest === 0) return false;
  const other = Number(key?.replace('key-', ''));
  const epoch = end?.event === 'ok' ? end.position.epoch : branches.newest;
  return !made.some(({ op, position }) => op === other && branches.isOn(epoch, position));
}

/** What a refusal or a missing answer may be, where the key is another body's. */
const NOT_ASKED: ReadonlySet<string> = new Set([
  'behind',
  'lost',
  'overloaded',
  'unavailable',
  'session-lost',
]);

/**
 * An id lives and goes with its entry. What is answered for it is on the chain of the epoch that the replica knows: an answer kept
 * of an entry that was rolled back is none, and an entry that stayed is found again (K1).
 */
export function* K3(facts: Facts): Generator<string> {
  const epochs = new Map<string, number>();
  for (const event of facts.history) {
    if (event.event === 'assigned') epochs.set(event.replica, event.epoch);
    if (event.event !== 'ack' || event.key === null) continue;
    const epoch = epochs.get(event.replica);
    if (epoch !== undefined && !facts.branches.isOn(epoch, event.position))
      yield `${event.replica}, in epoch ${epoch}, answered ${event.key} with ${showPosition(event.position)}, which was cut off`;
  }
}

/** The same request id with another body is refused. */
export function* K2(facts: Facts): Generator<string> {
  for (const { invoke, end } of facts.operations.values()) {
    if (invoke.does.kind !== 'write' || !invoke.does.reusesKey) continue;
    if (isForgotten(facts, invoke.does.key, end)) continue;
    if (end?.event === 'ok') yield `operation ${invoke.op} was done with the key of another`;
    if (end?.event !== 'fail' || end.code === 'idempotency-conflict' || NOT_ASKED.has(end.code)) continue;
    // A durability that the database cannot give is refused before anything is looked at.
    if (invoke.durability !== null && end.code === 'invalid-request') continue;
    yield `operation ${invoke.op} had the key of another, and was told ${end.code}`;
  }
}
