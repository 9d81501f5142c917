import { stat } from 'node:fs/promises';
import { PARAMS_MAX, SQL_BYTES_MAX } from '../../shared/limits.ts';
import { hashFiles, readText } from './files.ts';
import type { Item, Source } from './item.ts';
import { levelsOf, type Levels, type Seen } from './order.ts';
import { type Piece, SqlSplitter } from './splitter.ts';
import { bindLongLiterals, headingOf, type Heading, rowsOf } from './statements.ts';
import { Stopped } from './stopped.ts';

/** A literal shorter than this stays in the statement. */
const LONG_LITERAL_CHARS = 512;

/** What a dump may say that means nothing here, by its first word. */
const SKIPPED: Readonly<Record<string, string>> = {
  BEGIN: 'each batch is a transaction of its own',
  COMMIT: 'each batch is a transaction of its own',
  END: 'each batch is a transaction of its own',
  SAVEPOINT: 'each batch is a transaction of its own',
  RELEASE: 'each batch is a transaction of its own',
  PRAGMA: 'settings of a connection or a file have no meaning here; foreign keys stay on',
  ANALYZE: 'statistics are not data',
  VACUUM: 'the platform looks after its files',
  REINDEX: 'the platform looks after its files',
};

/** A script of SQL: what `sqlite3 FILE .dump` writes, and what people write by hand. */
export async function openDump(path: string): Promise<Source> {
  const { size } = await stat(path);
  const sha256 = await hashFiles([path], 'sql');
  const levels = levelsOf(await survey(path));
  const skipped = new Map<string, number>();
  return {
    bytes: size,
    sha256,
    items: () => items({ path, bytes: size, levels, skipped }),
    notes: () => [
      ...[...skipped].map(([what, count]) => `skipped ${count} × ${what}`),
      ...(levels.count > 1
        ? ['rows were sent parents first, because the file has rows before what they refer to']
        : []),
    ],
  };
}

interface Reading {
  readonly path: string;
  readonly bytes: number;
  readonly levels: Levels;
  readonly skipped: Map<string, number>;
}

/** Reads the file once for each level of foreign keys: rows wait for the tables that they refer to. */
async function* items(reading: Reading): AsyncGenerator<Item> {
  const { levels, bytes, skipped } = reading;
  let ordinal = 0;
  for (let level = 0; level < levels.count; level++) {
    for await (const { piece, read } of pieces(reading.path)) {
      const done = Math.floor((level * bytes + read) / levels.count);
      const reason = skipReason(piece);
      if (reason !== null) {
        if (level === 0) skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
        continue;
      }
      const heading = headingOf(piece.text);
      if (levels.of(heading) !== level) continue;
      for (const item of itemsOf(piece, heading)) yield { ...item, ordinal: ordinal++, read: done };
    }
  }
}

async function* pieces(path: string): AsyncGenerator<{ readonly piece: Piece; readonly read: number }> {
  const splitter = new SqlSplitter();
  let last = 0;
  for await (const { text, read } of readText(path)) {
    for (const piece of splitter.push(text)) yield { piece, read };
    last = read;
  }
  for (const piece of splitter.end()) yield { piece, read: last };
}

async function survey(path: string): Promise<Seen[]> {
  const seen: Seen[] = [];
  for await (const { piece } of pieces(path)) {
    if (skipReason(piece) !== null) continue;
    const heading = headingOf(piece.text);
    const last = seen.at(-1);
    if (last?.kind === 'insert' && heading.kind === 'insert' && last.table === heading.table) continue;
    seen.push(heading);
  }
  return seen;
}

/** Null where the statement is to run. @throws Stopped where leaving it out would give other data */
function skipReason(piece: Piece): string | null {
  const first = /^\w+/.exec(piece.text)?.[0].toUpperCase() ?? '';
  if (piece.shell) return `${piece.text.split(/\s/, 1)[0]} (a command of the sqlite3 shell)`;
  if (first === 'ROLLBACK')
    throw new Stopped(
      `Line ${piece.line} is ROLLBACK: this dump was taken from a damaged file or was cut off. Make a new dump, or take the ROLLBACK out to import what there is.`,
    );
  if (first === 'PRAGMA' && /^PRAGMA\s+writable_schema\s*=\s*(?:on|1|true|yes)/i.test(piece.text))
    throw new Stopped(
      `Line ${piece.line} is ${piece.text}: the dump writes virtual tables into the schema by hand, which no server allows. Import the .sqlite file itself instead.`,
    );
  const why = SKIPPED[first];
  if (why !== undefined) return `${first === 'PRAGMA' ? piece.text.slice(0, 60) : first} (${why})`;
  if (/^INSERT\s+INTO\s+["[`]?sqlite_stat\d/i.test(piece.text))
    return `INSERT INTO sqlite_stat (${SKIPPED['ANALYZE']})`;
  return null;
}

type NewItem = Omit<Item, 'ordinal' | 'read'>;

function* itemsOf(piece: Piece, heading: Heading): Generator<NewItem> {
  const where = `line ${piece.line}`;
  const rows = heading.kind === 'insert' ? rowsOf(piece.text) : null;
  if (rows === null) {
    yield {
      where,
      kind: heading.kind === 'create-trigger' ? 'trigger' : 'statement',
      ...fitted(piece.text, where, (text) => ({ text })),
    };
    return;
  }
  const { head, tail } = rows;
  for (const [at, tuple] of rows.tuples.entries()) {
    const place = rows.tuples.length === 1 ? where : `${where}, row ${at + 1}`;
    const room = SQL_BYTES_MAX - Buffer.byteLength(head) - Buffer.byteLength(tail);
    yield {
      where: place,
      kind: 'row',
      ...fitted(tuple, place, (text) => ({ head, tuple: text, tail }), room),
    };
  }
}

function fitted(
  text: string,
  where: string,
  make: (text: string) => Item['sql'],
  room = SQL_BYTES_MAX,
): Pick<Item, 'sql' | 'params'> {
  if (text.length * 3 < room || Buffer.byteLength(text) < room) return { sql: make(text), params: [] };
  const bound = bindLongLiterals(text, LONG_LITERAL_CHARS);
  if (bound.params.length <= PARAMS_MAX && Buffer.byteLength(bound.text) < room)
    return { sql: make(bound.text), params: bound.params };
  throw new Stopped(
    `The statement in ${where} is longer than the ${SQL_BYTES_MAX} bytes that the platform allows, and has no rows or long literals to take it apart at. Shorten it.\n  ${text.slice(0, 200)}`,
  );
}
