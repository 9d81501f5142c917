import { assert } from '../assert.ts';
import { run, type Sql } from '../ports.ts';
import { type Change, parseChange, type SchemaChange, SEQUENCE_TABLE } from './change.ts';
import { imageValue, imageValueNoBlob, mayHoldBlob } from './images.ts';
import { quoteName, readLayout, type TableLayout } from './schema.ts';

const RUN_ROWS_MAX = 500;
const RUN_CHARS_MAX = 400_000;

/** The tables are not what the log says they were. A bug or a damaged disk; never applied past. */
export class DivergenceError extends Error {
  override readonly name = 'DivergenceError';
}

interface TableStatements {
  readonly insert: string;
  readonly insertWithBlobs: string;
  readonly update: string;
  readonly delete: string;
}

/**
 * Writes what entries did to rows into a follower's tables, strictly: an update or delete that finds no row, or an
 * insert that finds one, stops the replica rather than hide that it differs.
 *
 * Rows, not effects, are applied. User triggers are not installed here. Foreign key actions do fire, but the rows
 * that they made on the leader come first in the log, so that they find nothing left to do.
 */
export class Applier {
  readonly #sql: Sql;
  readonly #statements = new Map<string, TableStatements>();
  #runTable = '';
  #runImages: string[] = [];
  #runChars = 0;

  constructor(sql: Sql) {
    this.#sql = sql;
    // The leader has checked. A CHECK may call random(), and then only the leader's luck counts.
    run(sql, 'PRAGMA ignore_check_constraints = ON');
  }

  /** Applies changes in order. Called inside the transaction that also appends their entries. */
  apply(lines: Iterable<string>): void {
    // In the log a cascade's rows may stand before the row that caused it.
    run(this.#sql, 'PRAGMA defer_foreign_keys = ON');
    for (const line of lines) this.#change(parseChange(line));
    this.#flush();
  }

  #change(change: Change): void {
    if (change.kind === 'insert' && change.table !== SEQUENCE_TABLE) {
      this.#gather(change.table, change.after);
      return;
    }
    this.#flush();
    if (change.kind === 'schema') return this.#schema(change.schema);
    if (change.table === SEQUENCE_TABLE) return this.#sequence(change);
    const statements = this.#for(change.table);
    if (change.kind === 'update') this.#one(change, statements.update, change.after, change.before);
    if (change.kind === 'delete') this.#one(change, statements.delete, change.before);
  }

  /** Neighbouring inserts into one table go in one statement; json_each keeps their order. */
  #gather(table: string, image: string): void {
    const isFull = this.#runImages.length >= RUN_ROWS_MAX || this.#runChars + image.length > RUN_CHARS_MAX;
    if (table !== this.#runTable || isFull) this.#flush();
    this.#runTable = table;
    this.#runImages.push(image);
    this.#runChars += image.length;
  }

  #flush(): void {
    if (this.#runImages.length === 0) return;
    const images = `[${this.#runImages.join(',')}]`;
    const statements = this.#for(this.#runTable);
    run(this.#sql, mayHoldBlob(images) ? statements.insertWithBlobs : statements.insert, images);
    this.#runImages = [];
    this.#runChars = 0;
  }

  #one(change: Change & { readonly table: string }, text: string, ...images: string[]): void {
    const touched = [...this.#sql.exec(text, ...images)].length;
    if (touched !== 1) throw new DivergenceError(`${change.kind} of a row of ${change.table} met ${touched} rows`);
  }

  #schema(schema: SchemaChange): void {
    if (schema.sql !== null) run(this.#sql, schema.sql);
    for (const [name, trigger] of Object.entries(schema.triggers)) {
      run(this.#sql, 'DELETE FROM _tidemark_triggers WHERE name = ?', name);
      if (trigger === null) continue;
      run(this.#sql, 'INSERT INTO _tidemark_triggers (name, tbl_name, sql) VALUES (?, ?, ?)', name, trigger.table, trigger.sql);
    }
    this.#statements.clear();
  }

  /** Inserts move sqlite_sequence by themselves, so its row may or may not be there already. */
  #sequence(change: Exclude<Change, { kind: 'schema' }>): void {
    const image = change.kind === 'delete' ? change.before : change.after;
    run(this.#sql, "DELETE FROM sqlite_sequence WHERE name = (?->>'$[0]')", image);
    if (change.kind === 'delete') return;
    run(this.#sql, "INSERT INTO sqlite_sequence (name, seq) VALUES (?1->>'$[0]', ?1->>'$[1]')", image);
  }

  #for(table: string): TableStatements {
    const known = this.#statements.get(table);
    if (known !== undefined) return known;
    const layout = readLayout(this.#sql, table);
    assert(layout.columns.length > 0, `the log names a table that is not here: ${table}`);
    const statements = tableStatements(layout);
    this.#statements.set(table, statements);
    return statements;
  }
}

function tableStatements(layout: TableLayout): TableStatements {
  const table = quoteName(layout.name);
  const columns = layout.columns.map(quoteName);
  const isRow = (json: string) =>
    layout.key.map((column) => `${quoteName(column)} = (${imageValue(json, layout.columns.indexOf(column))})`).join(' AND ');
  const insert = (value: (i: number) => string) =>
    `INSERT OR ABORT INTO ${table} (${columns.join(', ')}) SELECT ${columns.map((_, i) => value(i)).join(', ')} FROM json_each(?) AS e`;
  const assignments = columns.map((column, i) => `${column} = ${imageValue('?1', i)}`);
  return {
    insert: insert((i) => imageValueNoBlob('e.value', i)),
    insertWithBlobs: insert((i) => imageValue('e.value', i)),
    update: `UPDATE OR ABORT ${table} SET ${assignments.join(', ')} WHERE ${isRow('?2')} RETURNING 1`,
    delete: `DELETE FROM ${table} WHERE ${isRow('?1')} RETURNING 1`,
  };
}
