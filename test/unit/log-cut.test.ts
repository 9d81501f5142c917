import { describe, expect, it } from 'vitest';
import { LOG_LIMITS, type LogLimits } from '../../shared/limits.ts';
import { type ChainEnd, hashOf, HASH_OF_NOTHING } from '../../shared/log/entry.ts';
import { Outgoing } from '../../shared/log/outgoing.ts';
import type { StoredEntry } from '../../shared/log/tail.ts';
import { EPOCH_FIRST, LSN_ZERO, toEpoch, toLsn } from '../../shared/lsn.ts';
import { utf8Length } from '../../shared/utf8.ts';
import { ALL, entryAfter, LogReplica, texts } from './log-replica.ts';

const LIMITS: LogLimits = { ...LOG_LIMITS, hashedEntriesEvery: 10 };
const SNAPSHOT: ChainEnd = {
  epoch: toEpoch(3),
  lsn: toLsn(500),
  hash: hashOf('the entry at which it was copied'),
};

/** A leader's log of so many entries of one change: a hash is stored at 0, 10, 20 and so on. */
function written(count: number): LogReplica & { readonly entries: StoredEntry[] } {
  const replica = new LogReplica(LIMITS);
  replica.log.beginLeading();
  const entries = Array.from({ length: count }, (_, i) => replica.write([`"t"\t\t[${i},"é"]`], 1000 + i));
  return Object.assign(replica, { entries });
}

/** A follower's log of the same entries, in batches of so many. */
function received(count: number, batch: number): LogReplica & { readonly entries: StoredEntry[] } {
  const { entries } = written(count);
  const replica = new LogReplica(LIMITS);
  for (let from = 0; from < count; from += batch) {
    replica.log.append(entries.slice(from, from + batch), 5000 + from);
  }
  return Object.assign(replica, { entries });
}

function sizeOf(entries: readonly StoredEntry[]): number {
  return entries.reduce((bytes, { text }) => bytes + utf8Length(text), 0);
}

