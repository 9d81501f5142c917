import { present } from '../assert.ts';
import type { Epoch, Lsn } from '../lsn.ts';
import { all, first, run, type Sql, type SqlRow } from '../ports.ts';
import { type ChainEnd, decodeEntry, type Hash, hashOf, joinEntries, splitEntries } from './entry.ts';
import { utf8Length } from '../utf8.ts';
import type { StoredPlace } from './start.ts';
import type { StoredEntry } from './tail.ts';

/**
 * The part of the log that this replica received as a follower: a row a batch, its text as it came, so that
 * under load a follower writes little more than the rows themselves. Text beyond what a row may hold
 * goes on in _tidemark_segment_parts. The text is the last column: SQLite reads through it to those behind it.
 */
export function createSegments(sql: Sql): void {
  run(
    sql,
    `CREATE TABLE IF NOT EXISTS _tidemark_segments (
      last_lsn INTEGER PRIMARY KEY, first_lsn INTEGER NOT NULL, epoch INTEGER NOT NULL, hash TEXT NOT NULL,
      known_at INTEGER NOT NULL, bytes_up_to INTEGER NOT NULL, text TEXT NOT NULL)`,
  );
  run(
    sql,
    `CREATE TABLE IF NOT EXISTS _tidemark_segment_parts (
      last_lsn INTEGER NOT NULL, part INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (last_lsn, part))`,
  );
}

export interface Segment {
  readonly from: Lsn;
  readonly end: ChainEnd;
  readonly texts: readonly string[];
  readonly knownAt: number;
  readonly bytesUpTo: number;
}

/** Stores consecutive entries, the text in parts of so many characters. */
export function writeSegment(
  sql: Sql,
  { from, end, texts, knownAt, bytesUpTo }: Segment,
  partChars: number,
): void {
  const [head = '', ...parts] = inParts(joinEntries(texts), partChars);
  run(
    sql,
    `INSERT INTO _tidemark_segments (last_lsn, first_lsn, epoch, hash, known_at, bytes_up_to, text)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    end.lsn,
    from,
    end.epoch,
    end.hash,
    knownAt,
    bytesUpTo,
    head,
  );
  parts.forEach((part, i) => {
    run(
      sql,
      'INSERT INTO _tidemark_segment_parts (last_lsn, part, text) VALUES (?, ?, ?)',
      end.lsn,
      i + 1,
      part,
    );
  });
}

/** Removes the entries behind `to`, which is a place of this log; a segment that holds it ends there. */
export function truncateSegments(sql: Sql, to: ChainEnd, partChars: number): void {
  const row = first(
    sql,
    `SELECT last_lsn, first_lsn, text, known_at, bytes_up_to FROM _tidemark_segments
     WHERE first_lsn <= ?1 AND last_lsn > ?1 ORDER BY last_lsn LIMIT 1`,
    to.lsn,
  );
  const held = row === null ? [] : splitEntries(fullText(sql, row));
  for (const table of ['segments', 'segment_parts'])
    run(sql, `DELETE FROM _tidemark_${table} WHERE last_lsn > ?`, to.lsn);
  if (row === null) return;
  const from = row[1] as Lsn;
  const texts = held.slice(0, to.lsn + 1 - from);
  const { position } = decodeEntry(present(texts.at(-1), 'the last entry of a segment'));
  const gone = held.slice(texts.length).reduce((bytes, text) => bytes + utf8Length(text), 0);
  const kept: Segment = {
    from,
    end: { ...position, hash: to.hash },
    texts,
    knownAt: row[3] as number,
    bytesUpTo: (row[4] as number) - gone,
  };
  writeSegment(sql, kept, partChars);
}

/** Never cuts a surrogate pair: SQLite keeps UTF-8, in which half of one cannot be written. */
export function inParts(text: string, partChars: number): string[] {
  const parts: string[] = [];
  for (let from = 0; from < text.length;) {
    const end = from + partChars;
    const to = isHighSurrogate(text.charCodeAt(end - 1)) ? end - 1 : end;
    parts.push(text.slice(from, to));
    from = to;
  }
  return parts;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** The end of a segment. */
export interface SegmentEnd extends StoredPlace {
  /** A time by this replica's own clock, stored with the batch: see `Log.append`. */
  readonly knownAt: number;
}

/** The last end of a segment behind `after` and no further than `upTo`. */
export function segmentEndBetween(sql: Sql, after: Lsn, upTo: number): SegmentEnd | null {
  const row = first(
    sql,
    `SELECT last_lsn, epoch, hash, known_at, bytes_up_to FROM _tidemark_segments
     WHERE last_lsn > ? AND last_lsn <= ? ORDER BY last_lsn DESC LIMIT 1`,
    after,
    upTo,
  );
  if (row === null) return null;
  const [lsn, epoch, hash, knownAt, bytesUpTo] = row;
  return {
    end: { lsn: lsn as Lsn, epoch: epoch as Epoch, hash: hash as Hash },
    knownAt: knownAt as number,
    bytesUpTo: bytesUpTo as number,
  };
}

/** The entries after `after` as far as one segment has them; null where no segment holds the one that follows. */
export function segmentAfter(sql: Sql, after: Lsn): Iterable<StoredEntry> | null {
  const row = first(
    sql,
    'SELECT last_lsn, first_lsn, text FROM _tidemark_segments WHERE last_lsn > ? ORDER BY last_lsn LIMIT 1',
    after,
  );
  if (row === null || (row[1] as number) > after + 1) return null;
  return stored(fullText(sql, row), after);
}

function fullText(sql: Sql, [lastLsn, , text]: SqlRow): string {
  const parts = all(
    sql,
    'SELECT text FROM _tidemark_segment_parts WHERE last_lsn = ? ORDER BY part',
    lastLsn as number,
  );
  return (text as string) + parts.map(([part]) => part as string).join('');
}

function* stored(text: string, after: Lsn): Generator<StoredEntry> {
  for (const entryText of splitEntries(text)) {
    const { position, time } = decodeEntry(entryText);
    if (position.lsn > after) yield { end: { ...position, hash: hashOf(entryText) }, text: entryText, time };
  }
}
