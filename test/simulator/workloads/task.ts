import type { SqlParam, Statement } from '../../../shared/tables/values.ts';
import type { Consistency } from '../history.ts';
import type { Effect, View } from '../model.ts';
import type { Random } from '../random.ts';

/** The rows of each statement, as a client gets them. */
export type Rows = readonly (readonly (readonly unknown[])[])[];

/** What the same client is to do next, as its operation `op`; null: nothing in particular. */
export type Follow = (rows: Rows, op: number) => Task | null;

/** What a client wants done. */
export interface Task {
  readonly kind: 'read' | 'write';
  readonly statements: readonly Statement[];
  readonly effects: readonly Effect[];
  readonly views: readonly View[];
  readonly consistency: Consistency;
  readonly waitMs: number;
  readonly isKeyed: boolean;
  /** Whose device asks: the devices of one user share what they have seen, but no token. Null: nobody's. */
  readonly user: string | null;
  /** Asked once the operation has ended ok. */
  readonly follow: Follow | null;
}

/** Some tables and what clients do with them. Made anew for each run, so that it may remember what it drew. */
export interface Workload {
  readonly name: string;
  /** Run once, in one transaction with the other workloads', before anything else. */
  readonly setup: readonly Statement[];
  /** What of the model its tables show; their SQL is in views.ts. */
  readonly views: readonly View[];
  /** The operation with the number `op`. */
  draw(random: Random, op: number): Task;
}

export function statement(sql: string, ...params: readonly SqlParam[]): Statement {
  return { sql, params };
}

/** A whole number, as SQLite is to store it; a plain number binds as REAL. */
export function integer(value: number): bigint {
  return BigInt(value);
}

export function write(statements: readonly Statement[], effects: readonly Effect[] = []): Task {
  return {
    kind: 'write',
    statements,
    effects,
    views: [],
    consistency: 'session',
    waitMs: 0,
    isKeyed: false,
    user: null,
    follow: null,
  };
}

/** Like `write`, of one statement. */
export function run(sql: string, ...params: readonly SqlParam[]): Task {
  return write([{ sql, params }]);
}

/** A look at tables that the model does not know: nothing is said of its rows. */
export function read(sql: string): Task {
  return { ...write([{ sql, params: [] }]), kind: 'read', waitMs: 1_000 };
}