describe('a log that is cut', () => {
  it.each([
    // Fifteen changes and the hash at 40; two batches.
    ['that a leader wrote', written(45), 16],
    ['that a follower received', received(45, 10), 2],
  ])(
    '[LG16] begins at the last stored hash that is not past what was asked for: one %s',
    (_, replica, rows) => {
      const { entries } = replica;
      expect(replica.log.start).toStrictEqual({ epoch: EPOCH_FIRST, lsn: 0, hash: HASH_OF_NOTHING });
      expect(replica.log.cut(toLsn(9), 1000)).toBe('done');
      expect(replica.log.start.lsn).toBe(0);
      for (const [upTo, start] of [
        [27, 20],
        [29, 20],
        [10, 20],
        [30, 30],
      ] as const) {
        expect(replica.log.cut(toLsn(upTo), 1000)).toBe('done');
        for (let i = 0; i < 2; i += 1) {
          expect(replica.log.start).toStrictEqual(entries[start - 1]?.end);
          expect(replica.log.readAfter(toLsn(start - 1), ALL)).toBeNull();
          expect(texts(replica.log.readAfter(toLsn(start), ALL))).toStrictEqual(texts(entries.slice(start)));
          expect(replica.log.end).toStrictEqual(entries[44]?.end);
          replica.reload();
        }
      }
      expect(replica.rows).toBe(rows);
    },
  );

  it('[LG17] is cut by no more rows at a time than was said, and loads wherever that is broken off', () => {
    const leader = written(45);
    const { entries } = leader;
    let rows = leader.rows;
    let calls = 0;
    while (leader.log.cut(toLsn(45), 7) === 'more') {
      expect(rows - leader.rows).toBeLessThanOrEqual(7);
      ({ rows } = leader);
      calls += 1;
      leader.rollBack(() => leader.log.cut(toLsn(45), 7));
      expect(leader.rows).toBe(rows);
      expect(leader.log.start.lsn).toBe(40);
      expect(texts(leader.log.readAfter(toLsn(40), ALL))).toStrictEqual(texts(entries.slice(40)));
    }
    expect(calls).toBeGreaterThan(5);
    expect(leader.count('changes')).toBe(5);
  });

  it('[LG17] counts text as rows, so that large rows do not make a cut long', () => {
    const leader = new LogReplica(LIMITS);
    leader.log.beginLeading();
    for (let i = 0; i < 500; i += 1) leader.write([`"t"\t\t["${'x'.repeat(20_000)}"]`], i);
    expect(leader.log.cut(leader.log.end.lsn, 1000)).toBe('more');
    expect(leader.count('changes')).toBeGreaterThan(350);
  });

  it('[LG16] keeps neither a request nor the text of a change for the place that it begins at', () => {
    const leader = written(5);
    const request = { id: 'id', fingerprint: 'f', answer: 'x'.repeat(400_000) };
    leader.write([`"t"\t\t["${'y'.repeat(400_000)}"]`], 2000, { request });
    expect(leader.log.cut(toLsn(6), 10_000)).toBe('done');
    expect(JSON.stringify(leader.content).length).toBeLessThan(1000);
    expect(leader.log.bytes).toBe(0);
  });

  it('[LG18] gives no change an id twice, so that what is written after a cut of everything stays apart from it', () => {
    const leader = written(30);
    expect(leader.log.cut(toLsn(30), 1000)).toBe('done');
    expect(leader.count('changes')).toBe(1);
    for (const isReloaded of [false, true]) {
      if (isReloaded) leader.reload();
      const { end } = leader.log;
      leader.entries.push(leader.write(['"t"\t\t["a"]'], 3000));
      leader.entries.push(leader.write(['"t"\t\t["b"]', '"t"\t\t["c"]'], 3001));
      leader.reload();
      expect(texts(leader.log.readAfter(end.lsn, ALL))).toStrictEqual(texts(leader.entries.slice(-2)));
      expect(leader.log.cut(leader.log.end.lsn, 1000)).toBe('done');
    }
    expect(leader.count('changes')).toBe(1);
  });

  it('[LG18] keeps that promise on a follower that had led, which may lead again', () => {
    const replica = written(12);
    const first = entryAfter(replica.log.end, { epoch: toEpoch(2), time: 1, changes: ['"t"\t\t[1]'] });
    replica.log.append([first], 77);
    expect(replica.log.cut(toLsn(13), 1000)).toBe('done');
    replica.reload();
    replica.log.beginLeading();
    const own = [1, 2].map((i) => replica.write([`"t"\t\t[${i}]`], i, {}, toEpoch(3)));
    replica.reload();
    expect(texts(replica.log.readAfter(toLsn(13), ALL))).toStrictEqual(texts(own));
    expect(replica.log.readAfter(toLsn(12), ALL)).toBeNull();
  });

  it('[LG19] that leads, follows and leads again is read as one', () => {
    const replica = written(12);
    const { entries } = replica;
    for (const epoch of [2, 4].map(toEpoch)) {
      for (let i = 0; i < 3; i += 1) {
        const next = entryAfter(replica.log.end, { epoch, time: i, changes: ['"t"\t\t[1]', '"t"\t\t[2]'] });
        replica.log.append([next], i);
        entries.push(next);
      }
      replica.log.beginLeading();
      for (let i = 0; i < 3; i += 1)
        entries.push(replica.write([`"t"\t\t[${i}]`], i, {}, toEpoch(epoch + 1)));
    }
    for (let i = 0; i < 2; i += 1) {
      expect(texts(replica.log.readAfter(LSN_ZERO, ALL))).toStrictEqual(texts(entries));
      expect(replica.log.end).toStrictEqual(entries.at(-1)?.end);
      replica.reload();
    }
  });
});

describe('a log that begins after a snapshot', () => {
  it.each([
    ['never held anything', new LogReplica(LIMITS)],
    ['followed', received(45, 10)],
    ['led', written(45)],
  ])('[LG20] is empty there and goes on from there, on a replica that %s', (_, replica) => {
    replica.log.readAfter(LSN_ZERO, { entries: 3, chars: Infinity });
    replica.log.beginAfter(SNAPSHOT, 88);
    for (let i = 0; i < 2; i += 1) {
      expect(replica.log.start).toStrictEqual(SNAPSHOT);
      expect(replica.log.end).toStrictEqual(SNAPSHOT);
      expect(replica.log.bytes).toBe(0);
      expect(replica.log.knownAt).toBe(88);
      expect(replica.log.oldestTime()).toBeNull();
      expect(replica.log.readAfter(toLsn(499), ALL)).toBeNull();
      expect(replica.log.readAfter(toLsn(500), ALL)).toStrictEqual([]);
      replica.reload();
    }
    expect(replica.rows).toBe(0);
    const next = entryAfter(SNAPSHOT, { epoch: toEpoch(3), time: 1, changes: ['"t"\t\t[1]'] });
    replica.log.append([next], 99);
    replica.log.beginLeading();
    const own = replica.write(['"t"\t\t[2]'], 2, {}, toEpoch(4));
    replica.reload();
    expect(texts(replica.log.readAfter(toLsn(500), ALL))).toStrictEqual([next.text, own.text]);
  });

  it('[LG20] does not go on from a place that was read before', () => {
    const replica = written(20);
    replica.log.readAfter(LSN_ZERO, ALL);
    replica.log.beginAfter({ ...SNAPSHOT, lsn: toLsn(20) }, null);
    replica.log.beginLeading();
    const own = replica.write(['"t"\t\t[1]'], 1, {}, toEpoch(4));
    expect(texts(replica.log.readAfter(toLsn(20), ALL))).toStrictEqual([own.text]);
  });

  it('[LG20] may be led at once', () => {
    const replica = written(20);
    replica.log.beginAfter(SNAPSHOT, null);
    replica.log.beginLeading();
    replica.reload();
    const own = [1, 2].map((i) => replica.write([`"t"\t\t[${i}]`], i, {}, toEpoch(4)));
    expect(replica.log.cut(toLsn(500), 100)).toBe('done');
    replica.reload();
    expect(texts(replica.log.readAfter(toLsn(500), ALL))).toStrictEqual(texts(own));
  });
});

