import { describe, expect, it } from 'vitest';
import { Refusal } from '../../shared/failure.ts';
import { decodeEntry } from '../../shared/log/entry.ts';
import { toEpoch } from '../../shared/lsn.ts';
import { all, first } from '../../shared/ports.ts';
import { applyAgain } from '../../shared/tables/reapply.ts';
import { rollBack } from '../../shared/tables/rollback.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { TableReplica } from './table-replica.ts';

/** What `work` does is lost; then the replica leads again, without it. */
function lose(replica: TableReplica, work: string): readonly string[] {
  const { end } = replica;
  const { text } = replica.write(work);
  replica.follow();
  const done = replica.sql.transaction(() =>
    rollBack(replica.sql, replica.log, { to: end, lostBy: toEpoch(2) }, { entries: 9, chars: 10_000 }),
  );
  expect(done.kind).toBe('done');
  replica.lead();
  return decodeEntry(text).changes;
}

/** The lines that applying them again captures, or the detail of the refusal. */
function again(replica: TableReplica, lines: readonly string[]): readonly string[] | string {
  const schema = all(replica.sql, 'SELECT name, sql FROM sqlite_schema ORDER BY rowid');
  const { digest } = replica;
  try {
    return replica.sql.transaction(() => {
      const captured = replica.log.capture();
      applyAgain(replica.sql, lines);
      captured.expectMore();
      replica.log.close(toEpoch(2), captured.read(), { request: null, user: null });
      return captured.lines();
    });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    expect(error.failure.code).toBe('lost-entry-conflict');
    expect(replica.digest).toBe(digest);
    expect(all(replica.sql, 'SELECT name, sql FROM sqlite_schema ORDER BY rowid')).toStrictEqual(schema);
    return error.failure.detail;
  } finally {
    expect(first(replica.sql, 'PRAGMA ignore_check_constraints')?.[0]).toBe(0);
    expect(first(replica.sql, 'PRAGMA defer_foreign_keys')?.[0]).toBe(0);
    replica.reload();
  }
}

function leader(...texts: readonly string[]): TableReplica {
  const replica = new TableReplica(new NodeSql()).lead();
  for (const text of texts) replica.write(text);
  return replica;
}

const FAMILY = [
  'CREATE TABLE p (id INTEGER PRIMARY KEY, n CHECK (n < 5))',
  'CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE)',
  'CREATE TABLE trail (what)',
  "CREATE TRIGGER x AFTER DELETE ON c BEGIN INSERT INTO trail VALUES ('gone ' || OLD.id); END",
  'INSERT INTO p VALUES (1, 1), (2, 2)',
  'INSERT INTO c VALUES (1, 1), (2, 1), (3, 2)',
];

