/** What one committed operation does to what reads can see. */
export type Effect =
  | readonly ['set', key: string, value: number]
  /** Only where the register holds `from`. */
  | readonly ['compare-and-set', key: string, from: number, to: number]
  | readonly ['item', op: number]
  /** Takes out the items whose number divided by `divisor` leaves `rest`. */
  | readonly ['remove', divisor: number, rest: number]
  | readonly ['move', from: number, to: number, amount: number];

/** What a read looks at; statements.ts has the SQL. */
export type View = 'registers' | 'items' | 'accounts';

export const ACCOUNTS = 4;
export const BALANCE = 100;

/** The tables as they must be after some entries: what the real ones are compared with. */
export class Model {
  readonly #registers = new Map<string, number>();
  #items: number[] = [];
  readonly #accounts: number[] = Array.from({ length: ACCOUNTS }, () => BALANCE);

  /** False where the effect could not have happened here. */
  apply(effect: Effect): boolean {
    switch (effect[0]) {
      case 'set':
        this.#registers.set(effect[1], effect[2]);
        return true;
      case 'compare-and-set': {
        const [, key, from, to] = effect;
        if (this.#registers.get(key) !== from) return false;
        this.#registers.set(key, to);
        return true;
      }
      case 'item':
        if (this.#items.includes(effect[1])) return false;
        this.#items.push(effect[1]);
        return true;
      case 'remove': {
        const [, divisor, rest] = effect;
        this.#items = this.#items.filter((op) => op % divisor !== rest);
        return true;
      }
      case 'move': {
        const [, from, to, amount] = effect;
        this.#accounts[from] = (this.#accounts[from] ?? 0) - amount;
        this.#accounts[to] = (this.#accounts[to] ?? 0) + amount;
        return (this.#accounts[from] ?? 0) >= 0;
      }
    }
  }

  view(view: View): unknown[][] {
    switch (view) {
      case 'registers':
        return [...this.#registers].toSorted(([a], [b]) => (a < b ? -1 : 1));
      case 'items':
        return this.#items.map((op) => [op]);
      case 'accounts':
        return this.#accounts.map((balance, id) => [id, balance]);
    }
  }
}
