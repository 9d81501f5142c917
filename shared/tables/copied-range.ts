import type { Sql } from '../ports.ts';
import { type RowChange, SEQUENCE_TABLE } from './change.ts';
import { KeyOrder } from './key-order.ts';
import { readLayout } from './schema.ts';
import type { CopyPlace } from './snapshot.ts';

/**
 * The part of the leader's rows that a copy holds: all of every table but those in `left`, and of the first of these
 * the rows up to the key `after`. At every position that the copy passes it holds exactly the leader's rows of that part.
 */
export class CopiedRange {
  readonly #left: string[];
  #after: string | null;

  constructor(left: readonly string[], after: string | null) {
    this.#left = [...left];
    this.#after = after;
  }

  /** Null where all tables are copied. */
  get place(): Extract<CopyPlace, { kind: 'rows' }> | null {
    const [table, ...next] = this.#left;
    return table === undefined ? null : { kind: 'rows', table, after: this.#after, next };
  }

  /** The rows of the first table that is left were copied up to this key; null: all of them. */
  extend(key: string | null): void {
    this.#after = key;
    if (key === null) this.#left.shift();
  }

  /** A schema statement ran. Of what it made, every row will come in the log. */
  follow(before: readonly string[], after: readonly string[]): void {
    const gone = before.find((table) => !after.includes(table));
    const at = gone === undefined ? -1 : this.#left.indexOf(gone);
    if (at === -1) return;
    const renamed = after.find((table) => !before.includes(table));
    this.#left.splice(at, 1, ...(renamed === undefined ? [] : [renamed]));
    if (at === 0 && renamed === undefined) this.#after = null;
  }

  /** What the changes of some entries, with no schema statement among them, do inside the range. */
  restrict(sql: Sql, entries: readonly (readonly RowChange[])[]): readonly (readonly RowChange[])[] {
    if (this.#left.length === 0) return entries;
    const partial = this.#after === null ? undefined : this.#left[0];
    const outside = new Set(this.#left.filter((table) => table !== partial));
    const within = partial === undefined ? new Map<string, boolean>() : this.#within(sql, partial, entries);
    return entries.map((changes) =>
      changes.flatMap((change) => {
        if (change.table === SEQUENCE_TABLE) return [change];
        if (outside.has(change.table)) return [];
        return change.table === partial ? part(change, within) : [change];
      }),
    );
  }

  /** For each row image of the table whether it is in the range. */
  #within(sql: Sql, table: string, entries: readonly (readonly RowChange[])[]): Map<string, boolean> {
    const images = new Set<string>();
    for (const change of entries.flat()) {
      if (change.table !== table) continue;
      if (change.kind !== 'insert') images.add(change.before);
      if (change.kind !== 'delete') images.add(change.after);
    }
    const all = [...images];
    const areIn = new KeyOrder(sql, readLayout(sql, table)).areUpTo(this.#after ?? '', all);
    return new Map(all.map((image, i) => [image, areIn[i] === true]));
  }
}

/** A row that crosses the border comes or goes. */
function part(change: RowChange, within: ReadonlyMap<string, boolean>): RowChange[] {
  const { table } = change;
  const before = change.kind !== 'insert' && within.get(change.before) === true ? change.before : null;
  const after = change.kind !== 'delete' && within.get(change.after) === true ? change.after : null;
  if (before !== null && after !== null) return [change];
  if (before !== null) return [{ kind: 'delete', table, before }];
  return after === null ? [] : [{ kind: 'insert', table, after }];
}
