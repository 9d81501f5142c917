/** An edge from one node to another, and why. */
export interface Edge {
  readonly to: number;
  readonly kind: EdgeKind;
  readonly list: string | null;
}

/** `ww`: appended before. `wr`: was seen by. `rw`: did not see. `session`: was over before. `then`: no more than a link. */
export type EdgeKind = 'ww' | 'wr' | 'rw' | 'session' | 'then';

export interface Step extends Edge {
  readonly from: number;
}

/** Nodes are numbers from 0. */
export class Graph {
  readonly #edges: Edge[][] = [];

  addNode(): number {
    return this.#edges.push([]) - 1;
  }

  addEdge(from: number, edge: Edge): void {
    if (from !== edge.to) this.#edges[from]?.push(edge);
  }

  /** A shortest cycle, or null. */
  cycle(): readonly Step[] | null {
    const left = this.#onCycles();
    let shortest: readonly Step[] | null = null;
    for (const node of left) {
      const found = this.#cycleThrough(node, left);
      if (found !== null && found.length < (shortest?.length ?? Infinity)) shortest = found;
    }
    return shortest;
  }

  /** The nodes that remain when those that nothing leads to are taken away, again and again: none without a cycle. */
  #onCycles(): ReadonlySet<number> {
    const incoming = new Int32Array(this.#edges.length);
    for (const edges of this.#edges) for (const { to } of edges) incoming[to] = (incoming[to] ?? 0) + 1;
    const free: number[] = [];
    const left = new Set(this.#edges.keys());
    for (const [node, count] of incoming.entries()) if (count === 0) free.push(node);
    for (let node = free.pop(); node !== undefined; node = free.pop()) {
      left.delete(node);
      for (const { to } of this.#edges[node] ?? []) {
        const count = (incoming[to] ?? 0) - 1;
        incoming[to] = count;
        if (count === 0) free.push(to);
      }
    }
    return left;
  }

  /** Breadth first, so that what comes back to `start` first came the shortest way. */
  #cycleThrough(start: number, among: ReadonlySet<number>): readonly Step[] | null {
    const reached = new Map<number, Step>();
    const queue = [start];
    for (const from of queue) {
      for (const edge of this.#edges[from] ?? []) {
        if (!among.has(edge.to) || reached.has(edge.to)) continue;
        reached.set(edge.to, { from, ...edge });
        if (edge.to === start) return backFrom(start, reached);
        queue.push(edge.to);
      }
    }
    return null;
  }
}

function backFrom(start: number, reached: ReadonlyMap<number, Step>): readonly Step[] {
  const steps: Step[] = [];
  let step = reached.get(start);
  while (step !== undefined) {
    steps.unshift(step);
    step = step.from === start ? undefined : reached.get(step.from);
  }
  return steps;
}
