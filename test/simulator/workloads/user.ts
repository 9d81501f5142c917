import { type Position, showPosition } from '../../../shared/position.ts';
import { isRead } from '../../../shared/protocol/classify.ts';
import type { SqlParam, Statement } from '../../../shared/tables/values.ts';
import type { Consistency, HistoryEvent } from '../history.ts';
import type { Random } from '../random.ts';
import { type Follow, type Rows, statement, type Task, type Workload, write } from './task.ts';

/** A whole number and a boolean bind as INTEGER, any other number as REAL. */
export type UserParam = SqlParam | boolean;

export interface UserStatement {
  readonly sql: string;
  readonly params?: readonly UserParam[];
}

/** Seeded: a workload that takes all its luck from here does the same each time a seed runs. */
export type UserRandom = Pick<Random, 'below' | 'between' | 'chance' | 'fraction' | 'pick'>;

/** One statement, or several that are one transaction. */
export type UserRequest = UserStatement | { readonly statements: readonly UserStatement[] };

export interface UserOperation {
  readonly name: string;
  /** How often it is drawn, next to the others; a whole number from 1. */
  readonly weight: number;
  /** What to send. `op` is another number each time. */
  readonly run: (random: UserRandom, op: number) => UserRequest;
  /** Of a read; `session` where it is left out. */
  readonly consistency?: Consistency;
  /** Called with the rows of each statement when the operation has ended well. Gives null, or what is wrong with them. */
  readonly check?: (rows: Rows) => string | null;
  /** What the same client sends after it, having seen these rows; null: nothing in particular. */
  readonly next?: (rows: Rows, op: number) => UserRequest | null;
}

/** A query that is run with every read, at the position at which that is answered. */
export interface UserInvariant extends UserStatement {
  readonly name: string;
  /** Gives null, or what is wrong with the rows. */
  readonly holds: (rows: Rows[number]) => string | null;
}

export interface UserWorkload {
  /** Run first, as one transaction. */
  readonly setup: readonly (string | UserStatement)[];
  readonly operations: readonly UserOperation[];
  readonly invariants?: readonly UserInvariant[];
}

/** What a user's module exports as its default. Gives its argument back: it is there for the types. */
export function defineWorkload(workload: UserWorkload): UserWorkload {
  return workload;
}

/** Of all operations that are drawn, so many look at nothing but the invariants. */
const LOOKS = 0.3;
const LOOK_AT_NOTHING = statement('SELECT 1');
const CONSISTENCIES: readonly Consistency[] = ['session', 'session', 'session', 'strong', 'eventual'];

interface Drawn {
  readonly name: string;
  readonly check: (rows: Rows) => string | null;
  /** Behind its own statements a read has those of the invariants. */
  readonly statements: number;
}

const NOT_CHECKED = () => null;

/** One run of a user's workload: draws its operations, and judges the history that came of them. */
export class UserRun implements Workload {
  readonly name = 'user';
  readonly setup: readonly Statement[];
  readonly views = [];
  /** The invariants' queries. */
  readonly looks: readonly Statement[];
  readonly #invariants: readonly UserInvariant[];
  /** One for each of its weight. */
  readonly #lots: readonly UserOperation[];
  readonly #drawn = new Map<number, Drawn>();

  constructor(workload: UserWorkload) {
    this.#invariants = workload.invariants ?? [];
    this.setup = workload.setup.map((one) => toStatement(typeof one === 'string' ? { sql: one } : one));
    this.looks = this.#invariants.length === 0 ? [LOOK_AT_NOTHING] : this.#invariants.map(toStatement);
    this.#lots = workload.operations.flatMap((one) => Array.from({ length: one.weight }, () => one));
  }

  /** @throws where the user's own code throws, or gives what is no statement */
  draw(random: Random, op: number): Task {
    if (this.#invariants.length > 0 && random.chance(LOOKS)) {
      return { ...write(this.looks), kind: 'read', consistency: random.pick(CONSISTENCIES), waitMs: 1_000 };
    }
    const operation = random.pick(this.#lots);
    const { name, run, consistency = 'session', check = NOT_CHECKED } = operation;
    const task = this.#task(op, { name, check, statements: statementsOf(name, run(random, op)) });
    const own = this.#drawn.get(op)?.statements ?? 0;
    const follow: Follow = (rows, next) => this.#next(operation, rows.slice(0, own), next);
    return { ...task, consistency, waitMs: random.pick([0, 1_000]), follow };
  }

  /** What is wrong, as far as the user's own code can tell. */
  judge(history: readonly HistoryEvent[]): string[] {
    const reads = new Set<number>();
    const found: string[] = [];
    for (const event of history) {
      if (event.event === 'invoke' && event.does.kind === 'read') reads.add(event.op);
      if (event.event !== 'ok' || event.rows === null) continue;
      found.push(...this.#wrongWith(event.op, event.position, event.rows, reads.has(event.op)));
    }
    return found;
  }

  /** Which of the user's operations this one is; null for a look at the invariants. */
  nameOf(op: number): string | null {
    return this.#drawn.get(op)?.name ?? null;
  }

  #task(op: number, { name, check, statements }: Omit<Drawn, 'statements'> & Pick<Task, 'statements'>): Task {
    this.#drawn.set(op, { name, check, statements: statements.length });
    if (!isRead(statements)) return write(statements);
    return { ...write([...statements, ...this.looks]), kind: 'read', waitMs: 1_000 };
  }

  #next({ name, next }: UserOperation, rows: Rows, op: number): Task | null {
    const given = next?.(rows, op) ?? null;
    if (given === null) return null;
    const what = `${name}, next`;
    return this.#task(op, { name: what, check: NOT_CHECKED, statements: statementsOf(what, given) });
  }

  *#wrongWith(op: number, position: Position, rows: Rows, isReading: boolean): Generator<string> {
    const drawn = this.#drawn.get(op);
    const own = drawn?.statements ?? 0;
    const wrong = drawn?.check(rows.slice(0, own)) ?? null;
    if (wrong !== null) yield `${drawn?.name}, operation ${op} at ${showPosition(position)}: ${wrong}`;
    if (!isReading) return;
    for (const [i, { name, holds }] of this.#invariants.entries()) {
      const broken = holds(rows[own + i] ?? []);
      if (broken !== null) yield `${name}, read by operation ${op} at ${showPosition(position)}: ${broken}`;
    }
  }
}

function statementsOf(name: string, given: UserRequest): Statement[] {
  const list: readonly unknown[] = 'statements' in given ? given.statements : [given];
  if (!Array.isArray(list) || list.length === 0 || !list.every(isStatement))
    throw new Error(
      `the operation ${name} gave neither { sql, params } nor { statements: [{ sql, params }] }`,
    );
  return list.map(toStatement);
}

function isStatement(given: unknown): given is UserStatement {
  return typeof given === 'object' && given !== null && 'sql' in given && typeof given.sql === 'string';
}

export function toStatement({ sql, params = [] }: UserStatement): Statement {
  return statement(sql, ...params.map(toParam));
}

function toParam(param: UserParam): SqlParam {
  if (typeof param === 'boolean') return param ? 1n : 0n;
  return typeof param === 'number' && Number.isInteger(param) ? BigInt(param) : param;
}
