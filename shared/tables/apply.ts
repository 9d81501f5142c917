import { assert } from '../assert.ts';
import { all, first, run, type Sql, SqlError } from '../ports.ts';
import { type Change, parseChange, type RowChange, type SchemaChange, SEQUENCE_TABLE } from './change.ts';
import { ForeignKeyActions } from './foreign-key-actions.ts';
import { imageSql, imageValue, imageValueNoBlob, mayHoldBlob } from './images.ts';
import { chunksOf, KeyOrder } from './key-order.ts';
import { dropKeptTrigger, keepTrigger } from './roles.ts';
import { quoteName, readLayout, type TableLayout } from './schema.ts';
import { makeSequences } from './sequences.ts';
import { isUncheckable, withStandIns } from './stand-ins.ts';

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
  /** Where no column of a foreign key changed; null for a table without such, or of only such. */
  readonly updateOutsideKeys: string | null;
  readonly delete: string;
  readonly image: string;
}

/**
 * Writes what entries did to rows into a follower's tables, strictly: an update or delete that finds no row, or an
 * insert that finds one, stops the replica rather than hide that it differs.
 *
 * Rows, not effects, are applied. User triggers are not installed here, and foreign key actions find nothing left to do
 * or are held back.
 */
export class Applier {
  readonly #sql: Sql;
  readonly #statements = new Map<string, TableStatements>();
  readonly #actions: ForeignKeyActions;
  readonly #of: 'all rows' | 'part of the rows';
  #runTable = '';
  #runImages: string[] = [];
  #runChars = 0;

  /** `of`: whether entries are applied whole, or what of them concerns a part of the rows. */
  constructor(sql: Sql, of: 'all rows' | 'part of the rows' = 'all rows') {
    this.#sql = sql;
    this.#of = of;
    this.#actions = new ForeignKeyActions(sql);
    // The leader has checked. A CHECK may call random(), and then only the leader's luck counts.
    run(sql, 'PRAGMA ignore_check_constraints = ON');
  }

  /** Applies entries, each a list of changes, in order. Called inside the transaction that also appends them. */
  apply(entries: readonly (readonly string[])[]): void {
    this.applyChanges(entries.map((lines) => lines.map(parseChange)));
  }

  applyChanges(entries: readonly (readonly Change[])[]): void {
    const haveSchema = entries.some((changes) => changes.some(({ kind }) => kind === 'schema'));
    this.#deferring(haveSchema, () => this.#entries(entries));
  }

  /** Inserts rows of one table as the leader has them, before or after their parents. */
  insertRows(table: string, images: readonly string[]): void {
    if (images.length === 0) return;
    const insertAll = () => {
      for (const chunk of chunksOf(images)) this.#insert(table, chunk);
    };
    this.#deferring(false, () => this.#checkable(table, insertAll));
  }

  #deferring(mayMakeKeys: boolean, work: () => void): void {
    if (!mayMakeKeys && !this.#actions.haveKeys) return work();
    // In the log a cascade's rows stand before the row that caused it. Not without need: each setting has SQLite
    // compile all statements anew, which for a few rows takes far longer than to write them.
    run(this.#sql, 'PRAGMA defer_foreign_keys = ON');
    try {
      work();
    } finally {
      // SQLite counts violations, and a parent that is dropped and made again is counted once only. The leader has checked. Nor
      // may it last beyond what failed: whoever catches the error goes on in the same transaction.
      run(this.#sql, 'PRAGMA defer_foreign_keys = OFF');
    }
  }

  /** SQLite fails a statement whose foreign keys it cannot check before it has written anything. */
  #checkable(table: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!isUncheckable(error)) throw error;
      withStandIns(this.#sql, table, work);
    }
  }

  #insert(table: string, images: readonly string[]): void {
    const list = `[${images.join(',')}]`;
    const statements = this.#for(table);
    run(this.#sql, mayHoldBlob(list) ? statements.insertWithBlobs : statements.insert, list);
  }

  #entries(entries: readonly (readonly Change[])[]): void {
    for (const changes of entries) this.#entry(changes);
    this.#flush();
  }

