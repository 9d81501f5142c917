import { expect, it } from 'vitest';
import { projectFile, sourceFiles } from './source-files.ts';

const rules = [...projectFile('docs/SPEC.md').matchAll(/^- \*\*([A-Z]+\d+)\*\* \S/gm)].map(
  ([, id]) => id ?? '',
);

const tests = sourceFiles('test').filter(({ path }) => /\.(?:test|contract)\.ts$/.test(path));
const cited = new Set(
  tests.flatMap(({ text }) => [...text.matchAll(/\[([A-Z]+\d+)\]/g)].map(([, id]) => id ?? '')),
);

it('finds rules, and tests that cite them', () => {
  expect(rules.length).toBeGreaterThan(0);
  expect(cited.size).toBeGreaterThan(0);
});

it('gives each rule of docs/SPEC.md an id of its own', () => {
  expect(rules.filter((id, index) => rules.indexOf(id) !== index)).toEqual([]);
});

it('has a test for every rule of docs/SPEC.md', () => {
  expect(rules.filter((id) => !cited.has(id))).toEqual([]);
});

it('has every rule that a test cites', () => {
  expect([...cited].filter((id) => !rules.includes(id)).toSorted()).toEqual([]);
});
