import type { RecordedRequest } from '../log/entry.ts';
import type { Lsn } from '../lsn.ts';
import { all, type Sql, type SqlRow } from '../ports.ts';
import { allForeignKeys } from './foreign-key-list.ts';
import { imageSql } from './images.ts';
import { KeyOrder } from './key-order.ts';
import { type NamedTrigger, userTriggers } from './roles.ts';
import { quoteName, readLayout, tableExists, userTables } from './schema.ts';
import { MAKE_SEQUENCES } from './sequences.ts';

/** What a follower makes its tables of before the first row comes. */
export interface SnapshotStart {
  /** Statements that make the schema, in order. */
  readonly schema: readonly string[];
  /** In the order in which they were made: see `userTriggers`. */
  readonly triggers: readonly NamedTrigger[];
  /** The tables to copy, in the order in which they are copied. */
  readonly tables: readonly string[];
}

/** What is copied next. All that comes before it is the copied range. */
export type CopyPlace =
  | {
      readonly kind: 'rows';
      readonly table: string;
      /** The key of the last row that was copied, as an image; null before the first. */
      readonly after: string | null;
      /** The tables that come behind this one, all of them. */
      readonly next: readonly string[];
    }
  /** `after`: the last id that was copied. */
  | { readonly kind: 'requests'; readonly after: string | null }
  | { readonly kind: 'rest' };

/** How much one piece may hold. One row larger than the characters bound travels alone. */
export interface PieceBound {
  readonly rows: number;
  readonly chars: number;
}

export interface CopiedRequest extends RecordedRequest {
  readonly lsn: Lsn;
  readonly time: number;
}

/** One part of a piece. It says the place at which it was read, because the log may have moved that meanwhile. */
export type PiecePart =
  | {
      readonly kind: 'rows';
      readonly table: string;
      readonly after: string | null;
      /** Row images parted by newlines, which no image has; empty for no row. */
      readonly images: string;
      /** The key of the last row, as an image; null where the table ends here. */
      readonly key: string | null;
    }
  | {
      readonly kind: 'requests';
      readonly after: string | null;
      readonly requests: readonly CopiedRequest[];
      readonly isLast: boolean;
    }
  | {
      readonly kind: 'rest';
      /** The rows of sqlite_sequence, images of [name, seq]. */
      readonly sequences: readonly string[];
      /** The rows of sqlite_stat1, images of [tbl, idx, stat]: what ANALYZE found, for the choice of an index. */
      readonly statistics: readonly string[];
    };

/** What was read at one position, in the order of copying; empty where the log must say first what became of a table. */
export type PieceRows = readonly PiecePart[];

/** Makes the tables in which ANALYZE leaves what it found. */
const MAKE_STATISTICS = 'ANALYZE sqlite_schema';

const SCHEMA_SQL = String.raw`SELECT m.sql FROM sqlite_schema AS m
  WHERE m.type = ? AND m.sql IS NOT NULL AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'
    AND m.name IN (SELECT s.name FROM _tidemark_schema AS s WHERE s.type = m.type)
  ORDER BY m.rowid`;

export function readStart(sql: Sql): SnapshotStart {
  const texts = ['table', 'index', 'view'].flatMap((type) =>
    all(sql, SCHEMA_SQL, type).map(([text]) => text as string),
  );
  return {
    schema: [
      ...(tableExists(sql, 'sqlite_sequence') ? MAKE_SEQUENCES : []),
      ...texts,
      ...(tableExists(sql, 'sqlite_stat1') ? [MAKE_STATISTICS] : []),
    ],
    triggers: userTriggers(sql),
    tables: parentsFirst(sql, userTables(sql)),
  };
}

/**
 * Tables that others name come before these, as far as that can be. While a row is there without its parent, SQLite searches
 * the children of every parent that is inserted: without an index that is the whole table.
 */
function parentsFirst(sql: Sql, tables: readonly string[]): string[] {
  const keys = Map.groupBy(allForeignKeys(sql), ({ child }) => child);
  const left = new Set(tables);
  const isFree = (table: string) =>
    (keys.get(table) ?? []).every(({ parent }) => parent === table || !left.has(parent));
  const ordered: string[] = [];
  while (left.size > 0) {
    const free = [...left].filter(isFree);
    const next = free.length > 0 ? free : [...left].slice(0, 1);
    for (const table of next) left.delete(table);
    ordered.push(...next);
  }
  return ordered;
}

/** Reads on from `place`, as far as the bound lets it: at least one row, a small database whole. */
export function readPiece(sql: Sql, place: CopyPlace, bound: PieceBound): PieceRows {
  const room = new Room(bound);
  const parts: PiecePart[] = [];
  if (place.kind === 'rows') {
    for (const table of [place.table, ...place.next]) {
      const after = table === place.table ? place.after : null;
      if (room.isFull || !tableExists(sql, table)) return parts;
      const { images, isEnd, key } = readRows(sql, { table, after }, room);
      // The first row is too large for what is left of this piece.
      if (images.length === 0 && !isEnd) return parts;
      parts.push({ kind: 'rows', table, after, images: images.join('\n'), key });
      if (key !== null) return parts;
    }
  }
  if (place.kind !== 'rest') {
    if (room.isFull) return parts;
    const after = place.kind === 'requests' ? place.after : null;
    const { taken, isEnd } = readRequests(sql, after, room);
    parts.push({ kind: 'requests', after, requests: taken, isLast: isEnd });
    if (!isEnd) return parts;
  }
  return [...parts, readRest(sql)];
}

