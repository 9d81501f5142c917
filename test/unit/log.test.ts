import { describe, expect, it } from 'vitest';
import { ENTRY_BYTES_MAX, LOG_LIMITS, REQUEST_ID_KEPT_MS } from '../../shared/limits.ts';
import {
  decodeEntry,
  ENTRY_FORMAT,
  EntryFormatError,
  hashOf,
  joinEntries,
  type RecordedRequest,
  splitEntries,
} from '../../shared/log/entry.ts';
import type { ChangeRow } from '../../shared/log/captured.ts';
import { createLog, Log } from '../../shared/log/log.ts';
import type { StoredEntry } from '../../shared/log/tail.ts';
import { EPOCH_FIRST, type Lsn, LSN_ZERO, toEpoch, toLsn } from '../../shared/lsn.ts';
import { all, first, run } from '../../shared/ports.ts';
import { createRequests, findRequest, keepRequest } from '../../shared/tables/requests.ts';
import { NodeSql } from '../simulator/node-sql.ts';

const ALL = { entries: Infinity, chars: Infinity };

/** What the open transaction wrote past the log. */
function grown(log: Log): readonly ChangeRow[] {
  const captured = log.capture();
  captured.expectMore();
  return captured.read();
}

/** A log that writes, as a leader's. */
class Writer {
  readonly sql = new NodeSql();
  log: Log;
  readonly texts: string[] = [];

  constructor() {
    createLog(this.sql);
    this.log = new Log(this.sql);
    this.log.beginLeading();
  }

  add(lines: readonly string[], request: RecordedRequest | null = null, epoch = EPOCH_FIRST): StoredEntry {
    for (const line of lines)
      run(
        this.sql,
        'INSERT INTO _tidemark_changes (time, line) VALUES (?, ?)',
        1000 + this.texts.length,
        line,
      );
    const entry = this.log.close(epoch, grown(this.log), { request, user: null });
    this.texts.push(entry.text);
    return entry;
  }

  reload(): void {
    this.log = new Log(this.sql);
  }

  count(table: string): number {
    return first(this.sql, `SELECT count(*) FROM ${table}`)?.[0] as number;
  }
}

function texts(entries: readonly StoredEntry[] | null): string[] | null {
  return entries?.map((entry) => entry.text) ?? null;
}

/** A log that receives, as a follower's. */
function receiver(): { readonly sql: NodeSql; readonly log: Log } {
  const sql = new NodeSql();
  createLog(sql);
  return { sql, log: new Log(sql) };
}

const REQUEST = { id: 'id', fingerprint: 'f', answer: '{"results":[]}' };

