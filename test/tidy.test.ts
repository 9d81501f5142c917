import { describe, expect, it } from 'vitest';
import { sourceFiles, type SourceFile } from './source-files.ts';

const CORE = ['shared/log', 'shared/session', 'shared/tables', 'shared/protocol'];
const CODECS = ['@noble/hashes', '@scure/base'];

/**
 * Who may import whom. `vocabulary` is shared/*.ts; an area may always import itself. A package stands for
 * its parts as well. The first row that fits a file is its row.
 */
const IMPORT_TABLE: readonly { area: string; may: readonly string[]; packages: readonly string[] }[] = [
  { area: 'vocabulary', may: [], packages: CODECS },
  { area: 'shared/log', may: ['vocabulary'], packages: CODECS },
  { area: 'shared/session', may: ['vocabulary'], packages: CODECS },
  { area: 'shared/tables', may: ['vocabulary', 'shared/log'], packages: CODECS },
  {
    area: 'shared/protocol',
    may: ['vocabulary', 'shared/log', 'shared/tables', 'shared/session'],
    packages: ['valibot', ...CODECS],
  },
  {
    area: 'shared/leader',
    may: ['vocabulary', 'shared/log', 'shared/tables', 'shared/protocol'],
    packages: CODECS,
  },
  { area: 'shared/follower', may: ['vocabulary', ...CORE], packages: CODECS },
  {
    area: 'shared/routing',
    may: ['vocabulary', 'shared/session', 'shared/protocol'],
    packages: [],
  },
  { area: 'shared/directory', may: ['vocabulary', 'shared/log', 'shared/protocol'], packages: [] },
  {
    area: 'durable-objects',
    may: ['vocabulary', ...CORE, 'shared/leader', 'shared/follower', 'shared/directory'],
    packages: ['cloudflare:workers'],
  },
  {
    area: 'workers/main.ts',
    may: ['workers', 'durable-objects'],
    packages: [],
  },
  {
    area: 'workers',
    may: ['vocabulary', 'shared/session', 'shared/protocol', 'shared/routing'],
    packages: ['hono', 'hono-openapi', 'valibot', ...CODECS],
  },
];

const AREAS = ['workers', 'durable-objects', 'shared'];
const product = sourceFiles(...AREAS);
const core = product.filter(({ path }) => path.startsWith('shared/'));
const everything = [...product, ...sourceFiles('scripts', 'test')];

function belongsTo(path: string, area: string): boolean {
  if (area === 'vocabulary') return /^shared\/[^/]+\.ts$/.test(path);
  return path === area || path.startsWith(`${area}/`);
}

function isOf(name: string, package_: string): boolean {
  return name === package_ || name.startsWith(`${package_}/`);
}

function forbiddenImports({ path, imports }: SourceFile): string[] {
  const row = IMPORT_TABLE.find(({ area }) => belongsTo(path, area));
  if (row === undefined) return [`${path} is in no area of the table`];
  return imports
    .filter((name) => {
      if (belongsTo(name, row.area) || row.may.some((area) => belongsTo(name, area))) return false;
      return !row.packages.some((package_) => isOf(name, package_));
    })
    .map((name) => `${path} imports ${name}`);
}

describe('the import table', () => {
  it('fits every import of the product', () => {
    expect(product.flatMap(forbiddenImports)).toEqual([]);
    // Were the imports not found, there would be none to forbid.
    expect(product.flatMap(({ imports }) => imports).length).toBeGreaterThan(product.length);
  });

  it.each(IMPORT_TABLE)('has files of $area', ({ area }) => {
    expect(product.some(({ path }) => belongsTo(path, area))).toBe(true);
  });

  it('lets nothing but tests import a test', () => {
    const others = everything.filter(({ path }) => !path.startsWith('test/'));
    const found = others.flatMap(({ path, imports }) =>
      imports.filter((name) => belongsTo(name, 'test')).map((name) => `${path} imports ${name}`),
    );
    expect(found).toEqual([]);
  });
});

function linesWith(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap(({ path, code }) => (pattern.test(code) ? [path] : []));
}

describe('the core', () => {
  it('is synchronous', () => {
    // A durability is called async too.
    expect(linesWith(core, /\b(?:async(?!:)|await)\b/)).toEqual([]);
    const promising = linesWith(core, /\bPromise\b/);
    // The interfaces of the objects say what a shell answers; no core implements them.
    expect(promising.filter((path) => path !== 'shared/protocol/rpc.ts')).toEqual([]);
  });

  it('is reached by storage through one file', () => {
    const shells = product.filter(({ path }) => path.startsWith('durable-objects/'));
    expect(linesWith(shells, /\bctx\.storage\b/)).toEqual(['durable-objects/sql.ts']);
  });
});

/** Each idea has one word, and these are other systems' words for ours. SQLite's own names keep them. */
const BANNED = new Set(['primary', 'master', 'slave', 'secondary', 'bookmark', 'watermark', 'term']);

const SQLITES_OWN = new RegExp('primary_?key|sqlite_(?:temp_)?(?:[(][?]:)?master', 'gi');

function words({ code }: SourceFile): string[] {
  const names = code.replaceAll(SQLITES_OWN, '').match(/[A-Za-z_$][\w$]*/g) ?? [];
  return names.flatMap((name) =>
    name
      .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
      .toLowerCase()
      .split(/[_$]+/),
  );
}

describe('style', () => {
  it('uses one word per idea', () => {
    const found = everything.flatMap((file) =>
      words(file)
        .filter((word) => BANNED.has(word))
        .map((word) => `${file.path}: ${word}`),
    );
    expect(found).toEqual([]);
  });

  it('gives a reason where a check is turned off', () => {
    const found = everything
      .filter(({ path }) => path !== 'test/tidy.test.ts')
      .flatMap(({ path, text }) => text.split('\n').map((line) => ({ path, line })))
      .filter(({ line }) => /(?:oxlint|eslint)-disable|@ts-expect-error/.test(line) && !/ -- \S/.test(line));
    expect(found).toEqual([]);
  });
});
