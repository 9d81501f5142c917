import { afterEach, describe, expect, it } from 'vitest';
import { REQUEST_ID_KEPT_MS, REQUEST_ID_SPARE_MS } from '../../shared/limits.ts';
import type { RecordedRequest } from '../../shared/log/entry.ts';
import type { StoredEntry } from '../../shared/log/tail.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import { all, first, run } from '../../shared/ports.ts';
import { findRequest, keepRequest } from '../../shared/tables/requests.ts';
import { faults } from '../differential/oracle.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { rollBackTo, UNDONE_CASES } from './rollback.contract.ts';
import { TableReplica } from './table-replica.ts';

const made: TableReplica<NodeSql>[] = [];

function replica(now: () => number = () => 1000): TableReplica<NodeSql> {
  const one = new TableReplica(new NodeSql({ now }));
  made.push(one);
  return one;
}

afterEach(() => {
  for (const { sql } of made.splice(0)) sql.close();
});

function named(id: string): RecordedRequest {
  return { id, fingerprint: 'f', answer: `{"id":"${id}"}` };
}

describe('a roll back', () => {
  it.each(Object.entries(UNDONE_CASES))('%s', (_, undone) => {
    for (const entries of [1, 1000]) {
      const old = replica().lead();
      undone(old, entries);
      expect(faults(old.sql.database)).toStrictEqual([]);
    }
  });

  it('[RB2] takes request ids with the entries that carry them, and those that a write without an entry left', () => {
    const old = replica().lead();
    old.write('CREATE TABLE t (a)');
    old.writeAs({ request: named('kept') }, 'INSERT INTO t VALUES (1)');
    keepRequest(old.sql, named('kept here'), { lsn: old.end.lsn, time: 0, in: 'this replica' });
    const { end, digest } = old;
    old.writeAs({ request: named('lost'), user: 'ann' }, 'INSERT INTO t VALUES (2)');
    keepRequest(old.sql, named('lost here'), { lsn: old.end.lsn, time: 0, in: 'this replica' });
    old.write('INSERT INTO t VALUES (3)');
    old.follow();
    expect(rollBackTo(old, end, 1)).toStrictEqual({ kind: 'done' });
    expect(old.digest).toBe(digest);
    const ids = all(old.sql, 'SELECT id FROM _tidemark_requests ORDER BY id').map(([id]) => id);
    expect(ids).toStrictEqual(['kept', 'kept here']);
  });

  it('[RB2] makes ids count again that a lost entry had made forgotten, as far as they are still there', () => {
    for (const [later, kind] of [
      [REQUEST_ID_SPARE_MS - 1, 'done'],
      [REQUEST_ID_SPARE_MS, 'impossible'],
    ] as const) {
      let now = 1000;
      const old = replica(() => now).lead();
      old.write('CREATE TABLE t (a)');
      const write = (id: string) => old.writeAs({ request: named(id) }, `INSERT INTO t VALUES ('${id}')`);
      write('first');
      now += REQUEST_ID_KEPT_MS;
      write('second');
      const { end, digest } = old;
      expect(findRequest(old.sql, 'first')).not.toBe(null);
      now += 2 * REQUEST_ID_KEPT_MS;
      write('third');
      now += later;
      write('fourth');
      expect(findRequest(old.sql, 'first')).toBe(null);
      expect(findRequest(old.sql, 'second')).toBe(null);
      old.follow();
      expect(rollBackTo(old, end).kind).toBe(kind);
      expect(old.digest === digest).toBe(kind === 'done');
      expect(findRequest(old.sql, 'first') !== null).toBe(kind === 'done');
    }
  });

  it('[RB3] undoes nothing where one entry cannot be undone, and keeps all that was lost', () => {
    const cannot = [
      'CREATE TABLE u (a)',
      'INSERT INTO auto (a) VALUES (1)',
      'UPDATE sqlite_sequence SET seq = 70',
    ];
    for (const text of cannot) {
      const old = replica().lead();
      old.write('CREATE TABLE auto (id INTEGER PRIMARY KEY AUTOINCREMENT, a)');
      old.write('CREATE TABLE t (a)');
      old.write('INSERT INTO auto (a) VALUES (1)');
      const { end } = old;
      const lost = ['INSERT INTO t VALUES (1)', text, 'INSERT INTO t VALUES (2)'].map((each) =>
        old.write(each),
      );
      const stopped = lost[1]?.end;
      old.follow();
      expect(rollBackTo(old, end).kind).toBe('impossible');
      expect(old.end).toStrictEqual(lost[2]?.end);
      expect(first(old.sql, 'SELECT count(*) FROM t')).toStrictEqual([2]);
      for (let again = 0; again < 2; again += 1) {
        expect(rollBackTo(old, end, 1).kind).toBe('impossible');
        expect(old.end).toStrictEqual(stopped);
        expect(old.lostTexts).toStrictEqual(lost.map((entry) => entry.text));
      }
    }
  });

  it('[RB3] is impossible where the log does not reach, or is another there', () => {
    const old = replica().lead();
    old.write('CREATE TABLE t (a)');
    const { end } = old;
    const lost = [1, 2, 3].map((i) => old.writeAs({ user: 'ann' }, `INSERT INTO t VALUES (${i})`));
    old.follow();
    const elsewhere = { ...end, lsn: toLsn(2) };
    expect(rollBackTo(old, elsewhere)).toMatchObject({ kind: 'impossible' });
    expect(old.lostTexts).toStrictEqual(lost.slice(1).map(({ text }) => text));
    old.log.cut(toLsn(2), 100);
    expect(rollBackTo(old, end)).toMatchObject({ kind: 'impossible' });
    expect(old.end).toStrictEqual(lost[2]?.end);
  });

  it('[RB3] finds out a row that is not what the log says', () => {
    const old = replica().lead();
    old.write('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
    old.write('INSERT INTO t VALUES (1, 1)');
    const { end } = old;
    old.write('UPDATE t SET a = 2');
    old.follow();
    run(old.sql, 'UPDATE t SET a = 3');
    expect(rollBackTo(old, end).kind).toBe('impossible');
    expect(first(old.sql, 'SELECT a FROM t')).toStrictEqual([3]);
  });

  it('[RB4] lets the replica follow the new leader from there, and lead again', () => {
    const [old, next] = [replica().lead(), replica()];
    const both = (text: string) => next.append(old.write(text));
    both('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
    both('CREATE TABLE seen (id)');
    both('CREATE TRIGGER x AFTER INSERT ON t BEGIN INSERT INTO seen VALUES (NEW.id); END');
    both('INSERT INTO t VALUES (1, 1)');
    const { end } = next;
    old.write('INSERT INTO t VALUES (2, 2)');
    old.write('UPDATE t SET a = 3');
    next.lead();
    const written: StoredEntry[] = [
      next.writeAs({ epoch: toEpoch(2) }, 'INSERT INTO t VALUES (2, 7)'),
      next.writeAs({ epoch: toEpoch(2) }, 'DELETE FROM t WHERE id = 1'),
    ];
    old.follow();
    expect(rollBackTo(old, end, 1)).toStrictEqual({ kind: 'done' });
    for (const entry of written) old.append(entry);
    expect(old.digest).toBe(next.digest);
    next.follow();
    old.lead();
    next.append(old.writeAs({ epoch: toEpoch(3) }, 'INSERT INTO t VALUES (3, 3)'));
    expect(first(old.sql, 'SELECT count(*) FROM seen')).toStrictEqual([3]);
    expect(next.digest).toBe(old.digest);
    expect(next.end).toStrictEqual(old.end);
  });
});
