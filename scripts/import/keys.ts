import { DatabaseSync } from 'node:sqlite';
import type { Item } from './item.ts';
import { Lexer, unquoted } from './lexer.ts';
import { headingOf } from './statements.ts';

const SHAPES_TABLE = /^(?:CREATE\s+TABLE|ALTER\s+TABLE|DROP\s+TABLE)\b/i;
const INSERTS = /^(?:INSERT|REPLACE)\b/i;
const ROWID_NAMES: readonly string[] = ['rowid', '_rowid_', 'oid'];

/** What the rows of one INSERT head are. */
interface Target {
  readonly table: string;
  /** Where in a row its key stands; `none` where SQLite picks the key, `free` where rows have no rowid. */
  readonly key: number | 'none' | 'free';
}

/**
 * Knows which rows carry their own key. SQLite picks the others' by the rows that are there, so such a row
 * gets another key as soon as it, or a row of its table before it, is applied later than the file has it.
 */
export class Keys {
  /** The file's tables, without rows. */
  readonly #tables = new DatabaseSync(':memory:', { enableForeignKeyConstraints: false });
  readonly #targets = new Map<string, Target>();

  /** Takes note of the tables that the file makes. Every item is to be shown, in order. */
  watch(item: Item): void {
    if (!('text' in item.sql) || !SHAPES_TABLE.test(item.sql.text)) return;
    this.#targets.clear();
    try {
      this.#tables.exec(item.sql.text);
    } catch {
      // The server has the last word on it; a table that is not known here gives no row a key.
    }
  }

  /** The table, in lower case, that the item inserts into; null where it is no INSERT. */
  tableOf(item: Item): string | null {
    if (!('text' in item.sql)) return this.#target(item.sql.head).table;
    return INSERTS.test(item.sql.text) ? headingTable(item.sql.text) : null;
  }

  /** True where the item is a row whose key does not depend on when it is applied. */
  isGiven(item: Item): boolean {
    if ('text' in item.sql) return false;
    const { key } = this.#target(item.sql.head);
    if (key === 'free') return true;
    return key !== 'none' && isValue(item.sql.tuple, key, item.params);
  }

  close(): void {
    this.#tables.close();
  }

  #target(head: string): Target {
    const known = this.#targets.get(head);
    if (known !== undefined) return known;
    const table = headingTable(head);
    const target: Target = { table, key: this.#keyIn(table, columnsIn(head)) };
    this.#targets.set(head, target);
    return target;
  }

  #keyIn(table: string, named: readonly string[] | null): Target['key'] {
    const [kind] = this.#all("SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'", table);
    if (kind === undefined) return 'none';
    if (kind['wr'] === 1) return 'free';
    const columns = this.#all(
      'SELECT lower(name) AS name, pk FROM pragma_table_xinfo(?) WHERE hidden = 0',
      table,
    );
    const names = columns.map((column) => String(column['name']));
    const given = named ?? names;
    const keys = ROWID_NAMES.filter((name) => !names.includes(name));
    // SQLite makes an index for a primary key that is not the rowid itself.
    const indexes = this.#all("SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk'", table);
    const keyColumns = columns.filter((column) => column['pk'] !== 0);
    if (keyColumns.length === 1 && indexes.length === 0) keys.push(String(keyColumns[0]?.['name']));
    const at = given.findIndex((name) => keys.includes(name));
    return at < 0 ? 'none' : at;
  }

  #all(sql: string, table: string): Record<string, unknown>[] {
    return this.#tables.prepare(sql).all(table);
  }
}

function headingTable(text: string): string {
  const heading = headingOf(text);
  return heading.kind === 'insert' ? heading.table : '';
}

/** The names between the parentheses, in lower case; null where there are none. */
function columnsIn(head: string): string[] | null {
  const lexer = new Lexer(head);
  while (lexer.nextReal() && !lexer.isSign('('));
  const names: string[] = [];
  while (lexer.nextReal() && !lexer.isSign(')'))
    if (!lexer.isSign(',')) names.push(unquoted(lexer.token).toLowerCase());
  return names.length > 0 ? names : null;
}

/** True where the row has a number, a text or a parameter that is not null at the place. Anything else may be NULL. */
function isValue(tuple: string, place: number, params: readonly string[]): boolean {
  const lexer = new Lexer(tuple);
  let depth = 0;
  let at = 0;
  let bound = 0;
  const kinds: string[] = [];
  while (lexer.nextReal()) {
    if (lexer.isSign('(') && ++depth === 1) continue;
    if (lexer.isSign(')') && --depth === 0) break;
    if (lexer.isSign(',') && depth === 1) at++;
    else if (at === place) kinds.push(lexer.isSign('?') ? (params[bound] ?? 'null') : kindOf(lexer));
    if (lexer.isSign('?')) bound++;
  }
  const [first, second] = kinds;
  if (kinds.length === 2) return first === 'signed' && second === 'value';
  return kinds.length === 1 && first !== 'null' && first !== 'signed';
}

function kindOf(lexer: Lexer): string {
  if (lexer.isSign('-') || lexer.isSign('+')) return 'signed';
  return lexer.kind === 'number' || lexer.kind === 'string' ? 'value' : 'null';
}
