import { present } from '../assert.ts';
import { all, first, type Sql } from '../ports.ts';
import { imageValue } from './images.ts';
import { quoteName, type TableLayout } from './schema.ts';

/** A column of a table's key, and how SQLite orders by it. */
interface KeyColumn {
  readonly name: string;
  /** Its place in a row image. */
  readonly at: number;
  /** Null for a rowid, which is a number. */
  readonly collation: string | null;
  readonly descending: boolean;
}

const KEY_INDEX = `SELECT x.name, x.coll, x."desc" FROM pragma_index_list(?) AS l JOIN pragma_index_xinfo(l.name) AS x
  WHERE l.origin = 'pk' AND x.key = 1 ORDER BY x.seqno`;

/**
 * The order in which SQLite keeps a table's rows: by rowid, or by the key of a WITHOUT ROWID table, whose collations
 * need not be its columns'. A key's image is a JSON array of its values, as they stand in the row's image.
 */
export class KeyOrder {
  readonly #sql: Sql;
  readonly #columns: readonly KeyColumn[];

  constructor(sql: Sql, layout: TableLayout) {
    this.#sql = sql;
    const columns = layout.hasRowid
      ? layout.key.map((name) => ({ name, collation: null, descending: false }))
      : all(sql, KEY_INDEX, layout.name).map(([name, collation, descending]) => ({
          name: name as string,
          collation: collation as string,
          descending: descending === 1,
        }));
    this.#columns = columns.map((column) => ({ ...column, at: layout.columns.indexOf(column.name) }));
  }

  /** The image of the key in the image of a row. */
  keyOf(image: string): string {
    const values = this.#columns.map(({ at }) => `?1->'$[${at}]'`);
    return `[${present(first(this.#sql, `SELECT ${values.join(', ')}`, image), 'a key').join(',')}]`;
  }

  /** Condition for the row of the table `t` that has the key of the row image `json`. A key may tell rows apart that its columns do not. */
  isRowSql(json: string): string {
    return this.#columns
      .map(
        ({ name, at, collation }) => `t.${quoteName(name)} = (${imageValue(json, at)})${collated(collation)}`,
      )
      .join(' AND ');
  }

  /** What follows ORDER BY, for the table `t`. */
  orderSql(): string {
    const parts = this.#columns.map(
      (column) =>
        `t.${quoteName(column.name)}${collated(column.collation)}${column.descending ? ' DESC' : ''}`,
    );
    return parts.join(', ');
  }

  /**
   * Conditions for the rows of the table `t` behind the key ?1. The rows of the first come before those of the second,
   * and so on. Each is a range of the key: SQLite compares a key as a whole only where all its columns go one way.
   */
  behindSql(): string[] {
    const columns = this.#columns.map((column, i) => ({
      left: `t.${quoteName(column.name)}`,
      right: `(${imageValue('?1', i)})${collated(column.collation)}`,
      beyond: column.descending ? '<' : '>',
    }));
    const beyond = columns[0]?.beyond;
    if (columns.every((column) => column.beyond === beyond)) {
      const [left, right] = [columns.map((column) => column.left), columns.map((column) => column.right)];
      return [`(${left.join(', ')}) ${beyond} (${right.join(', ')})`];
    }
    return columns
      .map((column, i) => {
        const same = columns.slice(0, i).map(({ left, right }) => `${left} = ${right}`);
        return [...same, `${column.left} ${column.beyond} ${column.right}`].join(' AND ');
      })
      .toReversed();
  }

  /** For each of the row images whether its key comes no later than `key`. */
  areUpTo(key: string, images: readonly string[]): boolean[] {
    const tests = this.#columns.flatMap(({ at, collation, descending }, i) => {
      const [a, b] = [`(${imageValue('e.value', at)})`, `(${imageValue('?1', i)})${collated(collation)}`];
      const [before, behind] = descending ? ['>', '<'] : ['<', '>'];
      return [`WHEN ${a} ${before} ${b} THEN 1 WHEN ${a} ${behind} ${b} THEN 0`];
    });
    const text = `SELECT CASE ${tests.join(' ')} ELSE 1 END FROM json_each(?2) AS e`;
    return chunksOf(images).flatMap((chunk) =>
      all(this.#sql, text, key, `[${chunk.join(',')}]`).map(([isUpTo]) => isUpTo === 1),
    );
  }
}

function collated(collation: string | null): string {
  return collation === null ? '' : ` COLLATE ${quoteName(collation)}`;
}

const CHUNK_ROWS_MAX = 500;
const CHUNK_CHARS_MAX = 400_000;

/** Images in portions that one statement takes: at 3 bytes a character, below what SQLite binds. */
export function chunksOf(images: readonly string[]): string[][] {
  const chunks: string[][] = [];
  let chunk: string[] = [];
  let chars = 0;
  for (const image of images) {
    if (chunk.length >= CHUNK_ROWS_MAX || (chars + image.length > CHUNK_CHARS_MAX && chunk.length > 0)) {
      chunks.push(chunk);
      chunk = [];
      chars = 0;
    }
    chunk.push(image);
    chars += image.length;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}
