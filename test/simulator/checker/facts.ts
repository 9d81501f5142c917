import { comparePositions, type Position } from '../../../shared/position.ts';
import type { Fail, Final, HistoryEvent, Info, Invoke, Ok } from '../history.ts';

export type EventKind = HistoryEvent['event'];
export type EventOf<K extends EventKind> = Extract<HistoryEvent, { readonly event: K }>;

type Timed<T> = T & { readonly t: number };

/** Places are those in the history: of two events, the one with the lower place came first. */
export interface Operation {
  readonly invoke: Timed<Invoke>;
  readonly invokedAt: number;
  /** Null for one that never ended. */
  readonly end: Timed<Ok | Fail | Info> | null;
  /** Infinity for one that never ended. */
  readonly endedAt: number;
}

export type Succeeded = Operation & { readonly end: Timed<Ok> };

/**
 * A history, read once for all predicates. A predicate over one kind of event asks for those alone: there are
 * some twenty predicates, and if each read everything, checking would take as long as the simulation.
 */
export interface Facts {
  readonly history: readonly HistoryEvent[];
  /** The events of one kind, in order. */
  readonly of: <K extends EventKind>(kind: K) => readonly EventOf<K>[];
  /** In the order in which they were invoked. */
  readonly operations: ReadonlyMap<number, Operation>;
  /** The entries that were made and not lost again before they were durable, in the log's order. */
  readonly entries: readonly EventOf<'append'>[];
  readonly finals: readonly Final[];
}

export function gather(history: readonly HistoryEvent[]): Facts {
  const byKind = new Map<EventKind, HistoryEvent[]>();
  const operations = new Map<number, Operation>();
  const entries: EventOf<'append'>[] = [];
  for (const [place, event] of history.entries()) {
    const kind = event.event;
    const others = byKind.get(kind);
    if (others === undefined) byKind.set(kind, [event]);
    else others.push(event);
    switch (kind) {
      case 'invoke':
        operations.set(event.op, { invoke: event, invokedAt: place, end: null, endedAt: Infinity });
        break;
      case 'ok':
      case 'fail':
      case 'info':
        endOperation(operations, event, place);
        break;
      case 'append':
        entries.push(event);
        break;
      case 'boot':
        if (event.role === 'leader') forgetAfter(entries, event.position);
        break;
      default:
    }
  }
  const of = <K extends EventKind>(kind: K) => (byKind.get(kind) ?? []) as unknown as readonly EventOf<K>[];
  return { history, of, operations, entries, finals: of('final') };
}

/** An operation ends once: what comes after is not what its client was told. */
function endOperation(operations: Map<number, Operation>, end: Timed<Ok | Fail | Info>, place: number): void {
  const known = operations.get(end.op);
  if (known?.end !== null) return;
  operations.set(end.op, { ...known, end, endedAt: place });
}

/** What a leader appended and had not made durable when it crashed is gone: nobody saw it, and its LSN is free again. */
function forgetAfter(entries: EventOf<'append'>[], position: Position): void {
  for (let last = entries.at(-1); last !== undefined; last = entries.at(-1)) {
    if (comparePositions(last.position, position) <= 0) return;
    entries.pop();
  }
}

/** What one predicate has to say: a sentence for each place where it does not hold. */
export type Predicate = (facts: Facts) => Iterable<string>;

/** What several predicates need of one history, made when the first of them asks. */
export function once<T>(make: (facts: Facts) => T): (facts: Facts) => T {
  const made = new WeakMap<Facts, { readonly value: T }>();
  return (facts) => {
    const known = made.get(facts) ?? { value: make(facts) };
    made.set(facts, known);
    return known.value;
  };
}

/** The operations that ended ok and are `kind`, in the order in which they were invoked. */
export function* succeeded(facts: Facts, kind: 'read' | 'write'): Generator<Succeeded> {
  for (const operation of facts.operations.values()) {
    if (hasSucceeded(operation) && operation.invoke.does.kind === kind) yield operation;
  }
}

export function hasSucceeded(operation: Operation): operation is Succeeded {
  return operation.end?.event === 'ok';
}

export function isBefore(a: Position, b: Position): boolean {
  return comparePositions(a, b) < 0;
}

/** A map whose keys are positions. Strings made of them would be most of a check's time. */
export class ByPosition<T> {
  readonly #epochs = new Map<number, Map<number, T>>();

  get({ epoch, lsn }: Position): T | undefined {
    return this.#epochs.get(epoch)?.get(lsn);
  }

  set({ epoch, lsn }: Position, value: T): void {
    let ofEpoch = this.#epochs.get(epoch);
    if (ofEpoch === undefined) this.#epochs.set(epoch, (ofEpoch = new Map()));
    ofEpoch.set(lsn, value);
  }
}
