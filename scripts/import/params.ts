import type { SQLOutputValue } from 'node:sqlite';

/** The JSON text of a parameter: numbers with a fraction or exponent bind as REAL, others as INTEGER. */
function jsonParam(value: SQLOutputValue): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return integerParam(value);
  if (typeof value === 'number') return realParam(value);
  return JSON.stringify({
    base64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
  });
}

function integerParam(value: bigint): string {
  const small = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
  return small ? value.toString() : JSON.stringify({ integer: value.toString() });
}

/** Finite numbers only: JSON has no infinity. The shortest digits that read back as the same number. */
function realParam(value: number): string {
  const digits = String(value);
  return /[.e]/.test(digits) ? digits : `${digits}.0`;
}

/** SQL for a value: a parameter, or the literal of an infinity. */
function placeholder(value: SQLOutputValue): string {
  if (value === Infinity) return '9e999';
  return value === -Infinity ? '-9e999' : '?';
}

/** One row as a tuple of placeholders and the parameters that fill them. */
export function rowParams(row: readonly SQLOutputValue[]): {
  readonly tuple: string;
  readonly params: string[];
} {
  const bound = row.filter((value) => value !== Infinity && value !== -Infinity);
  return { tuple: `(${row.map(placeholder).join(',')})`, params: bound.map(jsonParam) };
}
