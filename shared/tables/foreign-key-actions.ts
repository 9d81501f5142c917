import { all, first, run, type Sql } from '../ports.ts';
import { type Change, SEQUENCE_TABLE } from './change.ts';
import { allForeignKeys, type ForeignKey } from './foreign-key-list.ts';
import { imageSql, imageValue } from './images.ts';
import { quoteName, quoteText, readLayout } from './schema.ts';

type RowChange = Exclude<Change, { kind: 'schema' | 'insert' }>;

const PREFIX = '_tidemark_hold_';

/**
 * Keeps foreign key actions from acting on a follower. What they did on the leader is in the log, row by row; here
 * they would act a second time, on rows that came or changed since.
 */
export class ForeignKeyActions {
  readonly #sql: Sql;
  #all: readonly ForeignKey[] | null = null;
  /** The keys that act, by parent; null where the schema may have changed since they were read. */
  #keys: ReadonlyMap<string, readonly ForeignKey[]> | null = null;
  readonly #texts = new Map<ForeignKey, ActingTexts>();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Call when the schema changed. */
  forget(): void {
    this.#all = null;
    this.#keys = null;
    this.#texts.clear();
  }

  /** Whether any table declares a foreign key. */
  get haveKeys(): boolean {
    return this.#every().length > 0;
  }

  #every(): readonly ForeignKey[] {
    return (this.#all ??= allForeignKeys(this.#sql));
  }

  /** The columns of a table that are on either side of a foreign key, in small letters. */
  columnsIn(table: string): ReadonlySet<string> {
    const sides = this.#every().flatMap(({ child, parent, from, to }) => [
      ...(child === table ? from : []),
      ...(parent === table ? to : []),
    ]);
    return new Set(sides.map((column) => column.toLowerCase()));
  }

  /** Whether the change of this row may have made SQLite change others. */
  mayFollow(change: Change): boolean {
    if (change.kind === 'insert' || change.kind === 'schema' || change.table === SEQUENCE_TABLE) return false;
    return this.#acting(change).length > 0;
  }

  /** Runs `apply`, which changes this one row, without any action. */
  heldBack(change: RowChange, apply: () => void): void {
    const children = this.#acting(change)
      .filter((key) => this.#wouldAct(key, change))
      .map((key) => key.child);
    if (children.length === 0) return apply();
    const triggers = [...new Set(children)].flatMap((child) => this.#hold(child, change));
    try {
      apply();
    } finally {
      for (const trigger of triggers) run(this.#sql, `DROP TRIGGER ${quoteName(trigger)}`);
    }
  }

  #acting(change: RowChange): readonly ForeignKey[] {
    this.#keys ??= Map.groupBy(
      this.#every().filter((key) => key.hasParent && (key.actsOnDelete || key.actsOnUpdate)),
      (key) => key.parent,
    );
    const keys = this.#keys.get(change.table) ?? [];
    return keys.filter((key) => (change.kind === 'delete' ? key.actsOnDelete : key.actsOnUpdate));
  }

  /** Whether a child names the row by a key that the change takes away. Now and then true where nothing would act. */
  #wouldAct(key: ForeignKey, change: RowChange): boolean {
    let texts = this.#texts.get(key);
    if (texts === undefined) this.#texts.set(key, (texts = actingTexts(this.#sql, key)));
    if (change.kind === 'delete') return first(this.#sql, texts.delete, change.before) !== null;
    return first(this.#sql, texts.update, change.before, change.after) !== null;
  }

  /** Makes SQLite pass over the rows of `child`, but not over the row that is changed itself. */
  #hold(child: string, change: RowChange): string[] {
    const when = child === change.table ? ` WHEN ${this.#isOtherRow(change)}` : '';
    return ['delete', 'update'].map((event) => {
      const name = `${PREFIX}${event}_${child}`;
      run(
        this.#sql,
        `CREATE TRIGGER ${quoteName(name)} BEFORE ${event} ON ${quoteName(child)}${when} BEGIN SELECT RAISE(IGNORE); END`,
      );
      return name;
    });
  }

  #isOtherRow({ table, before }: RowChange): string {
    const layout = readLayout(this.#sql, table);
    const key = { ...layout, columns: layout.key };
    const isRow = layout.key.map(
      (column) => `t.${quoteName(column)} = (${imageValue('?1', layout.columns.indexOf(column))})`,
    );
    const [[image] = []] = all(
      this.#sql,
      `SELECT ${imageSql(key, 't')} FROM ${quoteName(table)} AS t WHERE ${isRow.join(' AND ')}`,
      before,
    );
    return `${imageSql(key, 'OLD')} IS NOT ${quoteText(String(image))}`;
  }
}

/** SQL that finds a child row on which a delete (?1 the row before) or an update (?2 the row after) would act. */
interface ActingTexts {
  readonly delete: string;
  readonly update: string;
}

function actingTexts(sql: Sql, key: ForeignKey): ActingTexts {
  const layout = readLayout(sql, key.parent);
  const isRow = layout.key.map(
    (column) => `p.${quoteName(column)} = (${imageValue('?1', layout.columns.indexOf(column))})`,
  );
  const isChild = key.from.map((column, i) => `p.${quoteName(String(key.to[i]))} = c.${quoteName(column)}`);
  const columns = layout.columns.map((column) => column.toLowerCase());
  const isOther = key.to.map((column) => {
    const at = columns.indexOf(column.toLowerCase());
    // A generated column is in no image.
    return at === -1 ? 'true' : `p.${quoteName(column)} COLLATE BINARY IS NOT (${imageValue('?2', at)})`;
  });
  const text = `SELECT 1 FROM ${quoteName(key.parent)} AS p JOIN ${quoteName(key.child)} AS c ON ${isChild.join(' AND ')} WHERE ${isRow.join(' AND ')}`;
  return {
    delete: `${text} LIMIT 1`,
    update: `${text} AND (${isOther.join(' OR ')}) AND ?2 IS NOT NULL LIMIT 1`,
  };
}
