import type { Facts, Operation } from './facts.ts';
import {
  lookedAtBy,
  overwrites,
  type RegisterEffect,
  type RegisterOperation,
  type RegisterWrite,
  type Value,
} from './register-operation.ts';

/**
 * What linearizability is asked of: strong reads and all writes, by register. A write that failed never happened, and
 * a read that did not end ok says nothing. Registers are independent objects, so each may be judged alone.
 */
export function registerOperations(facts: Facts): Map<string, RegisterOperation[]> {
  const keys = new Map<string, RegisterOperation[]>();
  const reads: Operation[] = [];
  for (const operation of facts.operations.values()) {
    if (isStrongRead(operation)) reads.push(operation);
    for (const [key, does] of writesOf(operation)) {
      const found = keys.get(key) ?? [];
      keys.set(key, found);
      found.push(registerOperation(operation, key, does));
    }
  }
  // A read sees every register, also one that was not there: only now is it known which there are.
  const seen = reads.map((read) => ({ read, values: valuesSeen(read) }));
  for (const { values } of seen) for (const key of values.keys()) if (!keys.has(key)) keys.set(key, []);
  for (const [key, operations] of keys) {
    const readsOfKey = seen.map(({ read, values }) =>
      registerOperation(read, key, { kind: 'read', value: values.get(key) }),
    );
    keys.set(
      key,
      [...operations, ...readsOfKey].toSorted((a, b) => a.call - b.call),
    );
  }
  return keys;
}

function registerOperation(
  operation: Operation,
  key: string,
  does: RegisterOperation['does'],
): RegisterOperation {
  const { invoke, invokedAt, end, endedAt } = operation;
  const ret = end?.event === 'ok' ? endedAt : Infinity;
  const looked = lookedAtBy(does);
  return {
    op: invoke.op,
    client: invoke.client,
    key,
    call: invokedAt,
    ret,
    does,
    looked,
    overwrites: overwrites(does),
  };
}

function isStrongRead({ invoke, end }: Operation): boolean {
  const { does, consistency } = invoke;
  return (
    consistency === 'strong' &&
    end?.event === 'ok' &&
    Boolean(end.rows) &&
    does.kind === 'read' &&
    does.views.includes('registers')
  );
}

function valuesSeen({ invoke, end }: Operation): Map<string, Value> {
  if (invoke.does.kind !== 'read' || end?.event !== 'ok') return new Map();
  const rows = end.rows?.[invoke.does.views.indexOf('registers')] ?? [];
  return new Map(rows.map(([key, value]) => [String(key), value]));
}

function writesOf(operation: Operation): Map<string, RegisterWrite> {
  const found = new Map<string, RegisterWrite>();
  const { invoke, end } = operation;
  if (invoke.does.kind !== 'write' || end?.event === 'fail') return found;
  for (const effect of invoke.does.effects) {
    if (effect[0] !== 'set' && effect[0] !== 'compare-and-set') continue;
    const before = found.get(effect[1]);
    found.set(effect[1], {
      kind: 'write',
      effects: [...(before?.effects ?? []), effect],
      matched: [...(before?.matched ?? []), hasMatched(effect, operation)],
    });
  }
  return found;
}

/** A compare-and-set that matched gives back the row that it made. */
function hasMatched(effect: RegisterEffect, { end }: Operation): boolean | null {
  if (effect[0] === 'set') return true;
  // A history in which writes did not say what they gave back.
  if (end?.event !== 'ok' || !end.rows?.length) return null;
  const [, key, , to] = effect;
  return end.rows.some((rows) => rows.some((row) => row[0] === key && row[1] === to));
}
