import { comparePositions, type Position } from '../../../shared/position.ts';
import type { Append, Fail, Final, HistoryEvent, Info, Invoke, Ok } from '../history.ts';

/** An event of a history and its place in it: of two events, the one with the lower place came first. */
export type At<T> = T & { readonly t: number; readonly place: number };

export interface Operation {
  readonly invoke: At<Invoke>;
  /** Null for one that never ended. */
  readonly end: At<Ok | Fail | Info> | null;
}

/** A history, read once for all predicates. */
export interface Facts {
  readonly history: readonly At<HistoryEvent>[];
  readonly operations: ReadonlyMap<number, Operation>;
  /** The entries that were made and not lost again before they were durable, in the log's order. */
  readonly entries: readonly Append[];
  readonly finals: readonly Final[];
}

export function gather(events: readonly HistoryEvent[]): Facts {
  const history = events.map((event, place) => ({ ...event, place }));
  return {
    history,
    operations: operationsOf(history),
    entries: entriesOf(history),
    finals: history.filter((event) => event.event === 'final'),
  };
}

function operationsOf(history: readonly At<HistoryEvent>[]): Map<number, Operation> {
  const operations = new Map<number, Operation>();
  for (const event of history) {
    if (event.event === 'invoke') operations.set(event.op, { invoke: event, end: null });
    if (event.event !== 'ok' && event.event !== 'fail' && event.event !== 'info') continue;
    const known = operations.get(event.op);
    if (known !== undefined) operations.set(event.op, { ...known, end: known.end ?? event });
  }
  return operations;
}

/** What a leader appended and had not made durable when it crashed is gone: nobody saw it, and its LSN is free again. */
function entriesOf(history: readonly At<HistoryEvent>[]): Append[] {
  let entries: Append[] = [];
  for (const event of history) {
    if (event.event === 'append') entries.push(event);
    if (event.event === 'boot' && event.role === 'leader') {
      entries = entries.filter(({ position }) => comparePositions(position, event.position) <= 0);
    }
  }
  return entries;
}

/** What one predicate has to say: a sentence for each place where it does not hold. */
export type Predicate = (facts: Facts) => Iterable<string>;

/** The operations that ended ok and are `kind`, in the order in which they were invoked. */
export function* succeeded(
  facts: Facts,
  kind: 'read' | 'write',
): Generator<{ invoke: At<Invoke>; end: At<Ok> }> {
  for (const { invoke, end } of facts.operations.values()) {
    if (end?.event === 'ok' && invoke.does.kind === kind) yield { invoke, end };
  }
}

export function isBefore(a: Position, b: Position): boolean {
  return comparePositions(a, b) < 0;
}
