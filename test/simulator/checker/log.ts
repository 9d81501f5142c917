import { HASH_OF_NOTHING } from '../../../shared/log/entry.ts';
import { type Position, showPosition } from '../../../shared/position.ts';
import { type Facts, isBefore, succeeded } from './facts.ts';

/** Dense: a replica applies n + 1 after n, and wakes where it durably was. */
export function* I1(facts: Facts): Generator<string> {
  const at = new Map<string, number>();
  const durable = new Map<string, number>();
  for (const event of facts.history) {
    if (event.event === 'durable') durable.set(event.replica, event.position.lsn);
    if (event.event === 'append' || event.event === 'apply') {
      const { replica, position } = event;
      if (position.lsn !== (at.get(replica) ?? 0) + 1)
        yield `${replica} has ${position.lsn} after ${at.get(replica) ?? 0}`;
      at.set(replica, position.lsn);
    }
    if (event.event === 'boot') {
      const { replica, position, after } = event;
      const expected = (after === 'rollback' ? at : durable).get(replica) ?? 0;
      if (position.lsn !== expected)
        yield `${replica} woke after ${after} at ${position.lsn}, and was at ${expected}`;
      at.set(replica, position.lsn);
    }
    if (event.event === 'final') {
      const { replica, position, log } = event;
      const isDense = log.every(([, lsn], i) => lsn === i + 1) && log.length === position.lsn;
      if (!isDense) yield `the log of ${replica} is not every LSN up to ${position.lsn}, once`;
    }
  }
}

/** Chain: each entry names the hash of the one before it. */
export function* I2(facts: Facts): Generator<string> {
  const last = new Map<string, string>();
  for (const event of facts.history) {
    if (event.event === 'apply') {
      const { replica, position, hash, previous } = event;
      const expected = last.get(`${replica} ${position.lsn - 1}`) ?? HASH_OF_NOTHING;
      if (previous !== expected)
        yield `${replica} applied ${showPosition(position)}, which does not follow what it has`;
      last.set(`${replica} ${position.lsn}`, hash);
    }
    if (event.event !== 'final') continue;
    for (const [i, [epoch, lsn, , previous]] of event.log.entries()) {
      const expected = event.log[i - 1]?.[2] ?? HASH_OF_NOTHING;
      if (previous !== expected)
        yield `in the log of ${event.replica}, ${epoch}:${lsn} does not name the hash of the one before it`;
    }
  }
}

/** Epochs never go down along the log. */
export function* I3(facts: Facts): Generator<string> {
  for (const { replica, log } of facts.finals) {
    for (const [i, [epoch, lsn]] of log.entries()) {
      if (epoch < (log[i - 1]?.[0] ?? 0))
        yield `in the log of ${replica}, the epoch goes down at ${epoch}:${lsn}`;
    }
  }
}

/** One (epoch, LSN) names one entry, everywhere and for ever. */
export function* I4(facts: Facts): Generator<string> {
  const known = new Map<string, string>();
  const differs = (position: string, hash: string): boolean => {
    const isOther = (known.get(position) ?? hash) !== hash;
    known.set(position, hash);
    return isOther;
  };
  for (const event of facts.history) {
    if (event.event === 'apply' && differs(showPosition(event.position), event.hash)) {
      yield `${event.replica} applied another entry as ${showPosition(event.position)}`;
    }
    if (event.event === 'send' && differs(showPosition(event.last), event.hash)) {
      yield `${event.replica} sent another entry as ${showPosition(event.last)}`;
    }
    if (event.event !== 'final') continue;
    for (const [epoch, lsn, hash] of event.log) {
      if (differs(`${epoch}:${lsn}`, hash)) yield `${event.replica} holds another entry as ${epoch}:${lsn}`;
    }
  }
}

/** What is acknowledged, sent or read was durable at that replica before, and an acknowledged write stays. */
export function* I7(facts: Facts): Generator<string> {
  const durable = new Map<string, Position>();
  for (const event of facts.history) {
    if (event.event === 'boot' || event.event === 'durable') durable.set(event.replica, event.position);
    if (event.event !== 'ack' && event.event !== 'send') continue;
    const position = event.event === 'ack' ? event.position : event.last;
    const has = durable.get(event.replica);
    if (has === undefined || isBefore(has, position)) {
      yield `${showPosition(position)} left ${event.replica} before it was durable there`;
    }
  }
  const appended = new Set(
    facts.history.flatMap((event) => (event.event === 'append' && event.op !== null ? [event.op] : [])),
  );
  const kept = new Map(facts.entries.map(({ op, position }) => [op, position]));
  for (const { end } of succeeded(facts, 'write')) {
    if (!appended.has(end.op)) continue;
    const position = kept.get(end.op);
    if (position === undefined) yield `operation ${end.op} is acknowledged, and its entry is lost`;
    else if (position.lsn !== end.position.lsn)
      yield `operation ${end.op} is acknowledged at another position than its own`;
  }
}

/** Every entry belongs to one invoked operation. */
export function* I8(facts: Facts): Generator<string> {
  const invoked = new Set<number>();
  for (const event of facts.history) {
    if (event.event === 'invoke') invoked.add(event.op);
    if (event.event === 'append' && (event.op === null || !invoked.has(event.op))) {
      yield `nobody asked for ${showPosition(event.position)}`;
    }
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
  const byKey = new Map<string, number>();
  for (const { op } of facts.entries) {
    const operation = op === null ? undefined : facts.operations.get(op);
    const does = operation?.invoke.does;
    const key = (does?.kind === 'write' ? does.key : null) ?? `operation ${op}`;
    byKey.set(key, (byKey.get(key) ?? 0) + 1);
  }
  for (const [key, entries] of byKey) if (entries > 1) yield `${key} is ${entries} entries`;

  const answers = new Map<string, string>();
  for (const event of facts.history) {
    if (event.event !== 'ack' || event.key === null) continue;
    if ((answers.get(event.key) ?? event.body) !== event.body)
      yield `${event.key} was given two different answers`;
    answers.set(event.key, event.body);
  }
}
