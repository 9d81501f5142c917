import { describe, expect, it } from 'vitest';
import { all, run, type Sql, type SqlCursor, type SqlValue } from '../../shared/ports.ts';
import { type CopyPlace, readPiece, readStart } from '../../shared/tables/snapshot.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { COPY_CASES, endsAlike } from './snapshot.contract.ts';
import { ALL_ROWS, Copying, makeReplica, ONE_ROW, type Side } from './snapshot-copy.ts';

class Memory implements Side {
  readonly sql = new NodeSql();

  async run<T>(work: (sql: Sql) => T): Promise<T> {
    return work(this.sql);
  }
}

describe('a follower copies its leader', () => {
  it.each(Object.entries(COPY_CASES))('%s', async (_name, check) => {
    const copying = new Copying(new Memory(), new Memory());
    await copying.make();
    await check(copying);
    await endsAlike(copying);
  });
});

/** Notes the plans of what is asked of the tables. */
class Planned implements Sql {
  readonly plans: string[] = [];
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  exec(text: string, ...bindings: readonly SqlValue[]): SqlCursor {
    if (text.includes(' FROM "t'))
      for (const [, , , plan] of all(this.#sql, `EXPLAIN QUERY PLAN ${text}`, ...bindings))
        this.plans.push(String(plan));
    return this.#sql.exec(text, ...bindings);
  }

  transaction<T>(work: () => T): T {
    return this.#sql.transaction(work);
  }
}

const KEYED = {
  'INTEGER PRIMARY KEY': 'CREATE TABLE t (a INTEGER PRIMARY KEY, b)',
  'a rowid': 'CREATE TABLE t (a TEXT PRIMARY KEY, b)',
  'a composite key': 'CREATE TABLE t (a TEXT, b, PRIMARY KEY (a, b)) WITHOUT ROWID',
  'a key that goes down': 'CREATE TABLE t (a TEXT, b, PRIMARY KEY (b DESC, a DESC)) WITHOUT ROWID',
  'a key that goes down and up':
    'CREATE TABLE t (a TEXT, b, PRIMARY KEY (a COLLATE NOCASE, b DESC)) WITHOUT ROWID',
  'a key with collations of its own':
    'CREATE TABLE t (a TEXT COLLATE NOCASE, b, PRIMARY KEY (a COLLATE BINARY, b COLLATE RTRIM)) WITHOUT ROWID',
};

describe('a piece of a snapshot', () => {
  it.each(Object.entries(KEYED))('[SI8] is read by %s, without sorting', (_name, table) => {
    const sql = new NodeSql();
    makeReplica(sql);
    run(sql, table);
    run(sql, 'INSERT INTO t (a, b) VALUES (1, 1), (2, 2), (3, 5)');
    const planned = new Planned(sql);
    let place: CopyPlace = { kind: 'rows', table: 't', after: null, next: [] };
    for (let count = 0; place.after !== null || count === 0; count += 1) {
      const [part] = readPiece(planned, place, ONE_ROW);
      if (part?.kind !== 'rows') throw new Error('rows are read first');
      place = { ...place, after: part.key };
    }
    expect(planned.plans.length).toBeGreaterThan(3);
    expect(planned.plans.filter((plan) => plan.includes('TEMP B-TREE'))).toEqual([]);
    expect(planned.plans.slice(1).filter((plan) => !plan.startsWith('SEARCH t USING'))).toEqual([]);
  });

  it('[SI6] fails with a reason where nothing can stand in for what a foreign key names', async () => {
    const copying = new Copying(new Memory(), new Memory());
    await copying.make();
    await copying.write(
      'CREATE TABLE p (k)',
      'INSERT INTO p VALUES (1), (1)',
      'CREATE TABLE c (id INTEGER PRIMARY KEY)',
      'INSERT INTO c VALUES (1)',
      'ALTER TABLE c ADD COLUMN k REFERENCES p (k)',
    );
    await copying.begin();
    await expect(copying.finish(ALL_ROWS)).rejects.toThrow(/foreign key of c to p cannot be checked/);
  });

  it('[SI1] brings tables before those that name them', async () => {
    const leader = new Memory();
    const copying = new Copying(leader, new Memory());
    await copying.make();
    await copying.write(
      'CREATE TABLE a (x REFERENCES c, y REFERENCES A)',
      'CREATE TABLE b (x REFERENCES a, y REFERENCES gone)',
      'CREATE TABLE c (x PRIMARY KEY)',
      'CREATE TABLE d (x PRIMARY KEY, y REFERENCES e)',
      'CREATE TABLE e (x PRIMARY KEY, y REFERENCES d)',
    );
    expect(readStart(leader.sql).tables).toEqual(['c', 'a', 'b', 'd', 'e']);
  });
});
