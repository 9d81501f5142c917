import { transform } from 'esbuild';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { describe, expect, it, vi } from 'vitest';
import { bundle } from '../../../scripts/local-server.ts';
import { projectFile } from '../../source-files.ts';
import { BANK } from './bank.ts';
import type { Patch, Patched } from './bug.ts';
import { patched } from './patch.ts';
import { huntApart, runBug } from './run.ts';

const PATCHED = BANK.filter((bug): bug is Patched => bug.kind === 'patched');
const IS_PRODUCT = /^(?:workers|durable-objects|shared)\//;

/** Those of the table that all bugs come from; a number that is missing is missing there. B15 is three, with letters. */
const NUMBERS = [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26];
const MORE = [27, 28, 32, 33, 34, 37, 38, 39, 41, 42, 43];

describe('the bank', () => {
  it('has every bug once', () => {
    const ids = BANK.map(({ id }) => id);
    expect(ids.filter((id) => /^B\d+$/.test(id))).toEqual([...NUMBERS, ...MORE].map((n) => `B${n}`));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each(PATCHED)('$id fits the source, and leaves it TypeScript', ({ patches }) => {
    expect(patches.length).toBeGreaterThan(0);
    for (const [file, changes] of Map.groupBy(patches, (patch) => patch.file)) {
      const before = projectFile(file);
      const after = changes.reduce(patched, before);
      expect(after).not.toBe(before);
      expect(stripTypeScriptTypes(after)).not.toBe('');
    }
  });

  it('does not take a text that is missing, or there twice', () => {
    const patch: Patch = { file: 'some.ts', find: 'b', replace: 'x' };
    expect(patched('abc', patch)).toBe('axc');
    expect(() => patched('ac', patch)).toThrow('exactly once');
    expect(() => patched('abcb', patch)).toThrow('exactly once');
  });
});

/** Lines to be compared. Where two modules have one name, the bundler puts a number behind it: `{ at: at2 }`. */
function linesIn(code: string): Set<string> {
  const lines = code.split('\n').map((line) =>
    line
      .trim()
      .replaceAll(/(?<=[A-Za-z])\d+\b/g, '')
      .replaceAll(/\b(\w+): \1\b/g, '$1'),
  );
  return new Set(lines.filter((line) => line.length > 3));
}

/** As the bundler writes it. */
async function written(text: string): Promise<Set<string>> {
  const tsconfigRaw = { compilerOptions: { verbatimModuleSyntax: true } };
  const { code } = await transform(text, { loader: 'ts', format: 'esm', target: 'es2024', tsconfigRaw });
  return linesIn(code);
}

function without(lines: ReadonlySet<string>, others: ReadonlySet<string>): string[] {
  return [...lines].filter((line) => !others.has(line));
}

/** The lines of the product that the bug takes out, and those that it puts in. */
async function linesOf({ file, ...patch }: Patch): Promise<{ out: string[]; in: string[] }> {
  const before = projectFile(file);
  const [was, is] = await Promise.all([written(before), written(patched(before, { file, ...patch }))]);
  return { out: without(was, is), in: without(is, was) };
}

describe('the deployed bundle', async () => {
  const text = await bundle('workers/main.ts');
  const [code = '', map = ''] = text.split('//# sourceMappingURL=');
  const lines = linesIn(code);
  const patches = PATCHED.flatMap((bug) => bug.patches).filter(({ file }) => IS_PRODUCT.test(file));
  const changes = await Promise.all(patches.map(linesOf));

  it('[SM8] has no line of any bug', () => {
    expect(changes.flatMap((change) => change.in.filter((line) => lines.has(line)))).toEqual([]);
  });

  it('has the lines that the bugs take out', () => {
    const out = changes.flatMap((change) => change.out);
    expect(out.length).toBeGreaterThan(10);
    // Otherwise the lines of bugs would not have been found either.
    expect(out.filter((line) => !lines.has(line))).toEqual([]);
  });

  it('[SM8] names no bug, and is made of no test', () => {
    const ids = new RegExp(String.raw`\b(?:${BANK.map(({ id }) => id).join('|')})\b`);
    expect(ids.exec(code)?.[0]).toBe(undefined);
    const { sources } = JSON.parse(Buffer.from(map.slice(map.indexOf(',') + 1), 'base64').toString()) as {
      sources: string[];
    };
    expect(sources.filter((source) => source.startsWith('shared/')).length).toBeGreaterThan(30);
    expect(sources.filter((source) => /(?:^|\/)test\//.test(source))).toEqual([]);
  });

  it('cannot load with a bug: nothing of the product names the hook', () => {
    expect(code).not.toContain('registerHooks');
  });
});

describe('a bug', () => {
  /** Quick to be noticed. `npm run simulate -- --bugs` looks for all. */
  it.each(['B1', 'B20', 'B28', 'B34', 'G6'])('[SM7] %s is noticed within its seeds', (id) => {
    const bug = PATCHED.find((known) => known.id === id);
    const { caught } = huntApart(bug as Patched, { from: 1, seeds: null });
    expect(bug?.predicates).toContain(caught?.predicate);
  });

  it.each([
    ['B99', 'there is no bug B99'],
    ['B16', 'waits for the change feed'],
    ['B33', 'is caught by test/unit/guard-fuzz.test.ts'],
  ])('%s cannot be run, and why is told', async (id, why) => {
    const said = vi.spyOn(console, 'log').mockReturnValue();
    expect(await runBug(id, { from: 1, seeds: 1 })).toBe(2);
    expect(said.mock.calls.flat().join('\n')).toContain(why);
    said.mockRestore();
  });

  it('that something else catches is caught by files that exist', () => {
    const files = BANK.flatMap((bug) => (bug.kind === 'elsewhere' ? bug.by.split(' and ') : []));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect(readFileSync(file, 'utf8')).toContain('test');
  });
});
