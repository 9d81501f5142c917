import { type Position, showPosition } from '../../shared/position.ts';
import type { Statement } from '../../shared/tables/values.ts';
import type { Append } from '../simulator/history.ts';
import type { Task } from '../simulator/workloads/task.ts';
import type { Rows } from './http.ts';

/** What the log of a replica says of one entry. */
export interface LoggedEntry {
  readonly position: Position;
  /** The operations whose journal rows the entry inserts. */
  readonly ops: readonly number[];
}

export interface Finding {
  readonly id: string;
  readonly what: string;
}

export const JOURNAL_TABLE = 'journal';

/** Rolled-back transactions give their ids back, so that ids and LSNs go up together: the set-up is 1 in both. */
export const CREATE_JOURNAL: Statement = {
  sql: `CREATE TABLE ${JOURNAL_TABLE} (id INTEGER PRIMARY KEY AUTOINCREMENT, op INTEGER NOT NULL)`,
  params: [],
};

/**
 * The task's statements, and one that writes the operation's number where the log's order can be read from later, also
 * of writes whose answer nobody heard. A compare-and-set that finds another value must stay without an entry.
 */
export function journaled(
  op: number,
  { statements, effects }: Pick<Task, 'statements' | 'effects'>,
): Statement[] {
  const insert = `INSERT INTO ${JOURNAL_TABLE} (op) SELECT ?`;
  const [effect] = effects;
  const number = BigInt(op);
  if (effects.length === 1 && effect?.[0] === 'compare-and-set') {
    const [, key, , to] = effect;
    const where = 'WHERE EXISTS (SELECT 1 FROM registers WHERE key = ? AND value = ?)';
    return [...statements, { sql: `${insert} ${where} RETURNING id`, params: [number, key, BigInt(to)] }];
  }
  return [...statements, { sql: `${insert} RETURNING id`, params: [number] }];
}

/** What clients were told of their writes, to be compared with what is there in the end. */
export class Journal {
  readonly #findings: Finding[] = [];
  /** By operation: the id of its row; null where it was told that it changed nothing. */
  readonly #told = new Map<number, number | null>();

  /** `rows` are what the journal's statement gave back. */
  acknowledged(op: number, position: Position, rows: Rows): void {
    const id = rows[0] === undefined ? null : Number(rows[0][0]);
    this.#told.set(op, id);
    if (id !== null && id !== position.lsn)
      this.violation(
        'I8',
        `operation ${op} is acknowledged at ${showPosition(position)}, and is entry ${id}`,
      );
  }

  violation(id: string, what: string): void {
    this.#findings.push({ id, what });
  }

  /** What is wrong, once it is known what the leader's table and log hold. */
  *verify(ops: readonly number[], log: readonly LoggedEntry[]): Generator<Finding> {
    yield* this.#findings;
    for (const [i, { position, ops: logged }] of log.entries()) {
      if (logged.length !== 1 || logged[0] !== ops[i])
        yield {
          id: 'I8',
          what: `entry ${showPosition(position)} is of [${logged.join()}], and row ${i + 1} of the journal of ${ops[i]}`,
        };
    }
    if (ops.length > log.length)
      yield { id: 'I8', what: `${ops.length} writes are in the journal and ${log.length} in the log` };
    const written = new Set(ops);
    for (const [op, id] of this.#told) {
      if (id !== null && ops[id - 1] !== op)
        yield {
          id: 'I7',
          what: `operation ${op} is acknowledged as entry ${id}, which is of ${ops[id - 1]}`,
        };
      if (id === null && written.has(op))
        yield { id: 'I8', what: `operation ${op} was told that it changed nothing, and made an entry` };
    }
  }
}

/** The order in which writes were committed, as the simulator's leader writes it down when it happens. */
export function appends(replica: string, log: readonly LoggedEntry[]): Append[] {
  return log.map(({ position, ops: [op] }) => ({
    event: 'append',
    replica,
    position,
    op: op ?? null,
    bytes: 0,
  }));
}
