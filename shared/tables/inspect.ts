import { present } from '../assert.ts';
import { refuse } from '../failure.ts';
import { Lru } from '../lru.ts';
import { all, type Sql, SqlError } from '../ports.ts';
import { indexOfByte, utf8Length } from '../utf8.ts';
import type { PlanText } from './plan-text.ts';
import { CAPTURE_PREFIX, isReservedName, SCHEMA_VIEW_TABLES } from './reserved.ts';
import type { ParsedStatement } from './statement.ts';

export interface Verdict {
  /** By SQLite's plan: it starts a write transaction. */
  readonly writes: boolean;
}

/**
 * SQLite gives the same compiled EXPLAIN again for the same text, though the schema has changed since: it
 * checks that only when a statement runs. So after each `forget` the texts are others, on every connection
 * that this process may have: they carry a number that is never given twice.
 */
let plansForgotten = 0;

const VERDICTS_MAX = 1000;
const CACHED_CHARS_MAX = 2000;

/** A step of a plan, of the program it belongs to. */
interface Step {
  readonly opcode: string;
  readonly p1: number;
  readonly p2: number;
  readonly p3: number;
  readonly p5: number;
  /** The statement itself, one of Tidemark's capture triggers, or another trigger or foreign key action. */
  readonly program: 'statement' | 'capture' | 'action';
}

/**
 * The authorizer that the platform does not have: SQLite's own plan of a statement says which tables it opens,
 * through views, triggers and foreign keys, whatever their names look like in the text.
 */
export class Inspector {
  readonly #sql: Sql;
  readonly #verdicts = new Lru<string, Verdict>(VERDICTS_MAX);
  #tables: ReadonlyMap<number, string> | null = null;
  #prefix = newPrefix();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** @throws Refusal `sql-not-allowed`; SqlError where the statement cannot be planned. */
  inspect(parsed: ParsedStatement): Verdict {
    const { plan } = parsed;
    if (plan === null) return { writes: parsed.kind === 'schema' };
    const known = this.#verdicts.get(plan.text) ?? this.#judge(parsed, plan);
    // EXPLAIN of a write shares the write's verdict, but writes nothing.
    return parsed.verb === 'EXPLAIN' ? READS : known;
  }

  /** Call when the schema changed, or a change of it was undone: the same text may open other tables now. */
  forget(): void {
    this.#verdicts.clear();
    this.#tables = null;
    this.#prefix = newPrefix();
  }

  #judge(parsed: ParsedStatement, plan: PlanText): Verdict {
    const steps = this.#steps(parsed, plan);
    for (const step of steps) this.#checkStep(step, parsed);
    const verdict = { writes: steps.some(({ opcode, p2 }) => opcode === 'Transaction' && p2 !== 0) };
    if (plan.text.length <= CACHED_CHARS_MAX) this.#verdicts.set(plan.text, verdict);
    return verdict;
  }

  #steps(parsed: ParsedStatement, plan: PlanText): Step[] {
    const nulls = Array.from({ length: plan.parameterCount }, () => null);
    try {
      return toSteps(all(this.#sql, this.#prefix + plan.text, ...nulls));
    } catch (error) {
      if (!(error instanceof SqlError) || error.offset === null) throw error;
      throw new SqlError(
        error.message,
        error.kind,
        usersOffset(error.offset - this.#prefix.length, parsed, plan),
      );
    }
  }

  #checkStep(step: Step, parsed: ParsedStatement): void {
    if (endsTransaction(step)) {
      refuse({
        code: 'sql-not-allowed',
        detail: 'the statement would end the transaction it runs in; use ABORT in place of ROLLBACK',
      });
    }
    // ALTER TABLE looks for temporary triggers; that there are none is seen to by the words.
    if (step.opcode === 'Transaction' && step.p1 !== 0 && parsed.kind !== 'schema') {
      refuse({ code: 'sql-not-allowed', detail: 'there is no temporary or attached database' });
    }
    const root = rootOf(step);
    if (root === null || step.program === 'capture') return;
    const table = this.#tableAt(root);
    if (!isHidden(table, parsed)) return;
    if (isReading(step) && parsed.readsSchema && SCHEMA_VIEW_TABLES.has(table)) return;
    refuse({
      code: 'sql-not-allowed',
      detail: isReservedName(table)
        ? 'the statement reaches a table whose name is reserved'
        : 'write sqlite_master without quotes or in double quotes',
    });
  }

  #tableAt(root: number): string {
    if (root === SCHEMA_ROOT) return 'sqlite_schema';
    this.#tables ??= readRoots(this.#sql);
    return present(this.#tables.get(root), `a table at root page ${root}`);
  }
}

