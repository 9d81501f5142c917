import type { LostEntriesQuery } from '../../shared/lost-entry.ts';
import { describe, expect, it } from 'vitest';
import { encodeEntry, HASH_OF_NOTHING } from '../../shared/log/entry.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import { digest } from '../../shared/tables/digest.ts';
import {
  keepLostEntries,
  keptLostEntries,
  keptLostEntry,
  lostEntryWasApplied,
} from '../../shared/tables/lost-entries.ts';
import { userSchema } from '../../shared/tables/schema.ts';
import { wipe } from '../../shared/tables/wipe.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { TableReplica } from './table-replica.ts';

const ALL: LostEntriesQuery = {
  epoch: null,
  from_lsn: null,
  to_lsn: null,
  from_time: null,
  to_time: null,
  user: null,
  table: null,
  after: null,
  limit: 1000,
};

interface Lost {
  readonly epoch: number;
  readonly lsn: number;
  readonly user?: string;
  readonly changes?: readonly string[];
}

function text({ epoch, lsn, user, changes }: Lost): string {
  return encodeEntry({
    position: { epoch: toEpoch(epoch), lsn: toLsn(lsn) },
    time: 1000 * lsn,
    previous: HASH_OF_NOTHING,
    request: lsn === 5 ? { id: 'id 5', fingerprint: 'f', answer: '{}' } : null,
    user: user ?? null,
    changes: changes ?? [`"t"\t\t[${lsn}]`],
  });
}

const LOST: readonly Lost[] = [
  { epoch: 1, lsn: 5, user: 'ann' },
  { epoch: 1, lsn: 6, user: 'bob', changes: ['"t"\t\t[1]', '"Other"\t[1]\t', '"t"\t[1]\t[2]'] },
  { epoch: 1, lsn: 7, changes: ['\tschema\t{"sql":"DROP TABLE t","triggers":{}}'] },
  { epoch: 3, lsn: 6, user: 'ann' },
];

function kept(): TableReplica {
  const replica = new TableReplica(new NodeSql());
  for (const each of LOST.toReversed()) keepLostEntries(replica.sql, [text(each)], toEpoch(each.epoch + 1));
  return replica;
}

function found(replica: TableReplica, query: Partial<LostEntriesQuery>): string[] {
  return keptLostEntries(replica.sql, { ...ALL, ...query }).map(
    ({ position: { epoch, lsn } }) => `${epoch}:${lsn}`,
  );
}

describe('lost entries', () => {
  it('[LX1] are told in the order of epoch and LSN, with all that they say', () => {
    expect(keptLostEntries(kept().sql, { ...ALL, to_lsn: toLsn(6), epoch: toEpoch(1) })).toStrictEqual([
      {
        position: { epoch: 1, lsn: 5 },
        time: 5000,
        user: 'ann',
        request: 'id 5',
        tables: ['t'],
        changes: ['"t"\t\t[5]'],
        lost_by: 2,
        applied: null,
      },
      {
        position: { epoch: 1, lsn: 6 },
        time: 6000,
        user: 'bob',
        request: null,
        tables: ['t', 'Other'],
        changes: LOST[1]?.changes,
        lost_by: 2,
        applied: null,
      },
    ]);
  });

  it('[LX2] are found by epoch, LSN, time, user and table, and page by page', () => {
    const replica = kept();
    expect(found(replica, {})).toStrictEqual(['1:5', '1:6', '1:7', '3:6']);
    expect(found(replica, { epoch: toEpoch(3) })).toStrictEqual(['3:6']);
    expect(found(replica, { from_lsn: toLsn(6), to_lsn: toLsn(6) })).toStrictEqual(['1:6', '3:6']);
    expect(found(replica, { from_time: 5001, to_time: 7000 })).toStrictEqual(['1:6', '1:7', '3:6']);
    expect(found(replica, { user: 'ann' })).toStrictEqual(['1:5', '3:6']);
    expect(found(replica, { table: 'other' })).toStrictEqual(['1:6']);
    expect(found(replica, { limit: 2 })).toStrictEqual(['1:5', '1:6']);
    const after = { epoch: toEpoch(1), lsn: toLsn(6) };
    expect(found(replica, { after, limit: 2 })).toStrictEqual(['1:7', '3:6']);
  });

  it('[LX3] are there however large they are, and an answer holds some of them', () => {
    const replica = new TableReplica(new NodeSql());
    const large = [1, 2, 3].map((lsn) =>
      text({ epoch: 1, lsn, changes: Array.from({ length: 3 }, () => `"t"\t\t["${'🌊'.repeat(250_000)}"]`) }),
    );
    keepLostEntries(replica.sql, large, toEpoch(2));
    expect(found(replica, {})).toStrictEqual(['1:1']);
    const after = { epoch: toEpoch(1), lsn: toLsn(1) };
    expect(found(replica, { after })).toStrictEqual(['1:2']);
    expect(keptLostEntry(replica.sql, { epoch: toEpoch(1), lsn: toLsn(3) })).toBe(large[2]);
  });

  it('[LX4] stay as they are when they are kept again, and say what they became', () => {
    const replica = kept();
    const [position, applied] = [
      { epoch: toEpoch(1), lsn: toLsn(6) },
      { epoch: toEpoch(4), lsn: toLsn(9) },
    ];
    lostEntryWasApplied(replica.sql, position, applied);
    lostEntryWasApplied(replica.sql, position, { ...applied, lsn: toLsn(10) });
    keepLostEntries(replica.sql, [text({ epoch: 1, lsn: 6, user: 'bob' })], toEpoch(5));
    const [entry] = keptLostEntries(replica.sql, { ...ALL, user: 'bob' });
    expect(entry).toMatchObject({ applied, lost_by: 2, changes: LOST[1]?.changes });
  });

  it('[LX5] are none of what replicas share or users see, and stay when a snapshot is taken over', () => {
    const [replica, plain] = [kept(), new TableReplica(new NodeSql())];
    expect(digest(replica.sql)).toBe(digest(plain.sql));
    expect(userSchema(replica.sql)).toStrictEqual([]);
    wipe(replica.sql);
    expect(found(replica, {})).toHaveLength(4);
  });

  it('[LX6] are none where nothing was lost, and asking makes no table', () => {
    const replica = new TableReplica(new NodeSql());
    const { content } = replica;
    const position = { epoch: toEpoch(1), lsn: toLsn(6) };
    expect(found(replica, {})).toStrictEqual([]);
    expect(keptLostEntry(replica.sql, position)).toBe(null);
    lostEntryWasApplied(replica.sql, position, position);
    keepLostEntries(replica.sql, [], toEpoch(2));
    expect(replica.content).toStrictEqual(content);
    expect(keptLostEntry(kept().sql, { epoch: toEpoch(2), lsn: toLsn(6) })).toBe(null);
  });
});
