import { all, type Sql } from '../ports.ts';
import type { RowChange } from './change.ts';
import { imageSql } from './images.ts';
import { chunksOf, KeyOrder } from './key-order.ts';
import { quoteName, readLayout } from './schema.ts';

/** What changes did to the rows of one table, whatever the order in which they stand: images of rows, each with its key. */
export interface NetRows {
  readonly table: string;
  /** Every image that a row had at some time. */
  readonly touched: readonly string[];
  /** Those that there were before all changes and not after. */
  readonly before: ReadonlySet<string>;
  /** Those that there were after all changes and not before. */
  readonly after: ReadonlySet<string>;
}

/**
 * Each change takes one image away and brings one, so what was brought and not taken away is there at the end, and the other way
 * round: an image has its row's key in it. Null where that does not come out even, as where a BEFORE trigger changed the row itself.
 */
export function netRows(changes: readonly RowChange[]): NetRows[] | null {
  const tables = new Map<string, Map<string, number>>();
  for (const change of changes) {
    const counts = tables.get(change.table) ?? new Map<string, number>();
    tables.set(change.table, counts);
    if (change.kind !== 'insert') counts.set(change.before, (counts.get(change.before) ?? 0) - 1);
    if (change.kind !== 'delete') counts.set(change.after, (counts.get(change.after) ?? 0) + 1);
  }
  const nets = [...tables].map(([table, counts]) => ({
    table,
    touched: [...counts.keys()],
    before: new Set([...counts].flatMap(([image, count]) => (count < 0 ? [image] : []))),
    after: new Set([...counts].flatMap(([image, count]) => (count > 0 ? [image] : []))),
  }));
  const isEven = [...tables.values()].every((counts) => [...counts.values()].every((n) => n >= -1 && n <= 1));
  return isEven ? nets : null;
}

/** Finds rows by the keys in images. For as long as the schema stays as it is. */
export class RowsNow {
  readonly #sql: Sql;
  readonly #texts = new Map<string, string>();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** For each image the row that has its key now, as an image; null where none has. */
  find(table: string, images: readonly string[]): Map<string, string | null> {
    const text = this.#textFor(table);
    const found = chunksOf(images).flatMap((chunk) => all(this.#sql, text, `[${chunk.join(',')}]`));
    return new Map(images.map((image, i) => [image, (found[i]?.[0] ?? null) as string | null]));
  }

  #textFor(table: string): string {
    const known = this.#texts.get(table);
    if (known !== undefined) return known;
    const layout = readLayout(this.#sql, table);
    const row = `SELECT ${imageSql(layout, 't')} FROM ${quoteName(table)} AS t WHERE ${new KeyOrder(this.#sql, layout).isRowSql('e.value')}`;
    const text = `SELECT (${row}) FROM json_each(?) AS e ORDER BY e.key`;
    this.#texts.set(table, text);
    return text;
  }
}
