import { FUNCTION_ARGUMENTS_MAX } from '../limits.ts';
import { quoteName, type TableLayout } from './schema.ts';

/**
 * SQL for one value in a row image: JSON refuses blobs, so they go as tagged hex. Text is joined to nothing, which makes it
 * plain: in a trigger it may still carry the mark of a JSON function, and would then be written as JSON, not as a string.
 */
function valueSql(column: string): string {
  return `CASE typeof(${column}) WHEN 'blob' THEN json_object('x', hex(${column})) WHEN 'text' THEN ${column} || '' ELSE ${column} END`;
}

/** SQL that writes the image of a row, JSON text. `row` is NEW, OLD or a table. */
export function imageSql(layout: TableLayout, row: string): string {
  const values = layout.columns.map((column) => valueSql(`${row}.${quoteName(column)}`));
  const arrays: string[] = [];
  for (let from = 0; from < values.length; from += FUNCTION_ARGUMENTS_MAX) {
    arrays.push(`json_array(${values.slice(from, from + FUNCTION_ARGUMENTS_MAX).join(', ')})`);
  }
  const inner = arrays.map((array) => `substr(${array}, 2, length(${array}) - 2)`);
  return arrays.length === 1 ? arrays.join('') : `'[' || ${inner.join(" || ',' || ")} || ']'`;
}

/** SQL that reads column `i` back from the image that `json` gives. */
export function imageValue(json: string, i: number): string {
  return `CASE json_type(${json}, '$[${i}]') WHEN 'object' THEN unhex(${json}->>'$[${i}].x') ELSE ${json}->>'$[${i}]' END`;
}

/** The same, faster, for an image without blobs. */
export function imageValueNoBlob(json: string, i: number): string {
  return `${json}->>'$[${i}]'`;
}

/** Only a blob puts a raw `{` before a quote into an image: inside text, JSON escapes the quote. */
export function mayHoldBlob(images: string): boolean {
  return images.includes('{"x":');
}
