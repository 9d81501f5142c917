import { Refusal } from '../failure.ts';
import { largeRow } from '../log/captured.ts';
import { type Sql, SqlError, type SqlValue } from '../ports.ts';
import { bindStatement, columnName } from './bind.ts';
import { Inspector } from './inspect.ts';
import { publicMessage } from './reserved.ts';
import { readExactRows, readRows, type ResultRoom, type StatementResult } from './result.ts';
import { type ParsedStatement, StatementCache } from './statement.ts';
import type { Statement } from './values.ts';

/** A statement that the guard let through, ready to run. */
export interface Prepared {
  readonly parsed: ParsedStatement;
  readonly text: string;
  readonly bindings: readonly SqlValue[];
  /** By SQLite's own plan, not by the look of the statement. */
  readonly writes: boolean;
}

/** Takes users' statements through the guard, and runs those that read. */
export class Preparer {
  readonly #sql: Sql;
  readonly #statements = new StatementCache();
  readonly #inspector: Inspector;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#inspector = new Inspector(sql);
  }

  /** @throws Refusal, or SqlError where the statement cannot be compiled against the schema. */
  prepare(statement: Statement): Prepared {
    const parsed = this.#statements.parse(statement.sql);
    const { text, bindings } = bindStatement(parsed, statement.params);
    return { parsed, text, bindings, writes: this.#inspector.inspect(parsed).writes };
  }

  /** Call after each change of the schema: plans that were looked at are no longer those that run. */
  forgetPlans(): void {
    this.#inspector.forget();
  }

  /** Runs a statement that does not write. */
  read({ parsed, text, bindings }: Prepared, room: ResultRoom): StatementResult {
    const cursor = this.#sql.exec(text, ...bindings);
    const columns = cursor.columns.map(columnName);
    const { json, hasRoundedIntegers } = readRows(cursor, room);
    const canWrap = hasRoundedIntegers && (parsed.verb === 'SELECT' || parsed.verb === 'VALUES');
    const rows = canWrap ? readExactRows(this.#sql, text, bindings, columns.length) : null;
    return {
      columns,
      rows: rows ?? json,
      meta: { changes: 0, last_row_id: 0, rows_read: cursor.rowsRead, rows_written: 0, duration_ms: 0 },
    };
  }
}

/** The failure that a user's statement ends in. Anything that is neither a refusal nor SQLite's word goes on as a bug. */
export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (!(error instanceof SqlError)) throw error;
  const detail = publicMessage(error.message);
  if (error.kind === 'constraint') return new Refusal({ code: 'constraint', detail });
  if (error.kind === 'too-big') return largeRow();
  return new Refusal({
    code: 'sql-error',
    detail,
    ...(error.offset === null ? {} : { offset: error.offset }),
  });
}
