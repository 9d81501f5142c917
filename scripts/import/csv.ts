import type { SQLOutputValue } from 'node:sqlite';
import { readText } from './files.ts';
import { numberOf } from './json.ts';
import type { FileRecord } from './records.ts';
import { Stopped } from './stopped.ts';

/** No leading zero and no sign but minus: what looks otherwise (a postal code, a telephone number) is text. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** The rows of a CSV file (RFC 4180) with a line of column names. An empty field without quotes is NULL. */
export async function* readCsv(
  path: string,
): AsyncGenerator<{ readonly record: FileRecord; readonly read: number }> {
  const numeric = await numericColumns(path);
  for await (const { names, fields, read } of readRows(path)) {
    const values = fields.map((field, at): [string, SQLOutputValue] => [
      names[at] as string,
      valueOf(field, numeric[at] === true),
    ]);
    yield { record: new Map(values), read };
  }
}

function valueOf(field: Field, numeric: boolean): SQLOutputValue {
  if (field.text === '' && !field.quoted) return null;
  return numeric ? numberOf(field.text) : field.text;
}

/** A column is one of numbers only if every field of it is, so that one odd field keeps all of them as they were written. */
async function numericColumns(path: string): Promise<boolean[]> {
  let numeric: boolean[] | null = null;
  for await (const { names, fields } of readRows(path)) {
    numeric ??= names.map(() => true);
    for (const [at, field] of fields.entries())
      if ((field.text !== '' || field.quoted) && !NUMBER.test(field.text)) numeric[at] = false;
  }
  return numeric ?? [];
}

interface Field {
  readonly text: string;
  readonly quoted: boolean;
}

interface Row {
  readonly names: readonly string[];
  readonly fields: readonly Field[];
  readonly read: number;
}

async function* readRows(path: string): AsyncGenerator<Row> {
  const splitter = new CsvSplitter();
  let names: readonly string[] | null = null;
  let row = 0;
  for await (const { text, read } of withEnd(path)) {
    for (const fields of splitter.push(text)) {
      row++;
      if (fields.length === 1 && fields[0]?.text === '' && !fields[0].quoted) continue;
      if (names === null) {
        names = fields.map((field) => field.text);
        continue;
      }
      if (fields.length !== names.length)
        throw new Stopped(
          `${path}, row ${row}: ${fields.length} fields where the first line names ${names.length} columns.`,
        );
      yield { names, fields, read };
    }
  }
}

/** The last row may lack its line end. */
async function* withEnd(path: string): AsyncGenerator<{ readonly text: string; readonly read: number }> {
  let last = { text: '', read: 0 };
  for await (last of readText(path)) yield last;
  if (!last.text.endsWith('\n')) yield { text: '\n', read: last.read };
}

const PLAIN = /[^,\r\n]*/y;

class CsvSplitter {
  #text = '';

  push(text: string): Field[][] {
    this.#text += text;
    const rows: Field[][] = [];
    let at = 0;
    for (;;) {
      const row = readRow(this.#text, at);
      if (row === null) break;
      rows.push(row.fields);
      at = row.end;
    }
    this.#text = this.#text.slice(at);
    return rows;
  }
}

/** Null where the text ends before the row does. */
function readRow(text: string, from: number): { readonly fields: Field[]; readonly end: number } | null {
  const fields: Field[] = [];
  let at = from;
  for (;;) {
    const field = readField(text, at);
    if (field === null) return null;
    fields.push({ text: field.text, quoted: field.quoted });
    at = field.end;
    const sign = text[at];
    if (sign === undefined || (sign === '\r' && text[at + 1] === undefined)) return null;
    if (sign === '\r' || sign === '\n') return { fields, end: at + (text.startsWith('\r\n', at) ? 2 : 1) };
    at++;
  }
}

function readField(text: string, from: number): (Field & { readonly end: number }) | null {
  if (text[from] !== '"') {
    PLAIN.lastIndex = from;
    PLAIN.test(text);
    return { text: text.slice(from, PLAIN.lastIndex), quoted: false, end: PLAIN.lastIndex };
  }
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 2)) {
    if (at + 1 >= text.length) return null;
    if (text[at + 1] === '"') continue;
    return { text: text.slice(from + 1, at).replaceAll('""', '"'), quoted: true, end: at + 1 };
  }
  return null;
}
