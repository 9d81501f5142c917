import { createHash } from 'node:crypto';
import { PARAMS_MAX, SQL_BYTES_MAX, STATEMENTS_MAX } from '../../shared/limits.ts';
import { assert } from '../../shared/assert.ts';
import type { Item } from './item.ts';

/** Large enough that the cost of a request is small beside its rows, small enough that a retry is cheap. */
const BATCH_STATEMENTS_MAX = 200;
const BATCH_BYTES_MAX = 256 * 1024;
/** Rows join up to here. The server checks a statement once, however many rows it has. */
const JOINED_BYTES_MAX = 64 * 1024;

assert(BATCH_STATEMENTS_MAX < STATEMENTS_MAX, 'a batch fits a request');
assert(JOINED_BYTES_MAX < SQL_BYTES_MAX, 'joined rows fit a statement');

/** Foreign keys are then checked when the batch ends, so that the order inside it does not matter. */
const DEFER = '{"sql":"PRAGMA defer_foreign_keys=ON"}';

/** Statements of one batch, rows joined. */
class Statements {
  readonly #done: string[] = [DEFER];
  #head = '';
  #tail = '';
  #tuples: string[] = [];
  #params: string[] = [];
  #bytes = 0;

  get count(): number {
    return this.#done.length + (this.#tuples.length > 0 ? 1 : 0);
  }

  add(item: Item): void {
    if ('text' in item.sql) {
      this.#flush();
      this.#done.push(encoded(item.sql.text, item.params));
      return;
    }
    const { head, tuple, tail } = item.sql;
    const bytes = Buffer.byteLength(tuple) + 1;
    const joins =
      head === this.#head &&
      tail === this.#tail &&
      this.#bytes + bytes <= JOINED_BYTES_MAX &&
      this.#params.length + item.params.length <= PARAMS_MAX;
    if (!joins) this.#flush();
    if (this.#tuples.length === 0) this.#bytes = Buffer.byteLength(head) + Buffer.byteLength(tail);
    this.#head = head;
    this.#tail = tail;
    this.#bytes += bytes;
    this.#tuples.push(tuple);
    this.#params.push(...item.params);
  }

  texts(): readonly string[] {
    this.#flush();
    return this.#done;
  }

  #flush(): void {
    if (this.#tuples.length > 0)
      this.#done.push(encoded(`${this.#head} ${this.#tuples.join(',')}${this.#tail}`, this.#params));
    this.#tuples = [];
    this.#params = [];
  }
}

function encoded(sql: string, params: readonly string[]): string {
  return `{"sql":${JSON.stringify(sql)}${params.length > 0 ? `,"params":[${params.join(',')}]` : ''}}`;
}

/** The body of the query that runs the items, all or nothing. Equal items give equal bytes. */
export function bodyOf(items: readonly Item[]): string {
  const statements = new Statements();
  for (const item of items) statements.add(item);
  return `{"statements":[${statements.texts().join(',')}]}`;
}

/** Collects items until they fill a request. What a batch holds depends on its first item only. */
export class BatchBuilder {
  #items: Item[] = [];
  #statements = new Statements();
  #bytes = 0;

  get items(): readonly Item[] {
    return this.#items;
  }

  /** True when the batch is to be sent before anything else is added. */
  add(item: Item): boolean {
    this.#items.push(item);
    this.#statements.add(item);
    this.#bytes += bytesOf(item);
    return this.#statements.count >= BATCH_STATEMENTS_MAX || this.#bytes >= BATCH_BYTES_MAX;
  }

  take(): readonly Item[] {
    const items = this.#items;
    this.#items = [];
    this.#statements = new Statements();
    this.#bytes = 0;
    return items;
  }
}

function bytesOf(item: Item): number {
  const text = 'text' in item.sql ? item.sql.text : item.sql.tuple;
  return item.params.reduce((total, param) => total + param.length + 1, text.length);
}

/**
 * The request id of a batch. It is the same whenever the same items of the same file are sent in the same
 * pass, so a retry or a resumed import meets the answer of the first try instead of adding the rows again.
 */
export function requestIdOf(
  run: { readonly sha256: string; readonly salt: string },
  pass: number,
  items: readonly Item[],
  body: string,
): string {
  const hash = createHash('sha256').update(`${run.sha256}\n${run.salt}\n${pass}\n`);
  for (const item of items) hash.update(`${item.ordinal},`);
  return `import-${hash.update(body).digest('hex')}`;
}
