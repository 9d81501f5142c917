import { ACCOUNTS, BALANCE } from '../model.ts';
import { integer, statement, type Workload, write } from './task.ts';

const OPEN = `WITH RECURSIVE n (id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id + 1 < ?1)
  INSERT INTO accounts SELECT id, ?2 FROM n`;
const MOVE = 'UPDATE accounts SET balance = balance + ? WHERE id = ?';

/** Accounts that together always hold the same. A move fails where one would go below zero: after its first half was done. */
export function bank(): Workload {
  return {
    name: 'bank',
    setup: [
      statement(
        'CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0))',
      ),
      statement(OPEN, integer(ACCOUNTS), integer(BALANCE)),
    ],
    views: ['accounts'],
    draw(random) {
      const from = random.below(ACCOUNTS);
      const to = (from + random.between(1, ACCOUNTS - 1)) % ACCOUNTS;
      const amount = random.between(1, 50);
      return write(
        [statement(MOVE, integer(amount), integer(to)), statement(MOVE, integer(-amount), integer(from))],
        [['move', from, to, amount]],
      );
    },
  };
}
