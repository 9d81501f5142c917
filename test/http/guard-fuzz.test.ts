import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fragmentText } from '../unit/sql-fragments.ts';
import { TestServer } from './server.ts';

const STATEMENTS = Number(process.env['FUZZ_RUNS'] ?? 1500);
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_122);
const AT_ONCE = 8;

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
  await server.api.create('fuzz', { leader: 'weur', followers: ['enam'] });
  await prepare();
});
afterAll(() => server.close());

async function prepare(): Promise<void> {
  await server.api.transact('fuzz', [
    'CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY AUTOINCREMENT, a, b)',
    'CREATE TABLE IF NOT EXISTS u (id INTEGER PRIMARY KEY, a UNIQUE)',
    'CREATE TABLE IF NOT EXISTS parent (id INTEGER PRIMARY KEY)',
    'CREATE TABLE IF NOT EXISTS child (id INTEGER PRIMARY KEY, p REFERENCES parent DEFERRABLE INITIALLY DEFERRED)',
    'CREATE VIEW IF NOT EXISTS v AS SELECT a, b FROM t',
    "INSERT INTO t (a, b) VALUES (1, 'x')",
  ]);
}

it(`[SG15] no statement resets an object: others always get their answer (FUZZ_SEED=${SEED} FUZZ_RUNS=${STATEMENTS})`, async () => {
  const texts = fc.sample(fragmentText, { numRuns: STATEMENTS, seed: SEED });
  const troubled: string[] = [];
  const odd: string[] = [];
  const state = { isOver: false };

  const other = (async () => {
    let answered = 0;
    for (; !state.isOver; answered += 1) {
      const sql =
        answered % 2 === 0
          ? 'SELECT 1'
          : 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT sum(i) FROM n';
      const answer = await server.api.query('fuzz', sql, [], { 'Tidemark-Consistency': 'strong' });
      if (answer.status !== 200) troubled.push(answer.text);
    }
    return answered;
  })();

  for (let from = 0; from < texts.length; from += AT_ONCE) {
    const answers = await Promise.all(
      texts.slice(from, from + AT_ONCE).map((sql) => server.api.query('fuzz', sql)),
    );
    answers.forEach((answer, i) => {
      if (answer.status >= 500) odd.push(`${answer.status} ${texts[from + i]}: ${answer.text}`);
    });
    if (from % 200 === 0) await prepare();
  }
  state.isOver = true;

  expect(await other).toBeGreaterThan(10);
  expect(troubled).toEqual([]);
  expect(odd).toEqual([]);
  const digests = await server.api.settledDigests('fuzz', ['weur', 'enam']);
  expect(new Set(digests).size).toBe(1);
});