describe('what a log says of itself', () => {
  it.each([
    ['that a leader wrote', written(45)],
    ['that a follower received', received(45, 10)],
  ])('[LG21] is its size in bytes, exact where a hash is stored and else no less: one %s', (_, replica) => {
    const { log, entries } = replica;
    expect(log.bytes).toBe(sizeOf(entries));
    for (const lsn of [0, 10, 20, 30, 40, 45])
      expect(log.bytesAfter(toLsn(lsn))).toBe(sizeOf(entries.slice(lsn)));
    for (const lsn of [21, 25, 29]) expect(log.bytesAfter(toLsn(lsn))).toBe(sizeOf(entries.slice(20)));
    log.cut(toLsn(30), 1);
    for (let i = 0; i < 2; i += 1) {
      expect(replica.log.bytes).toBe(sizeOf(entries.slice(30)));
      expect(replica.log.bytesAfter(toLsn(5))).toBe(sizeOf(entries.slice(30)));
      expect(replica.log.oldestTime()).toBe(entries[30]?.time);
      replica.reload();
    }
  });

  it('[LG22] is when its entries were known, as it was said with the last of them, also where they were cut', () => {
    const { log: empty } = new LogReplica();
    expect(empty.knownAt).toBeNull();
    const replica = received(40, 10);
    expect(replica.log.knownAt).toBe(5030);
    replica.reload();
    expect(replica.log.knownAt).toBe(5030);
    expect(replica.log.cut(toLsn(40), 1000)).toBe('done');
    replica.reload();
    expect(replica.log.knownAt).toBe(5030);
    expect(replica.rows).toBe(0);
  });

  it('[LG24] is whether a place is one of its own: by hash, not by LSN', () => {
    const { log, entries } = written(25);
    log.cut(toLsn(10), 1000);
    const place = (lsn: number): ChainEnd => (entries[lsn - 1] as StoredEntry).end;
    for (const lsn of [10, 11, 17, 24, 25]) {
      expect(log.follows(place(lsn))).toBe(true);
      expect(log.follows({ ...place(lsn), hash: place(3).hash })).toBe(false);
    }
    expect(log.follows(place(9))).toBe(false);
    expect(log.follows({ ...place(25), lsn: toLsn(26) })).toBe(false);
  });
});

describe('what goes out to other replicas', () => {
  it('[LG25] is the same from memory as from the log, within what a message holds, and nothing that was cut', () => {
    const limits: LogLimits = { ...LIMITS, batchEntriesMax: 7, recentCharsMax: 600 };
    const replica = new LogReplica(limits);
    replica.log.beginLeading();
    const outgoing = new Outgoing(replica.log, limits);
    for (let i = 0; i < 45; i += 1) outgoing.push(replica.write([`"t"\t\t[${i}]`], i));
    const bound = { entries: limits.batchEntriesMax, chars: limits.batchCharsMax };
    for (const lsn of [0, 7, 20, 36, 38, 41, 44, 45].map(toLsn)) {
      expect(texts(outgoing.after(lsn))).toStrictEqual(texts(replica.log.readAfter(lsn, bound)));
    }
    replica.log.cut(toLsn(40), 1);
    expect(outgoing.after(toLsn(39))).toBeNull();
    expect(outgoing.after(toLsn(40))).toHaveLength(5);
  });

  it('[LG25] forgets what was before a snapshot', () => {
    const replica = new LogReplica(LIMITS);
    const outgoing = new Outgoing(replica.log, LIMITS);
    const grow = () => {
      const entry = entryAfter(replica.log.end, { epoch: toEpoch(3), time: 1, changes: ['"t"\t\t[1]'] });
      replica.log.append([entry], 1);
      outgoing.push(entry);
      return entry;
    };
    grow();
    replica.log.beginAfter(SNAPSHOT, null);
    expect(outgoing.after(LSN_ZERO)).toBeNull();
    expect(outgoing.after(toLsn(500))).toStrictEqual([]);
    const entry = grow();
    expect(outgoing.after(toLsn(500))).toStrictEqual([entry]);
  });
});
