import { describe, expect, it } from 'vitest';
import { decodeEntry, HASH_OF_NOTHING, hashOf } from '../../shared/log/entry.ts';
import { EPOCH_FIRST, LSN_ZERO, toEpoch, toLsn } from '../../shared/lsn.ts';
import { all } from '../../shared/ports.ts';
import { ALL, entryAfter, LogReplica, texts } from './log-replica.ts';

const START = { epoch: EPOCH_FIRST, lsn: LSN_ZERO, hash: HASH_OF_NOTHING };
const REQUEST = { id: 'r', fingerprint: 'f', answer: '{}' };

function line(text: string): string {
  return `"t"\t\t["${text}"]`;
}

/** Five entries that it wrote: of one change, of two, with a request id, and again of one. */
function leader(): LogReplica {
  const replica = new LogReplica();
  replica.log.beginLeading();
  replica.write([line('a')], 1);
  replica.write([line('b'), line('c')], 2);
  replica.write([line('d')], 3, { request: REQUEST });
  replica.write([line('e')], 4);
  replica.write([line('f')], 5);
  return replica;
}

function held(replica: LogReplica): string[] {
  return texts(replica.log.readAfter(replica.log.start.lsn, ALL)) ?? [];
}

/** The same in memory as on disk. */
function expectHeld(replica: LogReplica, expected: readonly string[]): void {
  for (let pass = 0; pass < 2; pass += 1) {
    expect(held(replica)).toStrictEqual(expected);
    expect(replica.log.bytes).toBe(new TextEncoder().encode(expected.join('')).length);
    replica.reload();
  }
}

describe('an entry', () => {
  it('[LG29] names its user, beside its request id or without, and comes back as it was', () => {
    const users = ['ann', 'ünï ☃\n\t"', '\ud800 half', ''];
    const replica = new LogReplica();
    replica.log.beginLeading();
    const written = users.flatMap((user) => [
      replica.write([line('a')], 1, { user }),
      replica.write([line('b'), line('c')], 2, { user, request: REQUEST }),
      replica.write([line('d')], 3),
    ]);
    expectHeld(
      replica,
      written.map(({ text }) => text),
    );
    const entries = held(replica).map((text) => decodeEntry(text));
    expect(entries.map(({ user }) => user)).toStrictEqual(users.flatMap((user) => [user, user, null]));
    expect(entries[1]?.request).toStrictEqual(REQUEST);
    expect(entries[0]?.request).toBe(null);
    expect(written[2]?.text.split('\n')[0]?.split('\t')).toHaveLength(5);
  });
});

describe('a log that is truncated', () => {
  it('[LG26] ends at the place, for whatever entry that it wrote', () => {
    const before = held(leader());
    for (let lsn = 0; lsn <= 5; lsn += 1) {
      const replica = leader();
      const to = lsn === 0 ? START : replica.log.readAfter(toLsn(lsn - 1), ALL)?.[0]?.end;
      expect(to !== undefined && replica.log.truncate(to)).toBe(true);
      expect(replica.log.end).toStrictEqual(to);
      expectHeld(replica, before.slice(0, lsn));
    }
  });

  it('[LG26] ends at the place, in the middle of what it received', () => {
    const replica = new LogReplica();
    const received = [];
    for (let i = 0, end = START; i < 6; i += 1) {
      const entry = entryAfter(end, { epoch: EPOCH_FIRST, time: i, changes: [line(`é${i}`)] });
      received.push(entry);
      ({ end } = entry);
    }
    replica.log.append(received.slice(0, 2), 70);
    replica.log.append(received.slice(2), 71);
    for (const count of [4, 2, 1, 0]) {
      expect(replica.log.truncate(received[count - 1]?.end ?? START)).toBe(true);
      expectHeld(
        replica,
        received.slice(0, count).map(({ text }) => text),
      );
      expect(replica.log.knownAt).toBe([null, 70, 70, 71, 71][count]);
    }
  });

  it('[LG27] changes nothing where the place is not its own', () => {
    const replica = leader();
    const { end } = replica.log;
    const { content } = replica;
    const second = replica.log.readAfter(toLsn(1), ALL)?.[0]?.end ?? end;
    replica.log.cut(second.lsn, 100);
    const { content: afterCut } = replica;
    expect(afterCut).not.toStrictEqual(content);
    for (const place of [
      { ...end, lsn: toLsn(9) },
      { ...end, hash: hashOf('other') },
      { ...end, lsn: toLsn(4) },
      START,
    ])
      expect(replica.log.truncate(place)).toBe(false);
    expect(replica.content).toStrictEqual(afterCut);
    expect(replica.log.truncate(end)).toBe(true);
    expect(replica.content).toStrictEqual(afterCut);
    expect(replica.log.truncate(second)).toBe(true);
    expect(replica.log.bytes).toBe(0);
  });

  it('[LG28] goes on by receiving, and by leading again', () => {
    const replica = leader();
    const [first, second] = replica.log.readAfter(LSN_ZERO, ALL) ?? [];
    if (first === undefined || second === undefined) throw new Error('there are entries');
    replica.log.truncate(second.end);
    const other = entryAfter(second.end, { epoch: toEpoch(2), time: 9, changes: [line('other')] });
    replica.log.append([other], 1);
    replica.log.beginLeading();
    const own = replica.write([line('own')], 10, {}, toEpoch(3));
    expectHeld(
      replica,
      [first, second, other, own].map(({ text }) => text),
    );
    expect(decodeEntry(own.text).previous).toBe(other.end.hash);
  });

  it("[LG18] gives no change's id twice, also where a cut removed the last that is named", () => {
    const replica = leader();
    const end = replica.log.readAfter(toLsn(2), ALL)?.[0]?.end;
    if (end === undefined) throw new Error('there are entries');
    while (replica.log.cut(end.lsn, 100) === 'more');
    expect(replica.log.truncate(end)).toBe(true);
    expect(all(replica.sql, 'SELECT id, line FROM _tidemark_changes')).toStrictEqual([[4, '']]);
    replica.reload();
    replica.log.beginLeading();
    const own = replica.write([line('own')], 10, {}, toEpoch(2));
    expectHeld(replica, [own.text]);
    expect(decodeEntry(own.text).changes).toStrictEqual([line('own')]);
  });
});
