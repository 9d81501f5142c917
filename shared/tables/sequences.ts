import { refuse } from '../failure.ts';
import { all, first, run, type Sql } from '../ports.ts';
import { rowLine, SEQUENCE_TABLE } from './change.ts';
import { readLayout, type TableLayout, tableExists } from './schema.ts';

/** Makes SQLite's table of the counters, which no statement can name to make it. A table with AUTOINCREMENT leaves it behind. */
export const MAKE_SEQUENCES = [
  'CREATE TABLE _tidemark_autoincrement (id INTEGER PRIMARY KEY AUTOINCREMENT)',
  'DROP TABLE _tidemark_autoincrement',
] as const;

export function makeSequences(sql: Sql): void {
  if (tableExists(sql, SEQUENCE_TABLE)) return;
  for (const text of MAKE_SEQUENCES) run(sql, text);
}

/** The counters of AUTOINCREMENT, images of [name, seq]. */
export function readCounters(sql: Sql): string[] {
  if (!tableExists(sql, SEQUENCE_TABLE)) return [];
  return all(sql, 'SELECT json_array(name, seq) FROM sqlite_sequence ORDER BY rowid').map(
    ([image]) => image as string,
  );
}

/** Makes them what was read, and no others. */
export function writeCounters(sql: Sql, images: readonly string[]): void {
  if (!tableExists(sql, SEQUENCE_TABLE)) return;
  run(sql, 'DELETE FROM sqlite_sequence');
  for (const image of images)
    run(sql, "INSERT INTO sqlite_sequence (name, seq) VALUES (?1->>'$[0]', ?1->>'$[1]')", image);
}

/**
 * AUTOINCREMENT's counters are state too, and no trigger can watch sqlite_sequence. A follower that inserts the
 * logged rows moves its counters by itself; what else moves them (an insert that was ignored, a user's own UPDATE of
 * sqlite_sequence) is found here before an entry is closed, and logged as a change of that table.
 */
export class Sequences {
  readonly #sql: Sql;
  #seen: ReadonlyMap<string, string> = new Map();
  #isInUse = false;
  /** As the schema has it since `reload`: an insert would otherwise read it several times over. */
  #tables: readonly string[] | null = null;
  readonly #layouts = new Map<string, TableLayout>();

  constructor(sql: Sql) {
    this.#sql = sql;
    this.reload();
  }

  /** Call after a schema statement, which moves the counters of every replica alike, and after a rollback. */
  reload(): void {
    this.#tables = null;
    this.#layouts.clear();
    this.#isInUse = first(this.#sql, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'") !== null;
    this.#seen = this.#read();
  }

  /**
   * Lines for the counters that stand elsewhere than the inserts would put them that were captured since the last call.
   * They go behind those inserts. @throws Refusal
   */
  linesAfter(captured: () => readonly string[]): string[] {
    if (!this.#isInUse) return [];
    const before = this.#seen;
    const now = this.#read();
    this.#seen = now;
    const names = [...new Set([...before.keys(), ...now.keys(), ...this.#autoincrementTables()])];
    const lines = names.length === 0 ? [] : captured();
    return names.flatMap((name) => {
      const there = this.#movedTo(name, before.get(name) ?? '', lines);
      const here = now.get(name) ?? '';
      return here === there ? [] : [rowLine(SEQUENCE_TABLE, there, here)];
    });
  }

  #read(): Map<string, string> {
    if (!this.#isInUse) return new Map();
    const rows = all(this.#sql, 'SELECT name, json_array(name, seq) FROM sqlite_sequence');
    const counters = new Map(rows.map(([name, image]) => [String(name), image as string]));
    if (counters.size < rows.length || rows.some(([name]) => name === null)) {
      refuse({
        code: 'sql-not-allowed',
        detail: 'sqlite_sequence would hold two rows for one table, or one for none',
      });
    }
    return counters;
  }

  #autoincrementTables(): readonly string[] {
    const text = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%autoincrement%'";
    return (this.#tables ??= all(this.#sql, text).map(([name]) => name as string));
  }

  #layoutOf(table: string): TableLayout {
    const layout = this.#layouts.get(table) ?? readLayout(this.#sql, table);
    this.#layouts.set(table, layout);
    return layout;
  }

  /** The counter's row, '' for none, at a follower that had `before` and inserts what is logged. */
  #movedTo(name: string, before: string, lines: readonly string[]): string {
    const start = `${JSON.stringify(name)}\t\t`;
    const inserted = lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length));
    const layout = inserted.length === 0 ? null : this.#layoutOf(name);
    if (layout === null || !layout.autoincrement) return before;
    const at = layout.columns.indexOf(String(layout.key[0]));
    const ids = inserted.map((image) => (JSON.parse(image) as number[])[at] ?? 0);
    const from = before === '' ? 0 : (JSON.parse(before) as [string, unknown])[1];
    if (typeof from !== 'number') return UNKNOWN;
    const reached = ids.reduce((max, id) => Math.max(max, id), from);
    // Beyond what a double holds exactly, the counter is logged: that is harmless.
    return Number.isSafeInteger(reached) ? `[${JSON.stringify(name)},${reached}]` : UNKNOWN;
  }
}

/** Equal to no row. */
const UNKNOWN = '[]';
