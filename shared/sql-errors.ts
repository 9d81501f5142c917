import { SqlError, type SqlErrorKind } from './ports.ts';

const SUFFIX = /: (SQLITE_[A-Z_]+)(?: \(extended: SQLITE_[A-Z_]+\))?$/;
const PLACE = / at offset (\d+)$/;

const KINDS: Readonly<Record<string, SqlErrorKind>> = {
  SQLITE_CONSTRAINT: 'constraint',
  SQLITE_TOOBIG: 'too-big',
};

/**
 * What SQLite said, out of the platform's form of it: `near "x": syntax error at offset 7: SQLITE_ERROR`.
 * The words of a constraint may be a user's own (RAISE), so nothing but the code is cut from them.
 */
export function sqlErrorFrom(message: string): SqlError {
  const code = SUFFIX.exec(message)?.[1] ?? '';
  const words = message.replace(SUFFIX, '');
  const kind = KINDS[code] ?? 'other';
  const place = kind === 'other' ? PLACE.exec(words) : null;
  if (place === null) return new SqlError(words, kind, null);
  return new SqlError(words.slice(0, place.index), kind, Number(place[1]));
}
