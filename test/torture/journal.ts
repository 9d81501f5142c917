import { type Position, showPosition } from '../../shared/position.ts';
import type { Statement } from '../../shared/tables/values.ts';
import type { Branches } from '../simulator/checker/branches.ts';
import type { Task } from '../simulator/workloads/task.ts';
import type { Lost, Rows, Told } from './http.ts';

/** What the log of a replica says of one entry, or what it has kept of one that was lost. */
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

/**
 * Rolled-back transactions give their ids back, and so does a failover that cuts entries off, so that ids and LSNs go up together: the set-up is 1 in
 * both. No row is ever deleted.
 */
export const CREATE_JOURNAL: Statement = {
  sql: `CREATE TABLE ${JOURNAL_TABLE} (id INTEGER PRIMARY KEY, op INTEGER NOT NULL)`,
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

type Done = Extract<Told, { kind: 'done' }>;

/** A token that was sent, and what came back. */
interface Carried {
  readonly sent: Position | null;
  readonly token: Position | null;
  readonly position: Position | null;
  readonly lost: Lost | null;
}

/** What is there in the end. */
export interface Ending {
  /** The journal of the leader. */
  readonly ops: readonly number[];
  /** Its log. */
  readonly log: readonly LoggedEntry[];
  /** What all replicas have kept of what was lost. */
  readonly kept: readonly LoggedEntry[];
  readonly branches: Branches;
  /** Whether no acknowledged write may be lost. */
  readonly isSafe: boolean;
}

interface Acknowledged {
  readonly op: number;
  readonly position: Position;
  /** Of its row; null where it was told that it changed nothing. */
  readonly id: number | null;
}

/** What clients were told, to be compared with what is there in the end. */
export class Journal {
  readonly #findings: Finding[] = [];
  readonly #told: Acknowledged[] = [];
  readonly #again: { readonly op: number; readonly first: Done; readonly again: Done }[] = [];
  readonly #carried: Carried[] = [];

  /** `rows` are what the journal's statement gave back. */
  acknowledged(op: number, position: Position, rows: Rows): void {
    const id = rows[0] === undefined ? null : Number(rows[0][0]);
    this.#told.push({ op, position, id });
    if (id !== null && id !== position.lsn)
      this.violation(
        'I8',
        `operation ${op} is acknowledged at ${showPosition(position)}, and is entry ${id}`,
      );
  }

  /** A request that was answered was sent once more. */
  answeredAgain(op: number, first: Done, again: Done): void {
    this.#again.push({ op, first, again });
    this.acknowledged(op, again.position, again.rows.at(-1) ?? []);
  }

  carried(carried: Carried): void {
    this.#carried.push(carried);
  }

  violation(id: string, what: string): void {
    this.#findings.push({ id, what });
  }

  /** How many acknowledged writes are not in the end's log. */
  lostOf({ branches }: Ending): number {
    return this.#told.filter(({ id, position }) => id !== null && !branches.isKept(position)).length;
  }

  /** What is wrong, once it is known what is there. */
  *verify(ending: Ending): Generator<Finding> {
    yield* this.#findings;
    yield* wrongInLog(ending);
    for (const told of this.#told) yield* told.id === null ? nothing(told, ending) : missing(told, ending);
    for (const { op, first, again } of this.#again) {
      const { branches } = ending;
      const isSame =
        branches.holds(first.position, again.position) || branches.holds(again.position, first.position);
      if (first.body !== again.body && isSame)
        yield { id: 'K1', what: `operation ${op} was given two different answers for its key` };
    }
    for (const carried of this.#carried) yield* forgotten(carried, ending);
  }
}

/** Row n of the journal is entry n of the log. */
function* wrongInLog({ ops, log }: Ending): Generator<Finding> {
  for (const { position, ops: logged } of log) {
    const op = ops[position.lsn - 1];
    if (logged.length !== 1 || logged[0] !== op)
      yield {
        id: 'I8',
        what: `entry ${showPosition(position)} is of [${logged.join()}], and row ${position.lsn} of the journal of ${op}`,
      };
  }
  const last = log.at(-1)?.position.lsn ?? 0;
  if (ops.length > last)
    yield { id: 'I8', what: `${ops.length} writes are in the journal and ${last} in the log` };
}

/** Where it was acknowledged it stays, unless a failover cut it off; then somebody has kept it. */
function* missing(
  { op, position, id }: Acknowledged,
  { ops, kept, branches, isSafe }: Ending,
): Generator<Finding> {
  if (branches.isKept(position)) {
    const there = ops[(id ?? 0) - 1];
    if (there !== op)
      yield { id: 'I7', what: `operation ${op} is acknowledged as entry ${id}, which is of ${there}` };
    return;
  }
  const where = `operation ${op} was acknowledged at ${showPosition(position)}, which a failover cut off`;
  if (isSafe) yield { id: 'I9', what: where };
  const isThere = kept.some((one) => isAt(one.position, position) && one.ops.includes(op));
  if (!isThere) yield { id: 'I9', what: `${where}, and nobody has kept it` };
}

/** Its key lives with the leader that said so: one that came later may do it. */
function* nothing({ op, position }: Acknowledged, { ops, branches }: Ending): Generator<Finding> {
  const lsn = ops.indexOf(op) + 1;
  const isBySame = branches.newest === 0 || branches.epochAt(branches.newest, lsn) === position.epoch;
  if (lsn > 0 && isBySame)
    yield { id: 'I8', what: `operation ${op} was told that it changed nothing, and made an entry` };
}

/** An answer's token has all that the one that was sent had seen, and what the answer shows; but for what it says to be lost. */
function* forgotten({ sent, token, position, lost }: Carried, { branches }: Ending): Generator<Finding> {
  for (const least of [lost === null ? sent : null, position]) {
    if (least === null || (token !== null && branches.holds(token, least))) continue;
    const has = token === null ? 'nothing' : showPosition(token);
    yield { id: 'T7', what: `a token that had to hold ${showPosition(least)} came back with ${has}` };
  }
  if (lost === null || sent === null || token === null) return;
  if (branches.isKept(sent) && !branches.holds(token, sent))
    yield {
      id: 'T7',
      what: `a token at ${showPosition(sent)} was set back to ${showPosition(token)}, and nothing of it is lost`,
    };
}

function isAt(a: Position, b: Position): boolean {
  return a.epoch === b.epoch && a.lsn === b.lsn;
}
