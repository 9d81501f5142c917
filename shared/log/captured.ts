import { refuse, Refusal } from '../failure.ts';
import { ENTRY_BYTES_MAX, PLATFORM_ROW_BYTES_MAX } from '../limits.ts';
import { first, type Sql, type SqlRow } from '../ports.ts';
import { utf8Length } from '../utf8.ts';

/** One captured change: a line of an entry. */
export interface ChangeRow {
  readonly id: number;
  readonly time: number;
  readonly line: string;
}

/** What SQLite says of the statement that ran last, and what the triggers captured of it. */
export interface Written {
  readonly changes: number;
  readonly lastRowId: number;
  readonly added: readonly ChangeRow[];
}

const MORE_SQL = 'SELECT id, time, line FROM _tidemark_changes WHERE id > ? ORDER BY id';

/** One statement for both, because this is run after every write. Its rows come in the order of the scan, by id. */
const WRITTEN_SQL = `SELECT changes(), last_insert_rowid(), c.id, c.time, c.line
  FROM (SELECT 1) LEFT JOIN _tidemark_changes AS c ON c.id > ?`;

/** The changes of the open transaction, oldest first, read as they grow. */
export class Captured {
  readonly #sql: Sql;
  readonly #rows: ChangeRow[] = [];
  #last: number;
  #bytes = 0;

  /** `last`: the last change that an entry holds. */
  constructor(sql: Sql, last: number) {
    this.#sql = sql;
    this.#last = last;
  }

  /** All so far. @throws Refusal where they are more, or other, than an entry can hold */
  read(): readonly ChangeRow[] {
    const known = this.#rows.length;
    for (const [id, time, line] of this.#sql.exec(MORE_SQL, this.#last)) this.#add(id, time, line);
    this.#checkTexts(known);
    return this.#rows;
  }

  lines(): readonly string[] {
    return this.read().map((row) => row.line);
  }

  /** Call right after a statement that wrote: any other would overwrite what SQLite remembers of it. @throws Refusal */
  readWritten(): Written {
    const known = this.#rows.length;
    let counts: SqlRow = [0, 0];
    for (const row of this.#sql.exec(WRITTEN_SQL, this.#last)) {
      counts = row;
      if (row[2] !== null) this.#add(row[2], row[3], row[4]);
    }
    this.#checkTexts(known);
    const added = known === 0 ? this.#rows : this.#rows.slice(known);
    return { changes: counts[0] as number, lastRowId: counts[1] as number, added };
  }

  /** Once the rows are read: a statement in between would end the reading. */
  #checkTexts(from: number): void {
    for (const row of this.#rows.slice(from))
      if (row.line.includes('\uFFFD')) refuseIfNotText(this.#sql, row);
  }

  #add(
    id: SqlRow[number] | undefined,
    time: SqlRow[number] | undefined,
    line: SqlRow[number] | undefined,
  ): void {
    const row: ChangeRow = { id: id as number, time: time as number, line: line as string };
    const size = utf8Length(row.line);
    this.#bytes += size;
    if (size > PLATFORM_ROW_BYTES_MAX) throw largeRow();
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
