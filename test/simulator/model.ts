import { unreachable } from '../../shared/assert.ts';

/** What one committed operation does to what reads can see. */
export type Effect =
  | readonly ['set', key: string, value: number]
  /** Only where the register holds `from`. */
  | readonly ['compare-and-set', key: string, from: number, to: number]
  | readonly ['append', list: string, value: number]
  | readonly ['item', op: number]
  /** Takes out the items whose number divided by `divisor` leaves `rest`. */
  | readonly ['remove', divisor: number, rest: number]
  | readonly ['move', from: number, to: number, amount: number]
  | readonly ['ask', n: number]
  /** Only where `n` was asked, once. */
  | readonly ['answer', n: number]
  /** Rows numbered from `from`: the first batch of an import, or what follows the batch before it. */
  | readonly ['bulk', from: number, count: number]
  | readonly ['clear', what: 'bulk'];

/** What a read looks at; workloads/views.ts has the SQL. */
export type View = 'registers' | 'lists' | 'items' | 'accounts' | 'pairs' | 'bulk';

export type ViewRows = readonly (readonly (string | number)[])[];

export const ACCOUNTS = 4;
export const BALANCE = 100;
/** The rows of one import are numbered from its first operation's number times this. */
export const IMPORT_ROWS_MAX = 1_000;

/** The tables as they must be after some entries: what the real ones are compared with. */
export class Model {
  readonly #registers = new Map<string, [string, number]>();
  readonly #lists: [string, number][] = [];
  #items: [number][] = [];
  readonly #accounts: [number, number][] = Array.from({ length: ACCOUNTS }, (_, id) => [id, BALANCE]);
  readonly #pairs: [number, 'question' | 'answer'][] = [];
  readonly #asked = new Set<number>();
  readonly #answered = new Set<number>();
  readonly #bulk = { count: 0, sum: 0 };
  /** By import, the number of the row that comes next. */
  readonly #imports = new Map<number, number>();

  /** False where the effect could not have happened here. */
  apply(effect: Effect): boolean {
    switch (effect[0]) {
      case 'set':
        return this.#set(effect[1], effect[2]);
      case 'compare-and-set':
        return this.#registers.get(effect[1])?.[1] === effect[2] && this.#set(effect[1], effect[3]);
      case 'append':
        this.#lists.push([effect[1], effect[2]]);
        return true;
      case 'item':
        return this.#item(effect[1]);
      case 'remove':
        this.#items = this.#items.filter(([op]) => op % effect[1] !== effect[2]);
        return true;
      case 'move':
        return this.#add(effect[2], effect[3]) && this.#add(effect[1], -effect[3]);
      case 'ask':
        this.#pairs.push([effect[1], 'question']);
        return isNew(this.#asked, effect[1]);
      case 'answer':
        this.#pairs.push([effect[1], 'answer']);
        return isNew(this.#answered, effect[1]) && this.#asked.has(effect[1]);
      case 'bulk':
        return this.#import(effect[1], effect[2]);
      case 'clear':
        this.#bulk.count = 0;
        this.#bulk.sum = 0;
        return true;
      default:
        return unreachable(effect);
    }
  }

  /** To be read before the next `apply`. */
  view(view: View): ViewRows {
    switch (view) {
      case 'registers':
        return [...this.#registers.values()].toSorted(([a], [b]) => (a < b ? -1 : 1));
      case 'lists':
        return this.#lists;
      case 'items':
        return this.#items;
      case 'accounts':
        return this.#accounts;
      case 'pairs':
        return this.#pairs;
      case 'bulk':
        return [[this.#bulk.count, this.#bulk.sum]];
      default:
        return unreachable(view);
    }
  }

  #set(key: string, value: number): true {
    this.#registers.set(key, [key, value]);
    return true;
  }

  #item(op: number): boolean {
    const isThere = this.#items.some(([other]) => other === op);
    if (!isThere) this.#items.push([op]);
    return !isThere;
  }

  #add(id: number, amount: number): boolean {
    const account = this.#accounts[id];
    if (account === undefined) return false;
    account[1] += amount;
    return account[1] >= 0;
  }

  #import(from: number, count: number): boolean {
    const first = from - (from % IMPORT_ROWS_MAX);
    const next = this.#imports.get(first) ?? first;
    this.#imports.set(first, from + count);
    this.#bulk.count += count;
    this.#bulk.sum += count * from + (count * (count - 1)) / 2;
    return next === from;
  }
}

function isNew(known: Set<number>, n: number): boolean {
  const before = known.size;
  return known.add(n).size > before;
}

/** Value by value: a read's rows are those of the model, or not. */
export function areSameRows(some: readonly (readonly unknown[])[], others: ViewRows): boolean {
  if (some.length !== others.length) return false;
  for (let i = 0; i < others.length; i += 1) {
    const row = some[i];
    const other = others[i];
    if (row === undefined || other === undefined || row.length !== other.length) return false;
    for (let j = 0; j < other.length; j += 1) if (row[j] !== other[j]) return false;
  }
  return true;
}