describe('the log that a leader writes', () => {
  it('[LG1] keeps an entry of one change as that change, and a row more for any other', () => {
    const writer = new Writer();
    const marks = writer.count('_tidemark_entries');
    writer.add(['"t"\t\t[0]']);
    const first = writer.count('_tidemark_entries');
    writer.add(['"t"\t\t[1]']);
    writer.add(['"t"\t\t[2]']);
    expect(writer.count('_tidemark_entries')).toBe(first);
    writer.add(['"t"\t\t[3]', '"t"\t\t[4]']);
    expect(writer.count('_tidemark_entries')).toBe(first + 1);
    writer.add(['"t"\t\t[5]'], REQUEST);
    expect(writer.count('_tidemark_entries')).toBe(first + 2);
    writer.add(['"t"\t\t[6]'], null, toEpoch(2));
    expect(writer.count('_tidemark_entries')).toBe(first + 3);
    writer.add(['"t"\t\t[7]'], null, toEpoch(2));
    expect(writer.count('_tidemark_entries')).toBe(first + 3);
    expect(marks).toBe(1);
  });

  it('[LG2] stores a hash every so many entries', () => {
    const writer = new Writer();
    for (let i = 0; i < 2 * LOG_LIMITS.hashedEntriesEvery + 5; i += 1) writer.add([`"t"\t\t[${i}]`]);
    const marked = all(writer.sql, 'SELECT lsn FROM _tidemark_entries ORDER BY lsn').map(([lsn]) => lsn);
    expect(marked).toStrictEqual([0, LOG_LIMITS.hashedEntriesEvery, 2 * LOG_LIMITS.hashedEntriesEvery]);
  });

  it('[LG3] is the same wherever it is loaded again: same end, same texts, chained by hash', () => {
    const writer = new Writer();
    let seed = 7;
    for (let i = 0; i < 700; i += 1) {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      const changes = seed % 11 === 0 ? 3 : 1;
      const request = seed % 13 === 0 ? { ...REQUEST, id: `id ${i}` } : null;
      const epoch = toEpoch(1 + Math.floor(i / 300));
      const { end } = writer.add(
        Array.from({ length: changes }, (_, j) => `"t"\t\t[${i},${j}]`),
        request,
        epoch,
      );
      if (seed % 3 === 0) writer.reload();
      expect(writer.log.end).toStrictEqual(end);
    }
    writer.reload();
    expect(texts(writer.log.readAfter(LSN_ZERO, ALL))).toStrictEqual(writer.texts);
    writer.texts.forEach((text, i) => {
      const entry = decodeEntry(text);
      expect(entry.position.lsn).toBe(i + 1);
      if (i > 0) expect(entry.previous).toBe(hashOf(writer.texts[i - 1] as string));
    });
    for (const after of [0, 1, 2, 254, 255, 256, 257, 299, 300, 301, 699]) {
      expect(texts(writer.log.readAfter(toLsn(after), ALL))).toStrictEqual(writer.texts.slice(after));
    }
  });

  it('[LG4] gives no more than was asked for, but always the first entry', () => {
    const writer = new Writer();
    for (let i = 0; i < 10; i += 1) writer.add([`"t"\t\t["${'x'.repeat(i === 4 ? 5000 : 50)}"]`]);
    expect(writer.log.readAfter(toLsn(2), { entries: 3, chars: Infinity })).toHaveLength(3);
    expect(texts(writer.log.readAfter(toLsn(4), { entries: 9, chars: 100 }))).toStrictEqual(
      writer.texts.slice(4, 5),
    );
    expect(texts(writer.log.readAfter(toLsn(2), { entries: 9, chars: 1000 }))).toStrictEqual(
      writer.texts.slice(2, 4),
    );
    expect(writer.log.readAfter(toLsn(10), ALL)).toStrictEqual([]);
  });

  it('[LG5] refuses a transaction that is larger than an entry may be', () => {
    const writer = new Writer();
    const line = `"t"\t\t["${'x'.repeat(1_900_000)}"]`;
    const lines = Array.from({ length: Math.ceil(ENTRY_BYTES_MAX / line.length) }, () => line);
    expect(() => writer.add(lines)).toThrow('too-large');
  });

  it('[LG6] refuses a change that is not UTF-8, and takes U+FFFD itself', () => {
    const writer = new Writer();
    run(
      writer.sql,
      "INSERT INTO _tidemark_changes (time, line) VALUES (1, '\"t\"' || char(9, 9) || '[\"' || CAST(x'ff' AS TEXT) || '\"]')",
    );
    expect(() => grown(writer.log)).toThrow('not UTF-8');
    run(writer.sql, 'DELETE FROM _tidemark_changes');
    expect(writer.add(['"t"\t\t["\uFFFD"]']).text).toContain('\uFFFD');
  });
});

