import { base64 } from '@scure/base';
import { refuse } from '../failure.ts';
import { RESULT_BYTES_MAX } from '../limits.ts';
import type { Sql, SqlCursor, SqlRow, SqlValue } from '../ports.ts';
import { utf8Length } from '../utf8.ts';

/** What one statement gave, its rows as JSON text in the contract's form. */
export interface StatementResult {
  readonly columns: readonly string[];
  /** JSON text: an array of rows. */
  readonly rows: string;
  readonly meta: ResultMeta;
}

export interface ResultMeta {
  readonly changes: number;
  readonly last_row_id: number;
  readonly rows_read: number;
  readonly rows_written: number;
  /** Always 0: a Worker's clock stands still while code runs, so the time cannot be measured. */
  readonly duration_ms: 0;
}

/** The contract's JSON text of one result. */
export function resultJson({ columns, rows, meta }: StatementResult): string {
  const { changes, last_row_id, rows_read, rows_written } = meta;
  const counts = `"changes":${changes},"last_row_id":${last_row_id},"rows_read":${rows_read},"rows_written":${rows_written}`;
  return `{"columns":${JSON.stringify(columns)},"rows":${rows},"meta":{${counts},"duration_ms":0}}`;
}

/** A double above 2^53 may be an integer that was rounded on its way to JavaScript. */
function mayBeRounded(value: SqlValue): boolean {
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
}

function cellJson(value: SqlValue): string {
  if (value instanceof Uint8Array) return `{"base64":"${base64.encode(value)}"}`;
  if (value === Infinity) return '9e999';
  if (value === -Infinity) return '-9e999';
  return JSON.stringify(value);
}

/** Whether JSON's own form of the value is the contract's. */
function isPlain(value: SqlValue): boolean {
  return value === null || typeof value === 'string' || Number.isFinite(value);
}

function rowJson(row: SqlRow): string {
  for (const value of row) if (!isPlain(value)) return `[${row.map(cellJson).join(',')}]`;
  return JSON.stringify(row);
}

export interface ReadRows {
  readonly json: string;
  readonly hasRoundedIntegers: boolean;
}

/** What the answer to one request may still hold. */
export class ResultRoom {
  #bytes = RESULT_BYTES_MAX;

  /** @throws Refusal */
  take(json: string): void {
    this.#bytes -= utf8Length(json);
    if (this.#bytes >= 0) return;
    refuse({
      code: 'too-large',
      detail: `the results are larger than ${RESULT_BYTES_MAX} bytes; ask for fewer rows (LIMIT) or columns`,
      limit: RESULT_BYTES_MAX,
    });
  }
}

/** Reads a statement's rows to the end. @throws Refusal where they are more than an answer may hold */
export function readRows(cursor: SqlCursor, room: ResultRoom): ReadRows {
  const rows: string[] = [];
  let hasRoundedIntegers = false;
  for (const row of cursor) {
    const json = rowJson(row);
    room.take(json);
    for (const value of row) hasRoundedIntegers ||= mayBeRounded(value);
    rows.push(json);
  }
  return { json: `[${rows.join(',')}]`, hasRoundedIntegers };
}

/**
 * The rows of a writing statement that gives digits behind its own columns (returning.ts).
 * @throws Refusal where they are more than an answer may hold
 */
export function readReturned(
  cursor: SqlCursor,
  digits: readonly (number | null)[],
  room: ResultRoom,
): string {
  const rows: string[] = [];
  for (const row of cursor) {
    const cells = digits.map((at, i) => {
      const exact = at === null ? null : (row[digits.length + at] ?? null);
      return exact === null ? cellJson(row[i] ?? null) : integerJson(String(exact));
    });
    const json = `[${cells.join(',')}]`;
    room.take(json);
    rows.push(json);
  }
  return `[${rows.join(',')}]`;
}

/** The platform gives at most 100 columns, of which one says what the others are. */
const EXACT_COLUMNS_MAX = 80;

/**
 * The rows of a reading statement again, integers exact: SQLite writes them as text, beside a string that says
 * which cells were integers. Null where the statement cannot be wrapped. Their room was taken by the first reading.
 */
export function readExactRows(
  sql: Sql,
  text: string,
  bindings: readonly SqlValue[],
  width: number,
): string | null {
  if (width > EXACT_COLUMNS_MAX) return null;
  const names = Array.from({ length: width }, (_, i) => `c${i}`);
  const values = names.map((c) => `CASE typeof(${c}) WHEN 'integer' THEN CAST(${c} AS TEXT) ELSE ${c} END`);
  const kinds = names.map((c) => `substr(typeof(${c}), 1, 1)`).join(' || ');
  const wrapped = `WITH _tidemark_rows(${names.join(', ')}) AS MATERIALIZED (${text}) SELECT ${values.join(', ')}, ${kinds} FROM _tidemark_rows`;
  const rows: string[] = [];
  for (const row of sql.exec(wrapped, ...bindings)) {
    const kindsOfRow = String(row.at(-1));
    const cells = row
      .slice(0, -1)
      .map((value, i) => (kindsOfRow[i] === 'i' ? integerJson(String(value)) : cellJson(value)));
    rows.push(`[${cells.join(',')}]`);
  }
  return `[${rows.join(',')}]`;
}

function integerJson(digits: string): string {
  return Number.isSafeInteger(Number(digits)) ? digits : `{"integer":"${digits}"}`;
}
