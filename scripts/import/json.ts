import type { SQLOutputValue } from 'node:sqlite';
import { readText } from './files.ts';
import type { FileRecord } from './records.ts';
import { Stopped } from './stopped.ts';

/** The characters that decide where an object ends. */
const MARKS = /["{}[\]]/g;

/** The objects of a JSON array, one at a time: the file may be larger than memory. */
export async function* readJson(
  path: string,
): AsyncGenerator<{ readonly record: FileRecord; readonly read: number }> {
  const splitter = new JsonSplitter();
  let last = 0;
  for await (const { text, read } of readText(path)) {
    last = read;
    for (const object of splitter.push(text)) yield { record: recordOf(object, path), read };
  }
  if (!splitter.complete)
    throw new Stopped(`${path} is not a whole JSON array of objects: it ends at byte ${last} in the middle.`);
}

class JsonSplitter {
  #text = '';
  #at = 0;
  #from = -1;
  #depth = 0;

  /** The array was opened and closed again. */
  get complete(): boolean {
    return this.#closed && this.#depth === 0;
  }

  #closed = false;

  push(text: string): string[] {
    this.#text += text;
    const objects: string[] = [];
    MARKS.lastIndex = this.#at;
    for (let mark = MARKS.exec(this.#text); mark !== null; mark = MARKS.exec(this.#text)) {
      if (mark[0] === '"') {
        const end = stringEnd(this.#text, mark.index);
        if (end < 0) return this.#stopAt(mark.index, objects);
        MARKS.lastIndex = end;
        continue;
      }
      this.#at = mark.index + 1;
      const object = this.#mark(mark[0], mark.index);
      if (object !== null) objects.push(object);
    }
    return this.#stopAt(this.#text.length, objects);
  }

  #mark(mark: string, index: number): string | null {
    const opens = mark === '{' || mark === '[';
    if (opens && this.#depth === 0 && mark === '{')
      throw new Stopped('The JSON file holds one object; it must be an array of objects.');
    if (opens && this.#depth === 1) this.#from = index;
    this.#depth += opens ? 1 : -1;
    if (this.#depth === 0) this.#closed = true;
    if (opens || this.#depth !== 1) return null;
    const object = this.#text.slice(this.#from, index + 1);
    this.#from = -1;
    return object;
  }

  #stopAt(at: number, objects: string[]): string[] {
    const keep = this.#from < 0 ? at : this.#from;
    this.#text = this.#text.slice(keep);
    this.#at = at - keep;
    if (this.#from >= 0) this.#from = 0;
    return objects;
  }
}

/** Behind the closing quote, or -1. */
function stringEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 92) at++;
    if (code === 34) return at + 1;
  }
  return -1;
}

/** A number's own digits, before they become a JavaScript number. */
class Digits {
  readonly digits: string;

  constructor(digits: string) {
    this.digits = digits;
  }
}

function recordOf(text: string, path: string): FileRecord {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text, keepDigits);
  } catch (error) {
    throw new Stopped(
      `${path} holds an object that is no JSON: ${(error as Error).message}\n  ${text.slice(0, 200)}`,
    );
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new Stopped(`${path} must be an array of objects, but holds ${text.slice(0, 80)}.`);
  return new Map(Object.entries(parsed).map(([name, value]) => [name, valueOf(value)]));
}

function keepDigits(
  this: unknown,
  _key: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown {
  return typeof value === 'number' && context?.source !== undefined ? new Digits(context.source) : value;
}

/** Newer than the types: JSON text that is written as it stands. */
const { rawJSON } = JSON as unknown as { rawJSON(this: void, text: string): unknown };

function valueOf(value: unknown): SQLOutputValue {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'string' || value === null || value === undefined) return value ?? null;
  if (value instanceof Digits) return numberOf(value.digits);
  // A list or an object inside a row is kept as JSON text, which SQLite's JSON functions read.
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner instanceof Digits ? rawJSON(inner.digits) : inner,
  );
}

const INT64_MAX = 2n ** 63n - 1n;

/** INTEGER where the text is one that 64 bits hold, else REAL. */
export function numberOf(digits: string): bigint | number {
  if (!/^-?\d+$/.test(digits)) return Number(digits);
  const integer = BigInt(digits);
  return integer > INT64_MAX || integer < -INT64_MAX - 1n ? Number(digits) : integer;
}
