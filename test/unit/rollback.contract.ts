import { expect } from 'vitest';
import { type ChainEnd, decodeEntry } from '../../shared/log/entry.ts';
import { toEpoch } from '../../shared/lsn.ts';
import { applyAgain } from '../../shared/tables/reapply.ts';
import { type RolledBack, keepLost, rollBack } from '../../shared/tables/rollback.ts';
import type { TableReplica } from './table-replica.ts';

/** In one call, or as many as it takes. */
export function rollBackTo(of: TableReplica, to: ChainEnd, entries = 1000): RolledBack {
  for (;;) {
    const done = of.sql.transaction(() =>
      rollBack(of.sql, of.log, { to, lostBy: toEpoch(2) }, { entries, chars: 100_000 }),
    );
    of.reload();
    if (done.kind === 'impossible') keepAllLost(of, to);
    if (done.kind !== 'more') return done;
  }
}

/** As a follower does, a piece at a time. */
export function keepAllLost(of: TableReplica, to: ChainEnd): void {
  for (let from = to.lsn; from < of.log.end.lsn;) {
    const before = from;
    from = of.sql.transaction(() =>
      keepLost(of.sql, of.log, { from: before, lostBy: toEpoch(2) }, { entries: 2, chars: 1000 }),
    );
  }
}

interface Undone {
  readonly prepare: readonly string[];
  readonly lost: readonly string[];
}

/** What a leader does after `prepare` is lost and undone, so many entries at a time; then it leads again and does each again. */
function undone({ prepare, lost }: Undone): (leader: TableReplica, entries: number) => void {
  return (leader, entries) => {
    for (const text of prepare) leader.write(text);
    const { end, digest } = leader;
    const texts = lost.map((text) => leader.write(text).text);
    const { digest: last } = leader;
    leader.follow();
    expect(rollBackTo(leader, end, entries)).toStrictEqual({ kind: 'done' });
    expect(leader.end).toStrictEqual(end);
    expect(leader.digest).toBe(digest);
    expect(leader.lostTexts).toStrictEqual(texts);
    leader.lead();
    for (const text of texts) applied(leader, decodeEntry(text).changes);
    expect(leader.digest).toBe(last);
  };
}

function applied(leader: TableReplica, lines: readonly string[]): void {
  leader.sql.transaction(() => {
    const captured = leader.log.capture();
    applyAgain(leader.sql, lines);
    captured.expectMore();
    leader.log.close(toEpoch(2), captured.read(), { request: null, user: null });
    expect(captured.lines().toSorted()).toStrictEqual(lines.toSorted());
  });
}

/** Each holds on any storage. */
export const UNDONE_CASES: Readonly<Record<string, (leader: TableReplica, entries: number) => void>> = {
  '[RB1] undoes inserts, updates, deletes, upserts and REPLACE': undone({
    prepare: [
      'CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, b)',
      "INSERT INTO t VALUES (1, 'x', 1.0), (2, 'y', x'00ff'), (3, NULL, 9e999)",
    ],
    lost: [
      "INSERT INTO t VALUES (4, 'z', 9223372036854775807)",
      "REPLACE INTO t VALUES (4, 'x', 'both go')",
      "INSERT INTO t VALUES (2, 'w', 0) ON CONFLICT DO UPDATE SET b = 'upserted'",
      'DELETE FROM t WHERE id = 3',
      'UPDATE t SET id = id + 10, b = id',
      'DELETE FROM t',
    ],
  }),
  '[RB1] undoes swaps of unique values and of keys': undone({
    prepare: [
      'CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE)',
      'CREATE TABLE w (k TEXT COLLATE NOCASE, n, v UNIQUE, PRIMARY KEY (k, n DESC)) WITHOUT ROWID',
      'INSERT INTO t VALUES (1, 1), (2, 2)',
      "INSERT INTO w VALUES ('a', 1, 1), ('b', 1, 2)",
    ],
    lost: [
      'REPLACE INTO t VALUES (1, 2)',
      'INSERT INTO t VALUES (2, 1)',
      'UPDATE t SET a = a + 1 WHERE a > 1',
      "UPDATE w SET k = 'A' WHERE k = 'a'",
      "REPLACE INTO w VALUES ('B', 1, 1)",
      "UPDATE w SET k = k || 'x', n = -n",
    ],
  }),
  '[RB1] undoes what foreign keys and triggers did, and neither acts again': undone({
    prepare: [
      'CREATE TABLE p (id INTEGER PRIMARY KEY, n)',
      'CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE)',
      'CREATE TABLE g (c REFERENCES c ON DELETE SET NULL, p, PRIMARY KEY (p)) WITHOUT ROWID',
      'CREATE TABLE k (p REFERENCES p ON UPDATE CASCADE ON DELETE CASCADE, n, PRIMARY KEY (p, n)) WITHOUT ROWID',
      'CREATE TABLE trail (what)',
      "CREATE TRIGGER x AFTER DELETE ON c BEGIN INSERT INTO trail VALUES ('c' || OLD.id); UPDATE p SET n = n + 1; END",
      'CREATE TRIGGER y AFTER DELETE ON p BEGIN INSERT INTO p VALUES (OLD.id, -1); END',
      'INSERT INTO p VALUES (1, 0), (2, 0), (3, 0)',
      'INSERT INTO c VALUES (1, 1), (2, 1), (3, 2)',
      'INSERT INTO g VALUES (1, 1), (2, 2), (3, 3)',
      'INSERT INTO k VALUES (1, 1), (1, 2), (3, 1)',
    ],
    lost: [
      'INSERT INTO p VALUES (4, 4)',
      'UPDATE p SET id = id + 10 WHERE id < 3',
      'DELETE FROM p WHERE id = 11',
      'UPDATE p SET id = 1 WHERE id = 3',
      'DELETE FROM p',
      'UPDATE p SET n = 9',
    ],
  }),
  '[RB1] undoes rows of generated columns, and rows without a key of their own': undone({
    prepare: [
      "CREATE TABLE t (a, g AS (a || '!') STORED UNIQUE, v AS (a) VIRTUAL)",
      'CREATE TABLE n (id TEXT PRIMARY KEY)',
      "INSERT INTO t VALUES ('x'), (NULL), ('y')",
      'INSERT INTO n VALUES (NULL), (NULL)',
    ],
    lost: [
      "UPDATE t SET a = 'z' WHERE a IS NULL",
      'DELETE FROM n WHERE rowid = 1',
      "INSERT INTO t VALUES ('w')",
      'DELETE FROM t',
    ],
  }),
  '[RB1] undoes what moved no counter of AUTOINCREMENT, and moves none': undone({
    prepare: [
      'CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a)',
      'INSERT INTO t (a) VALUES (1), (2)',
    ],
    lost: ['UPDATE t SET a = 3', 'UPDATE t SET id = 70 WHERE id = 1', 'DELETE FROM t'],
  }),
};
