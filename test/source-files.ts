import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, resolve } from 'node:path';

const PROJECT = resolve(import.meta.dirname, '..');

export interface SourceFile {
  /** From the project's top, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The text without comments, and with every string and template empty. */
  readonly code: string;
  /** What it imports, type imports too: a path from the project's top, or a package as it was written. */
  readonly imports: readonly string[];
}

/** Every TypeScript file in these directories. @throws where one of them has none: then nothing was checked. */
export function sourceFiles(...directories: readonly string[]): SourceFile[] {
  return directories.flatMap((directory) => {
    const paths = readdirSync(join(PROJECT, directory), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => posix.join(directory, path.replaceAll('\\', '/')));
    if (paths.length === 0) throw new Error(`saw no files in ${directory}`);
    return paths.map(read);
  });
}

export function projectFile(path: string): string {
  return readFileSync(join(PROJECT, path), 'utf8');
}

function read(path: string): SourceFile {
  const text = projectFile(path);
  const plain = text.replaceAll(STRINGS_AND_COMMENTS, (found) => (found.startsWith('/') ? ' ' : found));
  const imports = [...plain.matchAll(IMPORTS)].map(([, from = '', dynamic = '', bare = '']) => {
    const name = from || dynamic || bare;
    return name.startsWith('.') ? posix.join(dirname(path), name) : name;
  });
  const code = text.replaceAll(STRINGS_AND_COMMENTS, (found) => (found.startsWith('/') ? ' ' : "''"));
  return { path, text, code, imports };
}

const STRINGS_AND_COMMENTS =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/g;
const IMPORTS =
  /(?:^|\n)\s*(?:import|export)\b[^'";]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;
