import { StatementCache } from '../tables/statement.ts';
import type { Statement } from '../tables/values.ts';

const parsed = new StatementCache();

/**
 * Whether these statements only read, as far as their words tell, so that a follower may be asked. One that
 * writes all the same is found out there by its effect, and goes to the leader.
 * @throws Refusal as `parseStatement` does
 */
export function isRead(statements: readonly Statement[]): boolean {
  return statements.every(({ sql }) => parsed.parse(sql).kind === 'read');
}