const PAGE_ROWS_FIRST = 16;
const PAGE_ROWS_MAX = 512;

/** What a piece may still take. */
class Room {
  #rows: number;
  #chars: number;
  #isEmpty = true;
  #largest = 1;

  constructor({ rows, chars }: PieceBound) {
    this.#rows = rows;
    this.#chars = chars;
  }

  get isFull(): boolean {
    return !this.#isEmpty && (this.#rows < 1 || this.#chars < 1);
  }

  /** Whether a row of so many characters still goes in; if so, it is in. */
  takes(chars: number): boolean {
    if (!this.#isEmpty && (this.#rows < 1 || chars > this.#chars)) return false;
    this.#isEmpty = false;
    this.#rows -= 1;
    this.#chars -= chars;
    this.#largest = Math.max(this.#largest, chars);
    return true;
  }

  /** How many rows to read next, when `last` were read before: not many more than there is room for. */
  pageRows(last: number): number {
    const fitting = Math.ceil(this.#chars / this.#largest);
    const most = last === 0 ? PAGE_ROWS_FIRST : Math.min(PAGE_ROWS_MAX, last * 4);
    return Math.max(1, Math.min(most, this.#rows, last === 0 ? most : fitting));
  }
}

interface Read<T> {
  readonly taken: readonly T[];
  readonly isEnd: boolean;
}

/**
 * Reads page after page until the room is full. What no longer goes in is read and let go: a page that is left half
 * read would lock its table.
 */
function readOn<T>(
  room: Room,
  page: (rows: number, last: T | null) => Iterable<T>,
  charsOf: (row: T) => number,
): Read<T> {
  const taken: T[] = [];
  for (let asked = 0; ;) {
    asked = room.pageRows(asked);
    let found = 0;
    let isFull = false;
    for (const row of page(asked, taken.at(-1) ?? null)) {
      found += 1;
      isFull ||= !room.takes(charsOf(row));
      if (!isFull) taken.push(row);
    }
    if (isFull) return { taken, isEnd: false };
    if (found < asked) return { taken, isEnd: true };
    if (room.isFull) return { taken, isEnd: false };
  }
}

function readRows(
  sql: Sql,
  { table, after }: { readonly table: string; readonly after: string | null },
  room: Room,
): { readonly images: readonly string[]; readonly isEnd: boolean; readonly key: string | null } {
  const layout = readLayout(sql, table);
  const order = new KeyOrder(sql, layout);
  const select = `SELECT ${imageSql(layout, 't')} FROM ${quoteName(table)} AS t`;
  const limit = `ORDER BY ${order.orderSql()} LIMIT CAST(?2 AS INTEGER)`;
  const first = `${select} WHERE ?1 IS NULL ${limit}`;
  const next = order.behindSql().map((condition) => `${select} WHERE ${condition} ${limit}`);
  const { taken, isEnd } = readOn<string>(
    room,
    function* (rows, last) {
      const from = last === null ? after : order.keyOf(last);
      let left = rows;
      for (const text of from === null ? [first] : next) {
        for (const [image] of sql.exec(text, from, left)) {
          left -= 1;
          yield image as string;
        }
        if (left === 0) return;
      }
    },
    (image) => image.length,
  );
  const last = taken.at(-1);
  return { images: taken, isEnd, key: isEnd || last === undefined ? null : order.keyOf(last) };
}

function readRequests(sql: Sql, after: string | null, room: Room): Read<CopiedRequest> {
  const text = (condition: string) =>
    `SELECT id, fingerprint, answer, lsn, time FROM _tidemark_requests WHERE in_log AND ${condition} ORDER BY id LIMIT CAST(?2 AS INTEGER)`;
  return readOn<CopiedRequest>(
    room,
    function* (rows, last) {
      const from = last?.id ?? after;
      for (const row of sql.exec(text(from === null ? '?1 IS NULL' : 'id > ?1'), from, rows))
        yield toRequest(row);
    },
    ({ id, fingerprint, answer }) => id.length + fingerprint.length + answer.length,
  );
}

function toRequest([id, fingerprint, answer, lsn, time]: SqlRow): CopiedRequest {
  return {
    id: id as string,
    fingerprint: fingerprint as string,
    answer: answer as string,
    lsn: lsn as Lsn,
    time: time as number,
  };
}

function readRest(sql: Sql): PiecePart {
  const images = (table: string, columns: string) =>
    tableExists(sql, table)
      ? all(sql, `SELECT json_array(${columns}) FROM ${table} ORDER BY rowid`).map(
          ([image]) => image as string,
        )
      : [];
  return {
    kind: 'rest',
    sequences: images('sqlite_sequence', 'name, seq'),
    statistics: images('sqlite_stat1', 'tbl, idx, stat'),
  };
}
