import { type Facts, hasSucceeded, type Operation, type Succeeded, succeeded } from './facts.ts';

/** What one read saw of one list, in order. */
export interface ListRead {
  readonly read: Succeeded;
  readonly list: string;
  readonly values: readonly unknown[];
}

/** Who appended what, and who saw it, by list. */
export interface Lists {
  /** By value. A value is appended once; a failed operation is here too, so that it is known who never was. */
  readonly appends: ReadonlyMap<string, ReadonlyMap<unknown, Operation>>;
  readonly reads: ReadonlyMap<string, readonly ListRead[]>;
  /** The read that saw most: every other read must have seen a beginning of it. */
  readonly longest: ReadonlyMap<string, ListRead>;
}

export function listsOf(facts: Facts): Lists {
  const appends = new Map<string, Map<unknown, Operation>>();
  for (const operation of facts.operations.values()) {
    for (const [list, value] of appendsOf(operation)) {
      let ofList = appends.get(list);
      if (ofList === undefined) appends.set(list, (ofList = new Map()));
      ofList.set(value, operation);
    }
  }
  const all = [...succeeded(facts, 'read')].flatMap((read) => readsOf(read, appends.keys()));
  const longest = new Map<string, ListRead>();
  for (const read of all) {
    if (read.values.length > (longest.get(read.list)?.values.length ?? 0)) longest.set(read.list, read);
  }
  return { appends, reads: Map.groupBy(all, ({ list }) => list), longest };
}

export function appendsOf({ invoke }: Operation): (readonly [list: string, value: number])[] {
  if (invoke.does.kind !== 'write') return [];
  return invoke.does.effects.flatMap((effect) =>
    effect[0] === 'append' ? [[effect[1], effect[2]] as const] : [],
  );
}

/** A read sees every list: one that is not among its rows was empty. */
function readsOf(read: Succeeded, known: Iterable<string>): ListRead[] {
  const seen = valuesByList(read);
  if (seen === null) return [];
  const lists = new Set([...known, ...seen.keys()]);
  return [...lists].map((list) => ({ read, list, values: seen.get(list) ?? [] }));
}

/** Null for what is no read of the lists that ended ok. */
export function valuesByList(operation: Operation): Map<string, unknown[]> | null {
  const { does } = operation.invoke;
  if (!hasSucceeded(operation) || does.kind !== 'read' || !does.views.includes('lists')) return null;
  const seen = new Map<string, unknown[]>();
  for (const row of operation.end.rows?.[does.views.indexOf('lists')] ?? []) {
    const list = String(row[0]);
    const values = seen.get(list);
    if (values === undefined) seen.set(list, [row[1]]);
    else values.push(row[1]);
  }
  return seen;
}