function endsTransaction({ opcode, p1, p2, p3 }: Step): boolean {
  if (opcode === 'JournalMode' && p3 === ASKS_FOR_MODE) return false;
  return ENDING.has(opcode) || (FAILING.has(opcode) && p1 !== 0 && p2 === ON_ERROR_ROLLBACK);
}

const READS: Verdict = { writes: false };
const SCHEMA_ROOT = 1;
const ON_ERROR_ROLLBACK = 1;
/** An operand that is a register: the plan makes this table itself. */
const P2_IS_REGISTER = 0x10;
const ENDING: ReadonlySet<string> = new Set([
  'AutoCommit',
  'Savepoint',
  'Vacuum',
  'JournalMode',
  'Checkpoint',
  'IncrVacuum',
]);
/** As SQLite writes a statement that finds nothing to do, such as DROP TABLE IF EXISTS: it asks for the mode, and sets none. */
const ASKS_FOR_MODE = -1;
const FAILING: ReadonlySet<string> = new Set(['Halt', 'HaltIfNull']);

/** A schema statement reads and writes SQLite's schema table as a matter of course. */
function isHidden(table: string, parsed: ParsedStatement): boolean {
  return isReservedName(table) || (table === 'sqlite_schema' && parsed.kind !== 'schema');
}

function isReading({ opcode }: Step): boolean {
  return opcode === 'OpenRead' || opcode === 'ReopenIdx';
}

/** The root page of the table or index that a step opens, empties or drops. */
function rootOf({ opcode, p1, p2, p5 }: Step): number | null {
  switch (opcode) {
    case 'OpenRead':
    case 'ReopenIdx':
    case 'OpenWrite':
      return (p5 & P2_IS_REGISTER) === 0 ? p2 : null;
    case 'Clear':
    case 'Destroy':
      return p1;
    default:
      return null;
  }
}

function readRoots(sql: Sql): Map<number, string> {
  return new Map(
    all(sql, 'SELECT rootpage, tbl_name FROM sqlite_schema WHERE rootpage > 0').map(([root, table]) => [
      root as number,
      table as string,
    ]),
  );
}

/**
 * EXPLAIN lists the statement's own program and then those of triggers, each numbered from 0. A trigger's
 * first step names it, and no user can make a trigger with Tidemark's prefix.
 */
function toSteps(rows: readonly (readonly unknown[])[]): Step[] {
  let program: Step['program'] = 'statement';
  return rows.map(([address, opcode, p1, p2, p3, p4, p5], i) => {
    if (address === 0 && i > 0) program = isCapture(String(p4)) ? 'capture' : 'action';
    return {
      opcode: opcode as string,
      p1: p1 as number,
      p2: p2 as number,
      p3: p3 as number,
      p5: Number(p5),
      program,
    };
  });
}

function isCapture(comment: string): boolean {
  return comment.startsWith(`-- TRIGGER ${CAPTURE_PREFIX}`) || comment.startsWith(`-- ${CAPTURE_PREFIX}`);
}

function newPrefix(): string {
  plansForgotten += 1;
  return `EXPLAIN /*${plansForgotten}*/ `;
}

/** The byte of the user's text that SQLite means by this one of the plan's; null where that cannot be told. */
function usersOffset(offset: number, { text, origin }: ParsedStatement, { from }: PlanText): number | null {
  if (from === null) return null;
  let index = origin.start + from + indexOfByte(text.slice(from), offset);
  for (const edit of origin.edits) {
    if (index < edit.start + edit.text.length) break;
    index += edit.end - edit.start - edit.text.length;
  }
  return utf8Length(origin.sql.slice(0, index));
}
