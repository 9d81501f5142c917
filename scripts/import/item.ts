/**
 * The smallest part of an import: a statement, or one row. Rows that stand side by side share a statement,
 * and a batch that was refused is taken apart down to its items.
 */
export interface Item {
  /** Its place among the items of the file; with the file's hash it names the item for ever. */
  readonly ordinal: number;
  /** For messages: `line 12`, `table Album, row 3`. */
  readonly where: string;
  readonly kind: 'row' | 'trigger' | 'statement';
  /** Bytes of the file that had been read when this item was made. */
  readonly read: number;
  readonly sql: RowSql | WholeSql;
  /** JSON texts, one a parameter, as the body of a query takes them. */
  readonly params: readonly string[];
}

/** Rows with equal heads and tails join into one statement: head, tuples, tail. */
interface RowSql {
  readonly head: string;
  readonly tuple: string;
  readonly tail: string;
}

interface WholeSql {
  readonly text: string;
}

/** What a kind of file gives: its items, the same ones in the same order each time it is asked. */
export interface Source {
  readonly bytes: number;
  /** Of everything that decides which items there are. */
  readonly sha256: string;
  items(): AsyncIterable<Item>;
  /** What was left out and why, one line each; complete once the items have been read. */
  notes(): readonly string[];
}

export function textOf(sql: Item['sql']): string {
  return 'text' in sql ? sql.text : `${sql.head} ${sql.tuple}${sql.tail}`;
}
