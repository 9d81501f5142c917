/** One line of the table. */
export interface Line {
  readonly what: string;
  readonly value: number | null;
  readonly unit: string;
  /** How the value lies to a target; null where the line has none. */
  readonly target: Target | null;
  /** Spread, or why there is no value. */
  readonly note: string;
}

export interface Target {
  /** What is compared, as people read it: `of bare`, `× D1`. */
  readonly of: string;
  readonly value: number;
  readonly bound: number;
  readonly wanted: 'at least' | 'at most';
}

export function atLeast(of: string, value: number, bound: number): Target {
  return { of, value, bound, wanted: 'at least' };
}

export function atMost(of: string, value: number, bound: number): Target {
  return { of, value, bound, wanted: 'at most' };
}

/** Without a target. */
export function plain(what: string, value: number | null, unit: string, note = ''): Line {
  return { what, value, unit, target: null, note };
}

/** To whoever waits; the table alone goes to the standard output. */
export function say(what: string): void {
  console.error(`measuring ${what} …`);
}

function met(target: Target): boolean {
  return target.wanted === 'at least' ? target.value >= target.bound : target.value <= target.bound;
}

/** A Markdown table, as docs/benchmarks.md holds it. */
export function table(lines: readonly Line[]): string {
  const rows = lines.map((line) => [
    line.what,
    line.value === null ? 'not measured' : `${figure(line.value)} ${line.unit}`.trim(),
    targetText(line.target),
    line.note,
  ]);
  const all = [['measured', 'value', 'against its target', 'spread, or how'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const text = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head, ...rest] = all.map(text);
  return [head, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rest].join('\n');
}

function targetText(target: Target | null): string {
  if (target === null) return '';
  const sign = target.wanted === 'at least' ? '≥' : '≤';
  return `${`${figure(target.value)} ${target.of}`.trim()} (${sign} ${target.bound}) ${met(target) ? 'met' : 'NOT MET'}`;
}

function figure(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(Math.abs(value) < 10 ? 3 : 1);
}

export function json(lines: readonly Line[]): string {
  return `${JSON.stringify({ node: process.version, lines: lines.map((line) => ({ ...line, met: line.target === null ? null : met(line.target) })) }, null, 2)}\n`;
}
