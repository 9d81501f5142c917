import type { FailureCode } from '../../shared/failure.ts';
import type { SqlParam, Statement } from '../../shared/tables/values.ts';
import type { Step } from './harness.ts';

type Sent = string | Statement;

function toStatement(sent: Sent): Statement {
  return typeof sent === 'string' ? { sql: sent, params: [] } : sent;
}

export function bound(sql: string, ...params: readonly SqlParam[]): Statement {
  return { sql, params };
}

/** One transaction that must be taken, here as by the plain database. */
export function done(...sent: readonly Sent[]): Step {
  return { statements: sent.map(toStatement), expected: 'done', beside: 'plain' };
}

/** One transaction that must fail, here as with the plain database. */
export function failing(code: 'constraint' | 'sql-error' | 'too-large', ...sent: readonly Sent[]): Step {
  return { statements: sent.map(toStatement), expected: code, beside: 'plain' };
}

/** One transaction that must end here as it does with the plain database. */
export function alike(...sent: readonly Sent[]): Step {
  return { statements: sent.map(toStatement), expected: 'as plain', beside: 'plain' };
}

/** One transaction that Tidemark does not take although SQLite does. */
export function refused(code: FailureCode, ...sent: readonly Sent[]): Step {
  return { statements: sent.map(toStatement), expected: code, beside: 'replicas only' };
}

/** One transaction that no two databases do alike: from here on only the replicas are compared. */
export function drawn(...sent: readonly Sent[]): Step {
  return { statements: sent.map(toStatement), expected: 'done', beside: 'replicas only' };
}