describe('a lost entry that is applied again', () => {
  it('[LX7] does the same to the same rows, and triggers do not fire for it but for what follows', () => {
    const replica = leader(...FAMILY);
    const lines = lose(replica, 'DELETE FROM p WHERE id = 1');
    expect(lines).toHaveLength(5);
    const captured = again(replica, lines);
    expect(typeof captured === 'string' ? captured : captured.toSorted()).toStrictEqual(lines.toSorted());
    expect(all(replica.sql, 'SELECT what FROM trail')).toStrictEqual([['gone 1'], ['gone 2']]);
    replica.write('DELETE FROM c');
    expect(all(replica.sql, 'SELECT what FROM trail')).toHaveLength(3);
  });

  it('[LX8] is refused where a row is not what it was, and nothing of it stays', () => {
    const conflicts = [
      ['UPDATE p SET n = 3 WHERE id = 1', 'UPDATE p SET n = 4', 'a row of p has changed since'],
      ['UPDATE p SET n = 3 WHERE id = 1', 'DELETE FROM p', 'a row of p is gone'],
      ['DELETE FROM c WHERE id = 3', 'DELETE FROM c', 'a row of c is gone'],
      [
        'INSERT INTO p VALUES (7, 1)',
        'INSERT INTO p VALUES (7, 1)',
        'a row of p is there that it would make',
      ],
    ] as const;
    for (const [lost, meanwhile, detail] of conflicts) {
      const replica = leader(...FAMILY);
      const lines = lose(replica, lost);
      replica.write(meanwhile);
      expect(again(replica, lines)).toMatch(detail);
    }
  });

  it('[LX8] is refused where a key would be there twice, or a row be without its parent', () => {
    const unique = leader('CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE)');
    const insert = lose(unique, 'INSERT INTO t VALUES (1, 1)');
    unique.write('INSERT INTO t VALUES (2, 1)');
    expect(again(unique, insert)).toMatch('UNIQUE constraint failed: t.a');

    const orphan = leader(...FAMILY);
    const child = lose(orphan, 'INSERT INTO c VALUES (9, 2)');
    orphan.write('DELETE FROM p WHERE id = 2');
    expect(again(orphan, child)).toMatch('FOREIGN KEY constraint failed');

    const parent = leader(...FAMILY, 'INSERT INTO p VALUES (3, 3)');
    const gone = lose(parent, 'DELETE FROM p WHERE id = 3');
    parent.write('INSERT INTO c VALUES (9, 3)');
    expect(again(parent, gone)).toMatch('FOREIGN KEY constraint failed');
  });

  it('[LX9] is refused where the schema is another, or was changed by it', () => {
    const replica = leader(...FAMILY);
    const lines = lose(replica, 'INSERT INTO p VALUES (7, 1)');
    replica.write('ALTER TABLE p ADD COLUMN more');
    expect(again(replica, lines)).toMatch('has other columns');
    replica.write('DROP TABLE c');
    replica.write('DROP TABLE p');
    expect(again(replica, lines)).toMatch('the table p is not there');
    expect(again(replica, decodeEntry(replica.write('CREATE TABLE q (a)').text).changes)).toMatch(
      'changed the schema',
    );
    expect(again(replica, ['"sqlite_sequence"\t\t["t",7]'])).toMatch('nothing to apply');
  });

  it('[LX7] takes rows of a table with AUTOINCREMENT, whose counter goes up with them', () => {
    const [replica, other] = [new TableReplica(new NodeSql()).lead(), new TableReplica(new NodeSql())];
    other.append(replica.write('CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a)'));
    const before = replica.end;
    expect(again(replica, ['"t"\t\t[7,"x"]', '"sqlite_sequence"\t["t",7]\t["t",90]'])).toStrictEqual([
      '"t"\t\t[7,"x"]',
    ]);
    const [entry] = replica.log.readAfter(before.lsn, { entries: 1, chars: 0 }) ?? [];
    if (entry === undefined) throw new Error('there is an entry');
    other.append(entry);
    expect(other.digest).toBe(replica.digest);
    expect(first(replica.sql, 'SELECT seq FROM sqlite_sequence')).toStrictEqual([7]);
  });

  it('[LX10] gives a row that it made another rowid where that is nobody else’s to see and is taken by now', () => {
    const replica = leader('CREATE TABLE t (key TEXT PRIMARY KEY, n)', "INSERT INTO t VALUES ('a', 1)");
    const lines = lose(replica, "INSERT INTO t VALUES ('b', 2), ('c', 3)");
    replica.write("INSERT INTO t VALUES ('d', 4)");
    const more = ['"t"\t[2,"b",2]\t[2,"b",5]', '"t"\t[3,"c",3]\t', '"t"\t[1,"a",1]\t[1,"a",9]'];
    expect(again(replica, [...lines, ...more])).not.toBeTypeOf('string');
    expect(all(replica.sql, 'SELECT rowid, key, n FROM t ORDER BY rowid')).toStrictEqual([
      [1, 'a', 9],
      [2, 'd', 4],
      [4, 'b', 5],
    ]);
    expect(again(replica, ['"t"\t\t[7,"d",7]'])).toMatch('does not fit');
  });
});
