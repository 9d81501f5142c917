import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { present } from '../../shared/assert.ts';
import type { FailureCode } from '../../shared/failure.ts';
import { Follower } from '../../shared/follower/follower.ts';
import type { LeaderEffect } from '../../shared/leader/events.ts';
import type { Leader } from '../../shared/leader/leader.ts';
import { Log } from '../../shared/log/log.ts';
import { EPOCH_FIRST } from '../../shared/lsn.ts';
import { assign, loadAssigned } from '../../shared/protocol/assigned.ts';
import type { Assignment } from '../../shared/protocol/assignment.ts';
import { MESSAGE_VERSION, type Batch, type ReplicaAnswer } from '../../shared/protocol/messages.ts';
import { digest } from '../../shared/tables/digest.ts';
import type { Statement } from '../../shared/tables/values.ts';
import { executeRequest } from '../execute-request.ts';
import { leasedLeader } from '../leased.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { dumpSchema, dumpTables, faults, Oracle, type PlainResult } from './oracle.ts';

/** How a step must end: done, refused with this code, or whatever the plain database does. */
export type Expected = 'done' | 'as plain' | FailureCode;

export interface Step {
  /** One transaction. */
  readonly statements: readonly Statement[];
  readonly expected: Expected;
  /** Whether the plain database can be asked too: not where the statements draw lots, or Tidemark takes less. */
  readonly beside: 'plain' | 'replicas only';
}

const LEADER = { name: 'leader', region: 'weur' } as const;
const FOLLOWER = { name: 'follower', region: 'enam' } as const;

function assignmentOf(self: typeof LEADER | typeof FOLLOWER): Assignment {
  return {
    partition: 0,
    epoch: EPOCH_FIRST,
    revision: 1,
    successor: null,
    history: [],
    leader: LEADER,
    followers: [{ ...FOLLOWER, membership: 'member' }],
    database: 'd',
    incarnation: 'i',
    durability: 'async',
    self,
  };
}

/**
 * The triggers that capture rows are one level of the ten that the platform allows. And with any trigger, SQLite looks at
 * keys that refer to a table also when one row is inserted, and finds those whose parent is not unique.
 */
const FAILS_HERE_ONLY = /^(?:too many levels of trigger recursion|foreign key mismatch)/;

/** A step went otherwise than it must. */
class DifferenceError extends Error {
  override readonly name = 'DifferenceError';
}

function must(condition: boolean, what: () => string): void {
  if (!condition) throw new DifferenceError(what());
}

function mustEqual(what: string, actual: unknown, expected: unknown): void {
  const a = JSON.stringify(actual, null, 1);
  const e = JSON.stringify(expected, null, 1);
  must(a === e, () => `${what}\n--- here\n${cut(a)}\n--- expected\n${cut(e)}`);
}

function cut(text: string): string {
  return text.length > 3000 ? `${text.slice(0, 3000)}…` : text;
}

/** A leader, a follower and a plain SQLite side by side: each step must leave all three alike. */
export class Trio {
  readonly #oracle = new Oracle();
  readonly #directory: string | null;
  #leaderSql: NodeSql;
  #followerSql: NodeSql;
  #leader: Leader;
  #follower: Follower;
  #now = 1_700_000_000_000;
  #isPlainCurrent = true;

  /** `disk` keeps the replicas in files, so that `evict` may close and open them. */
  constructor(where: 'disk' | 'memory') {
    this.#directory = where === 'disk' ? mkdtempSync(path.join(tmpdir(), 'differential-')) : null;
    this.#leaderSql = this.#open('leader');
    this.#followerSql = this.#open('follower');
    this.#leaderSql.transaction(() => assign(this.#leaderSql, assignmentOf(LEADER), this.#now));
    this.#followerSql.transaction(() => assign(this.#followerSql, assignmentOf(FOLLOWER), this.#now));
    this.#leader = leasedLeader(this.#leaderSql, this.#now);
    this.#follower = this.#loadFollower();
  }

