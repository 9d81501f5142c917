import { type Position } from '../../../shared/position.ts';
import { Branches } from './branches.ts';
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
  /** The entries that were made and not lost again before they were durable, in the order in which they were made. */
  readonly made: readonly EventOf<'append'>[];
  /** Those of them that are on the chain that is looked at, in the log's order. Where nothing else is said, it is that of the newest epoch. */
  readonly entries: readonly EventOf<'append'>[];
  readonly branches: Branches;
  readonly finals: readonly Final[];
}

export function gather(history: readonly HistoryEvent[]): Facts {
  const byKind = new Map<EventKind, HistoryEvent[]>();
  const operations = new Map<number, Operation>();
  const made = new Made();
  for (const [place, event] of history.entries()) {
    const kind = event.event;
    const others = byKind.get(kind);
    if (others === undefined) byKind.set(kind, [event]);
    else others.push(event);
    made.see(event);
    switch (kind) {
      case 'invoke':
        operations.set(event.op, { invoke: event, invokedAt: place, end: null, endedAt: Infinity });
        break;
      case 'ok':
      case 'fail':
      case 'info':
        endOperation(operations, event, place);
        break;
      default:
    }
  }
  const of = <K extends EventKind>(kind: K) => (byKind.get(kind) ?? []) as unknown as readonly EventOf<K>[];
  const branches = new Branches(of('failover'));
  const { entries } = made;
  const kept = entriesOn(branches, branches.newest, entries);
  return { history, of, operations, made: entries, entries: kept, branches, finals: of('final') };
}

/** In the log's order. */
export function entriesOn(
  branches: Branches,
  epoch: number,
  made: readonly EventOf<'append'>[],
): EventOf<'append'>[] {
  const there = epoch === 0 ? [...made] : made.filter(({ position }) => branches.isOn(epoch, position));
  return there.toSorted((a, b) => a.position.lsn - b.position.lsn);
}

/** An operation ends once: what comes after is not what its client was told. */
function endOperation(operations: Map<number, Operation>, end: Timed<Ok | Fail | Info>, place: number): void {
  const known = operations.get(end.op);
  if (known?.end !== null) return;
  operations.set(end.op, { ...known, end, endedAt: place });
}

/**
 * The entries that were made. What a leader appended and had not made durable when it crashed is gone: nobody saw it, and
 * its LSN is free again. What was durable stays, also where a boot shows that it is gone.
 */
class Made {
  readonly #entries: { readonly append: EventOf<'append'>; isGone: boolean }[] = [];
  /** By replica: what it made that is not durable yet. */
  readonly #open = new Map<string, { readonly append: EventOf<'append'>; isGone: boolean }[]>();

  get entries(): EventOf<'append'>[] {
    return this.#entries.filter(({ isGone }) => !isGone).map(({ append }) => append);
  }

  see(event: HistoryEvent): void {
    switch (event.event) {
      case 'append': {
        const entry = { append: event, isGone: false };
        this.#entries.push(entry);
        this.#open.set(event.replica, [...(this.#open.get(event.replica) ?? []), entry]);
        break;
      }
      case 'durable':
        this.#open.set(
          event.replica,
          this.#openOf(event.replica).filter(({ append }) => isBefore(event.position, append.position)),
        );
        break;
      case 'boot':
        for (const entry of this.#openOf(event.replica))
          entry.isGone ||= isBefore(event.position, entry.append.position);
        this.#open.set(
          event.replica,
          this.#openOf(event.replica).filter(({ isGone }) => !isGone),
        );
        break;
      default:
    }
  }

  #openOf(replica: string) {
    return this.#open.get(replica) ?? [];
  }
}

/** Whether clocks go wrong by more than leases allow for. What rests on leases is not asked for then. */
export function areLeasesVoid(facts: Facts): boolean {
  return facts.of('beyond-leases').length > 0;
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

/** By epoch first: right for two positions of one replica, and of one chain. */
export function isBefore(a: Position, b: Position): boolean {
  return a.epoch === b.epoch ? a.lsn < b.lsn : a.epoch < b.epoch;
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
