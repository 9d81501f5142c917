import { decodeEntry, type Entry, type Hash, hashOf, splitEntries } from '../../shared/log/entry.ts';
import { Log } from '../../shared/log/log.ts';
import { Lru } from '../../shared/lru.ts';
import { all, first, type Sql } from '../../shared/ports.ts';
import type { Position } from '../../shared/position.ts';
import {
  type Assignment,
  type Leadership,
  membersOf,
  type ReplicaRef,
} from '../../shared/protocol/assignment.ts';
import type { Batch } from '../../shared/protocol/messages.ts';
import { shortName } from '../../shared/protocol/names.ts';
import { digest } from '../../shared/tables/digest.ts';
import { keptLostEntries } from '../../shared/tables/lost-entries.ts';
import type { Apply, DigestTaken, Final, Members, Send } from './history.ts';

/** The name by which a history knows a replica. */
export function labelOf(ref: Pick<ReplicaRef, 'name'>): string {
  return shortName({ ...ref, region: 'weur' }) || ref.name;
}

export function membersIn(leadership: Leadership, durability: Assignment['durability']): Members {
  const members = membersOf(leadership).map(labelOf);
  return {
    epoch: leadership.epoch,
    revision: leadership.revision,
    durability,
    leader: labelOf(leadership.leader),
    members,
    joining: leadership.followers.map(labelOf).filter((name) => !members.includes(name)),
  };
}

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

/** What a follower applied of what came: the entries after `before` and up to `after`. */
export function applied(
  replica: string,
  batch: Batch | null,
  range: { readonly before: Position; readonly after: Position },
): Apply[] {
  const text = batch?.text ?? null;
  const by = batch?.epoch ?? 0;
  const entries = (text === null ? [] : splitEntries(text)).map(readEntry);
  return entries
    .filter(({ entry }) => entry.position.lsn > range.before.lsn && entry.position.lsn <= range.after.lsn)
    .map(({ entry, hash }) => ({
      event: 'apply',
      replica,
      position: entry.position,
      hash,
      previous: entry.previous,
      by,
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

/** The bytes of what a leader has captured since, at most; and up to which change. */
export function capturedSince(
  sql: Sql,
  change: number,
  entries: { readonly from: number; readonly to: number },
): { readonly bytes: number; readonly last: number } {
  const row = first(
    sql,
    `SELECT (SELECT ifnull(sum(length(CAST(line AS BLOB)) + 1), 0) FROM _tidemark_changes WHERE id > ?1),
      (SELECT max(id) FROM _tidemark_changes), (SELECT sum(length(CAST(request AS BLOB))) FROM _tidemark_entries WHERE lsn BETWEEN ?2 AND ?3)`,
    change,
    entries.from,
    entries.to,
  );
  const [bytes, last, request] = (row ?? []).map(Number);
  return { bytes: HEADER_BYTES_MAX + (bytes ?? 0) + 2 * (request ?? 0), last: last ?? change };
}

/** What an entry's text has beside its changes and its request. */
const HEADER_BYTES_MAX = 300;

export function finalState(
  replica: string,
  position: Position,
  sql: Sql,
  state: string | null = null,
): Final {
  const log = new Log(sql);
  const { start } = log;
  const entries = log.readAfter(start.lsn, { entries: Infinity, chars: Infinity }) ?? [];
  return {
    event: 'final',
    replica,
    position,
    sha256: digest(sql),
    quick_check: String(first(sql, 'PRAGMA quick_check')?.[0]),
    foreign_keys_broken: all(sql, 'PRAGMA foreign_key_check').length,
    state,
    start: { lsn: start.lsn, hash: start.hash },
    log_bytes: log.bytes,
    log_rows_left: rowsLeft(sql),
    log: entries.map(({ end, text }) => [end.epoch, end.lsn, end.hash, decodeEntry(text).previous]),
  };
}

function rowsLeft(sql: Sql): number {
  const row = first(
    sql,
    `SELECT (SELECT count(*) FROM _tidemark_changes WHERE id < s.last_change)
      + (SELECT count(*) FROM _tidemark_segments WHERE last_lsn <= s.lsn) FROM _tidemark_log_start AS s`,
  );
  return Number(row?.[0] ?? 0);
}

/** What failovers cut off and this replica has kept. */
export function keptOf(sql: Sql): (readonly [epoch: number, lsn: number])[] {
  const nothing = { epoch: null, from_lsn: null, to_lsn: null, from_time: null, to_time: null };
  const query = { ...nothing, user: null, table: null, after: null, limit: KEPT_MAX };
  return keptLostEntries(sql, query).map(({ position }) => [position.epoch, position.lsn]);
}

/** More than any run loses. */
const KEPT_MAX = 100_000;

/** The changes that are stored, of whichever leader. */
export function lastChange(sql: Sql): number {
  return Number(first(sql, 'SELECT max(id) FROM _tidemark_changes')?.[0] ?? 0);
}

export function tablesIn(sql: Sql): number {
  return Number(first(sql, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'")?.[0]);
}