  close(): void {
    this.#leaderSql.close();
    this.#followerSql.close();
    this.#oracle.close();
    if (this.#directory !== null) rmSync(this.#directory, { recursive: true });
  }

  /** Both replicas lose their memory, and their connections where they are on disk. */
  evict(): void {
    if (this.#directory !== null) {
      this.#leaderSql.close();
      this.#followerSql.close();
      this.#leaderSql = this.#open('leader');
      this.#followerSql = this.#open('follower');
    }
    this.#leader = leasedLeader(this.#leaderSql, this.#now);
    this.#follower = this.#loadFollower();
  }

  /** @throws DifferenceError */
  step({ statements, expected, beside }: Step): ReplicaAnswer {
    const before = this.#leader.position.lsn;
    const digestBefore = expected === 'done' ? '' : digest(this.#leaderSql);
    const answer = this.#execute(statements);
    if (answer.kind === 'failed') {
      must(this.#leader.position.lsn === before, () => 'a failed step moved the log');
      if (digestBefore !== '')
        must(digest(this.#leaderSql) === digestBefore, () => 'a failed step left something behind');
    }
    this.#compareOutcome({ statements, expected, beside }, answer);
    this.compare();
    return answer;
  }

  /** Leader, follower and, as long as it can follow, the plain database hold the same. */
  compare(): void {
    const leader = this.#leaderSql.database;
    const follower = this.#followerSql.database;
    must(this.#follower.applied.lsn === this.#leader.position.lsn, () => 'the follower is behind');
    if (digest(this.#leaderSql) !== digest(this.#followerSql)) {
      mustEqual(
        'the schema of follower and leader',
        dumpSchema(follower, '_tidemark_schema'),
        dumpSchema(leader, '_tidemark_schema'),
      );
      mustEqual('the rows of follower and leader', dumpTables(follower), dumpTables(leader));
      throw new DifferenceError('digests of leader and follower differ');
    }
    mustEqual(
      'the rows of follower and leader, under equal digests',
      dumpTables(follower),
      dumpTables(leader),
    );
    // A CHECK that draws lots may be broken when it is looked at again.
    const lasting = (found: readonly string[]) =>
      found.filter((fault) => this.#isPlainCurrent || !fault.startsWith('CHECK'));
    mustEqual('the faults of follower and leader', lasting(faults(follower)), lasting(faults(leader)));
    if (!this.#isPlainCurrent) return;
    // Not always none: SQLite has holes of its own.
    mustEqual('the faults of leader and plain', faults(leader), faults(this.#oracle.database));
    mustEqual(
      'the schema of leader and plain',
      dumpSchema(leader, '_tidemark_schema'),
      dumpSchema(this.#oracle.database, 'sqlite_schema'),
    );
    mustEqual('the rows of leader and plain', dumpTables(leader), dumpTables(this.#oracle.database));
  }

  #compareOutcome({ statements, expected, beside }: Step, answer: ReplicaAnswer): void {
    must(
      answer.kind === 'done' || answer.kind === 'failed',
      () => `an odd answer: ${JSON.stringify(answer)}`,
    );
    const outcome = answer.kind === 'failed' ? answer.failure.code : 'done';
    const detail = answer.kind === 'failed' ? answer.failure.detail : '';
    must(
      expected === 'as plain' || outcome === expected,
      () => `${outcome} (${detail}) where ${expected} was expected`,
    );
    if (beside === 'replicas only') {
      this.#isPlainCurrent &&= outcome !== 'done';
      return;
    }
    if (!this.#isPlainCurrent || FAILS_HERE_ONLY.test(detail)) return;
    if (expected === 'as plain' && outcome === 'sql-not-allowed') return;
    const plain = this.#oracle.run(statements);
    if (plain.kind === 'failed') {
      // Where columns compare unlike, SQLite counts violations that are none once they are put off.
      const isMiscounted =
        plain.message === 'FOREIGN KEY constraint failed' &&
        statements.some(({ sql }) => sql.startsWith('PRAGMA defer'));
      this.#isPlainCurrent = !(
        isMiscounted &&
        outcome === 'done' &&
        faults(this.#leaderSql.database).length === 0
      );
      if (!this.#isPlainCurrent) return;
      must(outcome !== 'done', () => `done where the plain database says: ${plain.message}`);
      const isLike =
        plain.isConstraint === (outcome === 'constraint') || detail === 'FOREIGN KEY constraint failed';
      must(isLike, () => `${outcome} (${detail}) where the plain database says: ${plain.message}`);
      return;
    }
    // SQLite has holes where it takes a row without a parent: REPLACE of one that names a row of its own table.
    const isHole =
      detail === 'FOREIGN KEY constraint failed' &&
      (faults(this.#oracle.database).length > 0 ||
        [...statements.map(({ sql }) => sql), ...dumpSchema(this.#oracle.database, 'sqlite_schema')].some(
          (text) => /\breplace\b/i.test(text),
        ));
    this.#isPlainCurrent = answer.kind === 'done' || !isHole;
    must(
      answer.kind === 'done' || !this.#isPlainCurrent,
      () => `${outcome} (${detail}) where the plain database takes it`,
    );
    if (answer.kind === 'done')
      mustEqual('the results of leader and plain', resultsOf(answer.body), plain.results);
  }

  #execute(statements: readonly Statement[]): ReplicaAnswer {
    this.#now += 7;
    const request = executeRequest(statements);
    const effects = this.#leaderStep(() =>
      this.#leader.step({ kind: 'execute', call: 1, now: this.#now, request }),
    );
    this.#catchUp();
    return present(
      effects.find((effect) => effect.kind === 'answer'),
      'an answer',
    ).answer;
  }

  /** The follower pulls, so that it does not matter here when a leader sends by itself. */
  #catchUp(): void {
    while (this.#follower.applied.lsn < this.#leader.position.lsn) {
      const request = {
        version: MESSAGE_VERSION,
        follower: FOLLOWER.name,
        epoch: EPOCH_FIRST,
        after: new Log(this.#followerSql).end,
      };
      const effects = this.#leaderStep(() =>
        this.#leader.step({ kind: 'pull', call: 1, now: this.#now, request }),
      );
      const reply = present(
        effects.find((effect) => effect.kind === 'pulled'),
        'a reply',
      ).reply;
      must(reply.kind === 'batch', () => `the leader says ${JSON.stringify(reply)} to a pull`);
      if (reply.kind === 'batch') this.#append(reply.batch);
    }
  }

  #append(batch: Batch): void {
    const effects = this.#followerSql.transaction(() =>
      this.#follower.step({ kind: 'append', call: 1, now: this.#now, batch }),
    );
    const reply = present(
      effects.find((effect) => effect.kind === 'appended'),
      'a reply',
    ).reply;
    must(
      reply.kind === 'appended',
      () => `the follower says ${JSON.stringify(reply)} to\n${cut(batch.text ?? '')}`,
    );
  }

  #leaderStep(step: () => LeaderEffect[]): LeaderEffect[] {
    let isCommitting = false;
    try {
      return this.#leaderSql.transaction(() => {
        const effects = step();
        isCommitting = true;
        return effects;
      });
    } catch (error) {
      // On the platform this resets the object and fails other callers' requests.
      if (isCommitting) throw new DifferenceError(`the commit failed: ${String(error)}`, { cause: error });
      throw error;
    }
  }

  #open(name: string): NodeSql {
    const sql =
      this.#directory === null ? new NodeSql() : new NodeSql({ path: path.join(this.#directory, name) });
    sql.database.exec('PRAGMA synchronous = OFF');
    return sql;
  }

  #loadFollower(): Follower {
    return new Follower(this.#followerSql, present(loadAssigned(this.#followerSql), 'the assignment'));
  }
}

interface AnsweredResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  readonly meta: { readonly changes: number; readonly last_row_id: number };
}

function resultsOf(body: string): PlainResult[] {
  const { results } = JSON.parse(body) as { readonly results: readonly AnsweredResult[] };
  return results.map(({ columns, rows, meta }) => ({
    columns,
    rows,
    changes: meta.changes,
    last_row_id: meta.last_row_id,
  }));
}
