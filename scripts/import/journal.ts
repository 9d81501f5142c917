import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** A run of ordinals, both ends in it. */
export type Range = readonly [from: number, to: number];

/** How far an import has come, and into what. */
export interface Progress {
  readonly format: 2;
  readonly url: string;
  readonly database: string;
  readonly sha256: string;
  /** Part of every request id: a new one makes the whole import run again. */
  readonly salt: string;
  /**
   * The first item of the batch that is to be sent next. It is below `done` where the import stopped inside the
   * batch: that batch has to form again as it was, or its parts would go under other request ids next time.
   */
  readonly begun: number;
  /** The items below this one are applied, or among the deferred. */
  readonly done: number;
  /** Items that wait for rows which they refer to. */
  readonly deferred: readonly Range[];
  /** How often the deferred were tried. */
  readonly pass: number;
  /** The greatest LSN that an answer gave. */
  readonly lsn: number;
}

/** A small file beside the one that is imported; gone when the import is complete. */
export class Journal {
  readonly path: string;

  constructor(file: string) {
    this.path = pathFor(file);
  }

  /** Null where there is none, or none that this program can read. */
  read(): Progress | null {
    if (!existsSync(this.path)) return null;
    try {
      const value = JSON.parse(readFileSync(this.path, 'utf8')) as Progress;
      return value.format === 2 ? value : null;
    } catch {
      return null;
    }
  }

  /** Written beside and renamed, so that a break leaves the old one or the new one whole. */
  write(progress: Progress): void {
    const beside = `${this.path}.new`;
    writeFileSync(beside, `${JSON.stringify(progress)}\n`);
    renameSync(beside, this.path);
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}

function pathFor(file: string): string {
  const beside = `${file}.tidemark-import.json`;
  if (existsSync(beside)) return beside;
  try {
    writeFileSync(`${beside}.new`, '');
    rmSync(`${beside}.new`);
    return beside;
  } catch {
    return join(process.cwd(), basename(beside));
  }
}

export function rangesOf(ordinals: readonly number[]): Range[] {
  const ranges: [number, number][] = [];
  for (const ordinal of ordinals) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] + 1 === ordinal) last[1] = ordinal;
    if (last === undefined || last[1] !== ordinal) ranges.push([ordinal, ordinal]);
  }
  return ranges;
}

export function inRanges(ranges: readonly Range[], ordinal: number): boolean {
  return ranges.some(([from, to]) => from <= ordinal && ordinal <= to);
}
