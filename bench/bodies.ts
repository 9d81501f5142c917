/** The one table of every system, and the requests that all of them get, byte for byte the same. */
export const CREATE_TABLE =
  'CREATE TABLE bench (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT NOT NULL)';

/** The table of what is measured of followers that come and go: a key, two texts of 50 bytes, an index. */
export const CREATE_ITEMS = [
  'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT NOT NULL)',
  'CREATE INDEX items_by_name ON items (name)',
];
/** Items by their keys, from ?1 to ?2. The index grows at its end, as one of times does. */
export const FILL_ITEMS = `WITH RECURSIVE n(id) AS (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT id + 1 FROM n WHERE id < CAST(?2 AS INTEGER))
  INSERT INTO items SELECT id, printf('%050d', id), printf('%.*c', 50, 'n') FROM n`;
/** Of the rows that are updated again and again. */
export const CHURNED_ROWS = 1_000;
const ITEM_NOTE = 'n'.repeat(50);

/** With the key and the name, a row of 100 bytes. */
const NOTE = 'n'.repeat(80);
export const BATCH_ROWS = 50;

const INSERT = JSON.stringify('INSERT INTO bench (id, name, note) VALUES (?, ?, ?)');
const SELECT = JSON.stringify('SELECT id, name, note FROM bench WHERE id = ?');

const INSERT_ITEM = JSON.stringify('INSERT INTO items (id, name, note) VALUES (?, ?, ?)');
const UPDATE_ITEM = JSON.stringify('UPDATE items SET note = ? WHERE id = ?');

/** `items` are many rows in one transaction, `churn` as many updates. */
export type Shape = 'insert' | 'batch' | 'read' | 'item' | 'items' | 'churn';

export function rowsIn(shape: Shape): number {
  return shape === 'batch' || shape === 'items' || shape === 'churn' ? BATCH_ROWS : 1;
}

/** `id` is the first row's key. */
export function bodyOf(shape: Shape, id: number): string {
  if (shape === 'read') return `{"sql":${SELECT},"params":[${id}]}`;
  if (shape === 'insert') return insert(id);
  if (shape === 'item') return insertItem(id);
  const one = shape === 'batch' ? insert : shape === 'items' ? insertItem : updateItem;
  return `{"statements":[${Array.from({ length: BATCH_ROWS }, (_, at) => one(id + at)).join(',')}]}`;
}

/** As FILL_ITEMS makes them. */
function insertItem(id: number): string {
  const name = String(id).padStart(50, '0');
  return `{"sql":${INSERT_ITEM},"params":[${id},"${name}","${ITEM_NOTE}"]}`;
}

function updateItem(update: number): string {
  const note = String(update).padStart(50, 'n');
  return `{"sql":${UPDATE_ITEM},"params":["${note}",${1 + (update % CHURNED_ROWS)}]}`;
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