  #entry(changes: readonly Change[]): void {
    let rows: RowChange[] = [];
    for (const change of changes) {
      if (change.kind !== 'schema') {
        rows.push(change);
        continue;
      }
      this.#rows(rows);
      this.#flush();
      this.#schema(change.schema);
      rows = [];
    }
    this.#rows(rows);
  }

  #rows(changes: readonly RowChange[]): void {
    // An action of a foreign key changes a row of its own, so that an entry of one change had none. But an update that
    // takes a row out of a part is a delete there, which acts where the update did not.
    if (
      (changes.length > 1 || this.#of === 'part of the rows') &&
      changes.some((change) => this.#actions.mayFollow(change))
    )
      return this.#rowsAmongActions(changes);
    for (const change of changes) this.#row(change);
  }

  #row(change: RowChange): void {
    if (change.kind === 'insert' && change.table !== SEQUENCE_TABLE)
      return this.#gather(change.table, change.after);
    this.#flush();
    if (change.table === SEQUENCE_TABLE) return this.#sequence(change);
    if (change.kind !== 'insert') this.#one(change);
  }

  /**
   * The leader's triggers log a row after the rows that foreign key actions and their triggers made of it. Mostly
   * that is a good order here, since the actions then find nothing to do. But where a trigger changed the same row
   * again, that change stands before the one it followed. So a change is put off until the row is what it was before.
   */
  #rowsAmongActions(changes: readonly RowChange[]): void {
    this.#flush();
    let late: RowChange[] = [];
    for (const change of changes) {
      if (!this.#isReady(change)) late.push(change);
      else if (this.#actions.mayFollow(change)) late = this.#applyReady(late);
    }
    // What a BEFORE trigger did to the row itself is not in the row's image before.
    for (const change of this.#applyReady(late)) this.#row(change);
    this.#flush();
  }

  /** Those that still wait, when as many as can be were applied. */
  #applyReady(late: readonly RowChange[]): RowChange[] {
    for (let waiting = late; ;) {
      const still = waiting.filter((change) => !this.#isReady(change));
      if (still.length === waiting.length || still.length === 0) return still;
      waiting = still;
    }
  }

  /** Applies the change if the row is what it was before. */
  #isReady(change: RowChange): boolean {
    if (change.table === SEQUENCE_TABLE) {
      this.#sequence(change);
      return true;
    }
    const statements = this.#for(change.table);
    if (change.kind !== 'insert' && first(this.#sql, statements.image, change.before)?.[0] !== change.before)
      return false;
    try {
      if (change.kind === 'insert')
        this.#checkable(change.table, () => run(this.#sql, statements.insertWithBlobs, `[${change.after}]`));
      else this.#actions.heldBack(change, () => this.#one(change));
      return true;
    } catch (error) {
      if (error instanceof SqlError && error.kind === 'constraint') return false;
      throw error;
    }
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
    this.#checkable(this.#runTable, () => this.#insert(this.#runTable, this.#runImages));
    this.#runImages = [];
    this.#runChars = 0;
  }

  #one(change: Exclude<RowChange, { kind: 'insert' }>): void {
    this.#checkable(change.table, () => this.#write(change));
  }

  #write(change: Exclude<RowChange, { kind: 'insert' }>): void {
    const statements = this.#for(change.table);
    const touched =
      change.kind === 'update'
        ? this.#update(statements, change.before, change.after)
        : all(this.#sql, statements.delete, change.before).length;
    if (touched !== 1)
      throw new DivergenceError(`${change.kind} of a row of ${change.table} met ${touched} rows`);
  }

  /** How many rows it met. */
  #update({ update, updateOutsideKeys }: TableStatements, before: string, after: string): number {
    // A key that SQLite cannot check (its parent is gone, or not unique) fails any statement that sets its columns.
    if (updateOutsideKeys !== null && all(this.#sql, updateOutsideKeys, after, before).length === 1) return 1;
    return all(this.#sql, update, after, before).length;
  }

  #schema(schema: SchemaChange): void {
    if (schema.sql !== null) run(this.#sql, schema.sql);
    for (const [name, trigger] of Object.entries(schema.triggers)) {
      if (trigger === null) dropKeptTrigger(this.#sql, name);
      else keepTrigger(this.#sql, { name, ...trigger });
    }
    this.#statements.clear();
    this.#actions.forget();
  }

  /** Inserts move sqlite_sequence by themselves, so its row may or may not be there already. */
  #sequence(change: RowChange): void {
    const image = change.kind === 'delete' ? change.before : change.after;
    // A leader may have the table from what was rolled back or installed anew since: it cannot be dropped.
    makeSequences(this.#sql);
    run(this.#sql, "DELETE FROM sqlite_sequence WHERE name = (?->>'$[0]')", image);
    if (change.kind === 'delete') return;
    run(this.#sql, "INSERT INTO sqlite_sequence (name, seq) VALUES (?1->>'$[0]', ?1->>'$[1]')", image);
  }

  #for(table: string): TableStatements {
    const known = this.#statements.get(table);
    if (known !== undefined) return known;
    const layout = readLayout(this.#sql, table);
    assert(layout.columns.length > 0, `the log names a table that is not here: ${table}`);
    const order = new KeyOrder(this.#sql, layout);
    const statements = tableStatements(layout, order, this.#actions.columnsIn(table));
    this.#statements.set(table, statements);
    return statements;
  }
}

function tableStatements(
  layout: TableLayout,
  order: KeyOrder,
  keyColumns: ReadonlySet<string>,
): TableStatements {
  const table = quoteName(layout.name);
  const columns = layout.columns.map(quoteName);
  const insert = (value: (i: number) => string) =>
    `INSERT OR ABORT INTO ${table} (${columns.join(', ')}) SELECT ${columns.map((_, i) => value(i)).join(', ')} FROM json_each(?) AS e`;
  const assignments = columns.map((column, i) => `${column} = ${imageValue('?1', i)}`);
  const isInKey = layout.columns.map((column) => keyColumns.has(column.toLowerCase()));
  const outside = assignments.filter((_, i) => !isInKey[i]);
  const isSame = columns.flatMap((_, i) =>
    isInKey[i] ? [`(${imageValue('?1', i)}) IS (${imageValue('?2', i)})`] : [],
  );
  const hasBoth = outside.length > 0 && isSame.length > 0;
  return {
    insert: insert((i) => imageValueNoBlob('e.value', i)),
    insertWithBlobs: insert((i) => imageValue('e.value', i)),
    update: `UPDATE OR ABORT ${table} AS t SET ${assignments.join(', ')} WHERE ${order.isRowSql('?2')} RETURNING 1`,
    updateOutsideKeys: hasBoth
      ? `UPDATE OR ABORT ${table} AS t SET ${outside.join(', ')} WHERE ${order.isRowSql('?2')} AND ${isSame.join(' AND ')} RETURNING 1`
      : null,
    delete: `DELETE FROM ${table} AS t WHERE ${order.isRowSql('?1')} RETURNING 1`,
    image: `SELECT ${imageSql(layout, 't')} FROM ${table} AS t WHERE ${order.isRowSql('?1')}`,
  };
}
