import { decodeEntry, type Entry, type Hash, hashOf, splitEntries } from '../../shared/log/entry.ts';
import { Log } from '../../shared/log/log.ts';
import { LSN_ZERO } from '../../shared/lsn.ts';
import { Lru } from '../../shared/lru.ts';
import { all, first, type Sql } from '../../shared/ports.ts';
import type { Position } from '../../shared/position.ts';
import type { Batch } from '../../shared/protocol/messages.ts';
import { digest } from '../../shared/tables/digest.ts';
import type { Apply, DigestTaken, Final, Send } from './history.ts';

/** Digests read every row, so they are taken at some positions only: the same ones on every replica. */
const DIGEST_EVERY = 64;

interface ReadEntry {
  readonly entry: Entry;
  readonly hash: Hash;
}

const READ_MAX = 1_000;
/** Every entry is sent once to each follower and applied there. */
const known = new Lru<string, ReadEntry>(READ_MAX);

function readEntry(text: string): ReadEntry {
  const found = known.get(text) ?? { entry: decodeEntry(text), hash: hashOf(text) };
  known.set(text, found);
  return found;
}

/** What a follower applied of a batch: the entries after `before` and up to `after`. */
export function applied(
  replica: string,
  batch: Batch,
  range: { readonly before: Position; readonly after: Position },
): Apply[] {
  const entries = (batch.text === null ? [] : splitEntries(batch.text)).map(readEntry);
  return entries
    .filter(({ entry }) => entry.position.lsn > range.before.lsn && entry.position.lsn <= range.after.lsn)
    .map(({ entry, hash }) => ({
      event: 'apply',
      replica,
      position: entry.position,
      hash,
      previous: entry.previous,
    }));
}

export function sent(replica: string, to: string, { text }: Batch): Send | null {
  if (text === null) return null;
  const texts = splitEntries(text);
  const { entry, hash } = readEntry(texts.at(-1) ?? '');
  return { event: 'send', replica, to, last: entry.position, hash, entries: texts.length };
}

export function digestIfDue(replica: string, position: Position, sql: Sql): DigestTaken | null {
  if (position.lsn % DIGEST_EVERY !== 0) return null;
  return digestAt(replica, position, sql);
}

export function digestAt(replica: string, position: Position, sql: Sql): DigestTaken {
  return { event: 'digest', replica, position, sha256: digest(sql) };
}

export function finalState(replica: string, position: Position, sql: Sql): Final {
  const entries = new Log(sql).readAfter(LSN_ZERO, { entries: Infinity, chars: Infinity }) ?? [];
  return {
    event: 'final',
    replica,
    position,
    sha256: digest(sql),
    quick_check: String(first(sql, 'PRAGMA quick_check')?.[0]),
    foreign_keys_broken: all(sql, 'PRAGMA foreign_key_check').length,
    log: entries.map(({ end, text }) => [end.epoch, end.lsn, end.hash, decodeEntry(text).previous]),
  };
}
