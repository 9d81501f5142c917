import type { Facts, Operation } from './facts.ts';
import { type EdgeKind, Graph, type Step } from './graph.ts';
import type { Lists } from './lists.ts';

/** One thing that had to come before another, and why. */
interface Dependency {
  readonly from: Operation;
  readonly to: Operation;
  readonly kind: EdgeKind;
  readonly list: string | null;
}

/**
 * Which operation had to come before which: by the order of each list, by who saw whom, and by session. As Adya and
 * Elle draw it.
 */
export class Dependencies {
  readonly #lists: Lists;
  readonly #graph = new Graph();
  readonly #nodes = new Map<Operation, number>();
  /** By node; null for one that only links others, so that "all of these before all of those" needs few edges. */
  readonly #operations: (Operation | null)[] = [];

  constructor(facts: Facts, lists: Lists) {
    this.#lists = lists;
    for (const [list, appends] of lists.appends) this.#orderList(list, appends);
    this.#orderSessions(facts);
  }

  /** A shortest one in words, or null. */
  cycle(): string | null {
    const steps = this.#graph.cycle();
    if (steps === null) return null;
    const dependencies = fromFirst(this.#between(steps));
    return `${nameOf(dependencies)}: ${dependencies.map(inWords).join('; ')}`;
  }

  #orderList(list: string, appends: ReadonlyMap<unknown, Operation>): void {
    const seen = this.#lists.longest.get(list)?.values ?? [];
    const beyond = this.#addNode(null);
    this.#join(appends.get(seen.at(-1)), beyond, 'ww', list);
    for (const writer of unseen(appends, seen)) this.#join(beyond, writer, 'then', list);
    for (const [i, value] of seen.entries())
      if (i > 0) this.#join(appends.get(seen[i - 1]), appends.get(value), 'ww', list);
    for (const { read, values } of this.#lists.reads.get(list) ?? []) {
      this.#join(appends.get(values.at(-1)), read, 'wr', list);
      const next = values.length < seen.length ? appends.get(seen[values.length]) : beyond;
      this.#join(read, next, 'rw', list);
    }
  }

  /**
   * What was over before another operation of its session was invoked had to come before it. What ended unknown may
   * yet happen, so nothing comes after it; and an eventual read asks for no order.
   */
  #orderSessions(facts: Facts): void {
    const over = new Map<string, number>();
    for (const event of facts.history) {
      if (event.event !== 'invoke' && event.event !== 'ok') continue;
      const operation = facts.operations.get(event.op);
      if (operation === undefined || !this.#nodes.has(operation)) continue;
      const { session, consistency } = operation.invoke;
      if (consistency === 'eventual') continue;
      // Another device of the session was told of a loss meanwhile, and the token was not moved past it: nothing rests on what this one saw.
      if (event.event === 'ok' && (event.token?.epoch ?? 0) < event.position.epoch) continue;
      const before = over.get(session);
      if (event.event === 'invoke') {
        this.#join(before, operation, 'then', null);
      } else {
        const after = this.#addNode(null);
        this.#join(before, after, 'then', null);
        this.#join(operation, after, 'session', null);
        over.set(session, after);
      }
    }
  }

  #join(
    from: Operation | number | undefined,
    to: Operation | number | undefined,
    kind: EdgeKind,
    list: string | null,
  ): void {
    if (from === undefined || to === undefined) return;
    this.#graph.addEdge(this.#nodeOf(from), { to: this.#nodeOf(to), kind, list });
  }

  #nodeOf(what: Operation | number): number {
    if (typeof what === 'number') return what;
    return this.#nodes.get(what) ?? this.#addNode(what);
  }

  #addNode(operation: Operation | null): number {
    const node = this.#graph.addNode();
    this.#operations.push(operation);
    if (operation !== null) this.#nodes.set(operation, node);
    return node;
  }

  /** The steps of a cycle from operation to operation. A link has the meaning of the edge that led to it. */
  #between(steps: readonly Step[]): Dependency[] {
    const first = steps.findIndex(({ from }) => this.#operations[from] !== null);
    const found: Dependency[] = [];
    let begun: { readonly from: Operation; readonly kind: EdgeKind; readonly list: string | null } | null =
      null;
    for (const { from, to, kind, list } of [...steps.slice(first), ...steps.slice(0, first)]) {
      const operation = this.#operations[from] ?? null;
      if (operation !== null) begun = { from: operation, kind, list };
      const reached = this.#operations[to] ?? null;
      if (begun !== null && reached !== null) found.push({ ...begun, to: reached });
    }
    return found;
  }
}

/** A cycle has no beginning: told from its first operation, it is told the same way each time. */
function fromFirst(cycle: readonly Dependency[]): Dependency[] {
  const first = Math.min(...cycle.map(({ from }) => from.invoke.op));
  const i = cycle.findIndex(({ from }) => from.invoke.op === first);
  return [...cycle.slice(i), ...cycle.slice(0, i)];
}

/**
 * Those that no read of this list saw: they come after all that the longest read saw, if they happened. Did they not,
 * then nothing comes after them and they are on no cycle.
 */
function unseen(appends: ReadonlyMap<unknown, Operation>, values: readonly unknown[]): Operation[] {
  const seen = new Set(values);
  return [...appends].flatMap(([value, writer]) => (seen.has(value) ? [] : [writer]));
}

/** Adya's names. */
function nameOf(dependencies: readonly Dependency[]): string {
  const count = (kind: EdgeKind) => dependencies.filter((dependency) => dependency.kind === kind).length;
  const bySession = count('session') > 0 ? ' by session' : '';
  if (count('rw') > 1) return `G2${bySession}`;
  if (count('rw') === 1) return `G-single${bySession}`;
  return `${count('wr') > 0 ? 'G1c' : 'G0'}${bySession}`;
}

function inWords({ from, to, kind, list }: Dependency): string {
  const [a, b] = [from, to].map(({ invoke }) => `${invoke.does.kind} ${invoke.op}`);
  switch (kind) {
    case 'ww':
      return `${a} is before ${b} in list ${list}`;
    case 'wr':
      return `${b} saw ${a} in list ${list}`;
    case 'rw':
      return `${a} did not see ${b} in list ${list}`;
    default:
      return `${a} was over before ${b} of its session`;
  }
}