describe('the log that a follower receives', () => {
  it('[LG7] gives back what came, in any batches, also after loading again', () => {
    const writer = new Writer();
    const entries = Array.from({ length: 40 }, (_, i) => writer.add([`"t"\t\t[${i}]`]));
    const { sql } = receiver();
    let from = 0;
    for (const size of [1, 2, 30, 1, 6]) {
      const log = new Log(sql);
      log.append(entries.slice(from, from + size), 5);
      from += size;
      expect(new Log(sql).end).toStrictEqual(entries[from - 1]?.end);
    }
    const log = new Log(sql);
    for (const after of [0, 1, 2, 3, 17, 32, 33, 34, 39, 40]) {
      expect(texts(log.readAfter(toLsn(after), ALL))).toStrictEqual(writer.texts.slice(after));
    }
    expect(texts(log.readAfter(toLsn(3), { entries: 31, chars: Infinity }))).toStrictEqual(
      writer.texts.slice(3, 34),
    );
  });

  it.each(['x', 'é', '☃', '🌊'])(
    '[LG8] keeps an entry that is larger than a part of a segment (%s)',
    (char) => {
      const writer = new Writer();
      const { sql, log } = receiver();
      // Every alignment of a pair of surrogates to the end of a part.
      const entries = [0, 1, 2].map((shift) => {
        const lines = Array.from(
          { length: 4 },
          (_, i) => `"t"\t\t["${'-'.repeat(shift + i)}${char.repeat(Math.floor(380_000 / char.length))}"]`,
        );
        return writer.add(lines);
      });
      expect(entries[0]?.text.length).toBeGreaterThan(2 * LOG_LIMITS.segmentPartChars);
      for (const entry of entries) log.append([entry], 5);
      expect(texts(new Log(sql).readAfter(LSN_ZERO, ALL))).toStrictEqual(writer.texts);
      expect(writer.texts.every((text) => text.isWellFormed())).toBe(true);
    },
  );

  it('[LG9] goes on, after it begins to lead, where what it received ends', () => {
    const writer = new Writer();
    const entries = Array.from({ length: 5 }, (_, i) => writer.add([`"t"\t\t[${i}]`]));
    const { sql, log } = receiver();
    log.append(entries, 5);
    log.beginLeading();
    const own: StoredEntry[] = [];
    for (let i = 0; i < 3; i += 1) {
      run(sql, 'INSERT INTO _tidemark_changes (time, line) VALUES (9, ?)', `"t"\t\t[${100 + i}]`);
      own.push(log.close(toEpoch(2), grown(log), { request: null, user: null }));
    }
    const again = new Log(sql);
    expect(again.position).toStrictEqual({ epoch: 2, lsn: 8 });
    const expected = [...writer.texts, ...own.map((entry) => entry.text)];
    for (const after of [0, 3, 4, 5, 6, 8])
      expect(texts(again.readAfter(toLsn(after), ALL))).toStrictEqual(expected.slice(after));
    expect(texts(again.readAfter(toLsn(3), { entries: 3, chars: Infinity }))).toStrictEqual(
      expected.slice(3, 6),
    );
  });

  it('[LG10] says so where it does not hold the entry that follows', () => {
    const writer = new Writer();
    const entries = Array.from({ length: 5 }, (_, i) => writer.add([`"t"\t\t[${i}]`]));
    const { sql, log } = receiver();
    log.append(entries.slice(0, 3), 5);
    log.append(entries.slice(3), 5);
    run(sql, 'DELETE FROM _tidemark_segments WHERE last_lsn = 3');
    expect(log.readAfter(toLsn(1), ALL)).toBeNull();
    expect(texts(log.readAfter(toLsn(3), ALL))).toStrictEqual(writer.texts.slice(3));
  });
});

describe("an entry's text", () => {
  it('[LG11] comes back from a batch as it was', () => {
    const writer = new Writer();
    writer.add(
      ['"a\\tb"\t\t["line\\nbreak","\\u0000"]', '\tschema\t{"sql":"CREATE TABLE t (\\n a)","triggers":{}}'],
      REQUEST,
    );
    writer.add(['"t"\t[1]\t']);
    expect(splitEntries(joinEntries(writer.texts))).toStrictEqual(writer.texts);
    const entry = decodeEntry(writer.texts[0] as string);
    expect(entry.request).toStrictEqual(REQUEST);
    expect(entry.changes).toHaveLength(2);
  });

  it('[LG12] is refused in a format that this code does not know, and where it is no entry', () => {
    const writer = new Writer();
    const { text } = writer.add(['"t"\t\t[1]']);
    const newer = text.replace(/^\d+/, String(ENTRY_FORMAT + 1));
    expect(() => decodeEntry(newer)).toThrow(EntryFormatError);
    expect(() => decodeEntry(newer)).toThrow('upgrade');
    for (const bad of ['', 'x', text.split('\n')[0] as string, text.slice(20)])
      expect(() => decodeEntry(bad)).toThrow(EntryFormatError);
  });
});

describe('request ids', () => {
  const DAY = REQUEST_ID_KEPT_MS;
  const at = (lsn: number, time: number) => ({ lsn: lsn as Lsn, time, in: 'log' }) as const;

  it('[LG13] are kept for as long as promised, counted by the clock in later entries, and then forgotten', () => {
    const sql = new NodeSql();
    createRequests(sql);
    keepRequest(sql, { ...REQUEST, id: 'a' }, at(1, 1000));
    keepRequest(sql, { ...REQUEST, id: 'b' }, at(2, 1000 + DAY));
    expect(findRequest(sql, 'a')).toStrictEqual({ fingerprint: 'f', answer: REQUEST.answer, lsn: 1 });
    keepRequest(sql, { ...REQUEST, id: 'c' }, at(3, 1001 + DAY));
    expect(findRequest(sql, 'a')).toBeNull();
    expect(findRequest(sql, 'b')?.lsn).toBe(2);
  });

  it('[LG14] travel with the entry, and are the same at a follower', () => {
    const writer = new Writer();
    const request = {
      id: 'ünï ☃',
      fingerprint: 'f',
      answer: '{"results":[{"rows":[["\\n","9007199254740993",1.0]]}]}',
    };
    writer.add(['"t"\t\t[1]'], request);
    writer.reload();
    expect(decodeEntry(texts(writer.log.readAfter(LSN_ZERO, ALL))?.[0] as string).request).toStrictEqual(
      request,
    );
  });
});
