import { present } from '../assert.ts';
import { refuse, Refusal } from '../failure.ts';
import { ENTRY_BYTES_MAX, PLATFORM_ROW_BYTES_MAX } from '../limits.ts';
import { first, run, type Sql, type SqlRow } from '../ports.ts';
import { utf8Length } from '../utf8.ts';

/** One captured change: a line of an entry. */
export interface ChangeRow {
  readonly id: number;
  readonly time: number;
  readonly line: string;
  /** The line's length in UTF-8. */
  readonly bytes: number;
}

/** What SQLite says of the statement that ran last, and what the triggers captured of it. */
export interface Written {
  readonly changes: number;
  readonly lastRowId: number;
  readonly added: readonly ChangeRow[];
}

/** The leader's clock, in milliseconds, as the capture triggers read it. */
export const CLOCK_SQL = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

const MORE_SQL = 'SELECT id, time, line FROM _tidemark_changes WHERE id > ? ORDER BY id';

/** Both at once where there is something to read, because this is run after every write. */
const WRITTEN_SQL =
  'SELECT id, time, line, changes(), last_insert_rowid() FROM _tidemark_changes WHERE id > ? ORDER BY id';
const ADD_SQL = `INSERT INTO _tidemark_changes (time, line) VALUES (${CLOCK_SQL}, ?)`;

const COUNTS_SQL = 'SELECT NULL, NULL, NULL, changes(), last_insert_rowid()';

/** The changes of the open transaction, oldest first, read as they grow. */
export class Captured {
  readonly #sql: Sql;
  readonly #rows: ChangeRow[] = [];
  #last: number;
  #bytes = 0;
  #mayHaveGrown = false;

  /** `last`: the last change that an entry holds. */
  constructor(sql: Sql, last: number) {
    this.#sql = sql;
    this.#last = last;
  }

  /** Puts a finished line behind those so far. */
  add(line: string): void {
    run(this.#sql, ADD_SQL, line);
    this.#mayHaveGrown = true;
  }

  /** Says that a statement ran after which `readWritten` was not called. */
  expectMore(): void {
    this.#mayHaveGrown = true;
  }

  /** All so far. @throws Refusal where they are more, or other, than an entry can hold */
  read(): readonly ChangeRow[] {
    if (!this.#mayHaveGrown) return this.#rows;
    this.#mayHaveGrown = false;
    const known = this.#rows.length;
    for (const [id, time, line] of this.#sql.exec(MORE_SQL, this.#last)) this.#take(id, time, line);
    this.#checkTexts(known);
    return this.#rows;
  }

  lines(): readonly string[] {
    return this.read().map((row) => row.line);
  }

  /** Call right after a statement that wrote: any other would overwrite what SQLite remembers of it. @throws Refusal */
  readWritten(): Written {
    const known = this.#rows.length;
    let counts: SqlRow | null = null;
    for (const row of this.#sql.exec(WRITTEN_SQL, this.#last)) {
      counts = row;
      this.#take(row[0], row[1], row[2]);
    }
    counts ??= present(first(this.#sql, COUNTS_SQL), 'the counts of a statement');
    this.#checkTexts(known);
    const added = known === 0 ? this.#rows : this.#rows.slice(known);
    return { changes: counts[3] as number, lastRowId: counts[4] as number, added };
  }

  /** Once the rows are read: a statement in between would end the reading. */
  #checkTexts(from: number): void {
    for (const row of this.#rows.slice(from))
      if (row.line.includes('\uFFFD')) refuseIfNotText(this.#sql, row);
  }

  #take(
    id: SqlRow[number] | undefined,
    time: SqlRow[number] | undefined,
    line: SqlRow[number] | undefined,
  ): void {
    const bytes = utf8Length(line as string);
    const row: ChangeRow = { id: id as number, time: time as number, line: line as string, bytes };
    this.#bytes += bytes;
    if (bytes > PLATFORM_ROW_BYTES_MAX) throw largeRow();
    if (this.#bytes > ENTRY_BYTES_MAX) refuseLargeEntry();
    this.#rows.push(row);
    this.#last = row.id;
  }
}

/** The platform refuses such a row by itself; a local runtime is more generous, and must not let more through. */
export function largeRow(): Refusal {
  return new Refusal({
    code: 'too-large',
    detail: `a row is larger than ${PLATFORM_ROW_BYTES_MAX} bytes as it stands in the log, where an update holds it before and after and a blob counts twice; store large values elsewhere or in pieces`,
    limit: PLATFORM_ROW_BYTES_MAX,
  });
}

function refuseLargeEntry(): never {
  return refuse({
    code: 'too-large',
    detail: `the transaction changes more than ${ENTRY_BYTES_MAX} bytes of rows; split it into smaller ones`,
    limit: ENTRY_BYTES_MAX,
  });
}

/**
 * JavaScript reads text that is not UTF-8 (`CAST(x'ff' AS TEXT)`) with U+FFFD in place of what it cannot, so that
 * followers would get another value than is stored here.
 */
function refuseIfNotText(sql: Sql, { id, line }: ChangeRow): void {
  if (first(sql, 'SELECT line = ? FROM _tidemark_changes WHERE id = ?', line, id)?.[0] === 1) return;
  refuse({
    code: 'sql-not-allowed',
    detail: 'the statement stores a text that is not UTF-8; store such bytes as a blob',
  });
}
