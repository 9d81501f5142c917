import { describe, expect, it } from 'vitest';
import { decodeEntry } from '../../shared/log/entry.ts';
import { all, first, run } from '../../shared/ports.ts';
import { digest } from '../../shared/tables/digest.ts';
import { Installation } from '../../shared/tables/installation.ts';
import { beginLeading, endLeading, userTriggers } from '../../shared/tables/roles.ts';
import { userSchema } from '../../shared/tables/schema.ts';
import { readStart } from '../../shared/tables/snapshot.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { TableReplica } from './table-replica.ts';

type Replica = TableReplica<NodeSql>;

function replica(): Replica {
  return new TableReplica(new NodeSql());
}

function order({ sql }: Replica): string[] {
  return userTriggers(sql).map(({ name }) => name);
}

function fired({ sql }: Replica): unknown {
  return first(sql, 'SELECT group_concat(what) FROM (SELECT what FROM fired ORDER BY rowid)')?.[0];
}

function logging(name: string, table: string): string {
  return `CREATE TRIGGER "${name}" AFTER INSERT ON ${table} BEGIN INSERT INTO fired (what) VALUES ('${name}'); END`;
}

/** Both have the tables `t` and `fired` and three triggers, the names of which are in another order than they were made in. */
function leaderAndFollower(): { leader: Replica; follower: Replica; both: (...texts: string[]) => void } {
  const [leader, follower] = [replica(), replica()];
  leader.lead();
  const both = (...texts: string[]) => {
    for (const text of texts) follower.append(leader.write(text));
  };
  both('CREATE TABLE t (a)', 'CREATE TABLE fired (what)');
  both(logging('m', 't'), logging('2', 't'), logging('z', 't'), logging('1', 't'));
  return { leader, follower, both };
}

describe('roles', () => {
  it('[TR1] a follower keeps triggers in the order in which the leader made them', () => {
    const { leader, follower, both } = leaderAndFollower();
    expect(order(leader)).toStrictEqual(['m', '2', 'z', '1']);
    expect(order(follower)).toStrictEqual(order(leader));
    both('ALTER TABLE t RENAME TO u');
    expect(order(leader)).toStrictEqual(['m', '2', 'z', '1']);
    expect(order(follower)).toStrictEqual(order(leader));
    both('DROP TRIGGER m', logging('m', 'u'), 'ALTER TABLE fired RENAME COLUMN what TO that');
    expect(order(leader)).toStrictEqual(['2', 'z', '1', 'm']);
    expect(order(follower)).toStrictEqual(order(leader));
    expect(digest(follower.sql)).toBe(digest(leader.sql));
  });

  it('[TR1] a snapshot brings the triggers in the order in which they were made', () => {
    const { leader } = leaderAndFollower();
    const copy = replica();
    Installation.begin(copy.sql, JSON.parse(JSON.stringify(readStart(leader.sql))), leader.end);
    expect(order(copy)).toStrictEqual(order(leader));
  });

  it('[TR2] a follower that leads fires triggers as the leader before it did, and captures what they do', () => {
    const { leader, follower } = leaderAndFollower();
    follower.lead();
    expect(userSchema(follower.sql)).toStrictEqual(userSchema(leader.sql));
    const changes = [leader, follower].map(
      (each) => decodeEntry(each.write("INSERT INTO t VALUES ('x')").text).changes,
    );
    expect(changes[1]).toStrictEqual(changes[0]);
    expect(changes[0]).toHaveLength(5);
    expect(fired(follower)).toBe('1,z,2,m');
    expect(fired(leader)).toBe('1,z,2,m');
    expect(digest(follower.sql)).toBe(digest(leader.sql));
  });

  it('[TR3] beginning or ending to lead changes nothing that users see, and nothing the second time', () => {
    const { leader } = leaderAndFollower();
    leader.write('CREATE VIEW v AS SELECT a FROM t');
    leader.write('CREATE TRIGGER i INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES (NEW.a); END');
    leader.write('CREATE TABLE "odd "" name" (id INTEGER PRIMARY KEY, b AS (id) STORED)');
    const schema = userSchema(leader.sql);
    const was = digest(leader.sql);
    const stored = () =>
      all(leader.sql, 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid');
    for (const change of [endLeading, beginLeading, endLeading, beginLeading]) {
      change(leader.sql);
      expect(userSchema(leader.sql)).toStrictEqual(schema);
      expect(digest(leader.sql)).toBe(was);
      expect(order(leader)).toStrictEqual(['m', '2', 'z', '1', 'i']);
      const once = stored();
      change(leader.sql);
      expect(stored()).toStrictEqual(once);
    }
    endLeading(leader.sql);
    expect(stored().filter(([type]) => type === 'trigger')).toStrictEqual([]);
    run(leader.sql, "INSERT INTO t VALUES ('not captured')");
    expect(fired(leader)).toBe(null);
  });

  it("[TR4] the digest does not tell whether SQLite's table of counters was ever made, and counters reach who has it not", () => {
    const [leader, follower] = [replica(), replica()];
    for (const text of ['CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT)', 'DROP TABLE a'])
      run(leader.sql, text);
    leader.lead();
    expect(first(leader.sql, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'")).not.toBe(null);
    expect(digest(follower.sql)).toBe(digest(leader.sql));
    follower.append(leader.write("INSERT INTO sqlite_sequence VALUES ('later', 7)"));
    expect(digest(follower.sql)).toBe(digest(leader.sql));
  });
});
