/** The one table of every system, and the requests that all of them get, byte for byte the same. */
export const CREATE_TABLE =
  'CREATE TABLE bench (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT NOT NULL)';

/** With the key and the name, a row of 100 bytes. */
const NOTE = 'n'.repeat(80);
export const BATCH_ROWS = 50;

const INSERT = JSON.stringify('INSERT INTO bench (id, name, note) VALUES (?, ?, ?)');
const SELECT = JSON.stringify('SELECT id, name, note FROM bench WHERE id = ?');

export type Shape = 'insert' | 'batch' | 'read';

export function rowsIn(shape: Shape): number {
  return shape === 'batch' ? BATCH_ROWS : 1;
}

/** `id` is the first row's key. */
export function bodyOf(shape: Shape, id: number): string {
  if (shape === 'read') return `{"sql":${SELECT},"params":[${id}]}`;
  if (shape === 'insert') return insert(id);
  return `{"statements":[${Array.from({ length: BATCH_ROWS }, (_, at) => insert(id + at)).join(',')}]}`;
}

function insert(id: number): string {
  return `{"sql":${INSERT},"params":[${id},"name ${String(id).padStart(9, '0')}","${NOTE}"]}`;
}

/** Rows as `[[id, name, note], …]`, for a plain bulk insert. */
export function bulkRows(from: number, count: number): string {
  return JSON.stringify(
    Array.from({ length: count }, (_, at) => [from + at, `name ${String(from + at).padStart(9, '0')}`, NOTE]),
  );
}
