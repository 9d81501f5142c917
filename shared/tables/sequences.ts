import { all, first, type Sql } from '../ports.ts';
import { parseChange, rowLine, SEQUENCE_TABLE } from './change.ts';
import { readLayout } from './schema.ts';

/**
 * AUTOINCREMENT's counters are state too, and no trigger can watch sqlite_sequence. A follower that inserts the
 * logged rows moves its counters by itself; what else moves them (an insert that was ignored, a user's own UPDATE of
 * sqlite_sequence) is found here after each statement and logged as a change of that table.
 */
export class Sequences {
  readonly #sql: Sql;
  #seen: ReadonlyMap<string, string>;
  #isInUse: boolean;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#isInUse = false;
    this.#seen = new Map();
    this.reload();
  }

  /** Call after a schema statement, which moves the counters of every replica alike, and after a rollback. */
  reload(): void {
    this.#isInUse = first(this.#sql, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'") !== null;
    this.#seen = this.#read();
  }

  /** Lines for the counters that stand elsewhere than the captured inserts would put them. */
  linesAfter(captured: () => readonly string[]): string[] {
    if (!this.#isInUse) return [];
    const before = this.#seen;
    const now = this.#read();
    this.#seen = now;
    const names = [...new Set([...before.keys(), ...now.keys()])].filter((name) => before.get(name) !== now.get(name));
    if (names.length === 0) return [];
    const reached = this.#insertedMax(captured(), new Set(names));
    return names
      .filter((name) => !isWhereInsertsLeaveIt(now.get(name), before.get(name), reached.get(name)))
      .map((name) => rowLine(SEQUENCE_TABLE, before.get(name) ?? '', now.get(name) ?? ''));
  }

  #read(): Map<string, string> {
    if (!this.#isInUse) return new Map();
    const rows = all(this.#sql, 'SELECT name, json_array(name, seq) FROM sqlite_sequence');
    return new Map(rows.map(([name, image]) => [String(name), image as string]));
  }

  #insertedMax(lines: readonly string[], tables: ReadonlySet<string>): Map<string, number> {
    const reached = new Map<string, number>();
    for (const line of lines) {
      const change = parseChange(line);
      if (change.kind !== 'insert' || !tables.has(change.table)) continue;
      const layout = readLayout(this.#sql, change.table);
      const id = (JSON.parse(change.after) as number[])[layout.columns.indexOf(layout.key[0] ?? '')] ?? 0;
      reached.set(change.table, Math.max(id, reached.get(change.table) ?? 0));
    }
    return reached;
  }
}

/** Ids beyond what a double holds are never taken as equal: then the line is logged, which is harmless. */
function isWhereInsertsLeaveIt(now: string | undefined, before: string | undefined, inserted: number | undefined): boolean {
  if (now === undefined || inserted === undefined) return false;
  const [, seq] = JSON.parse(now) as [string, number];
  const [, from] = before === undefined ? [null, 0] : (JSON.parse(before) as [string, number]);
  return Number.isSafeInteger(seq) && Number.isSafeInteger(from) && seq === Math.max(inserted, from);
}
