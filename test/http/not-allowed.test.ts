import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestServer } from './server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
  await server.api.create('shop', { leader: 'weur' });
  await server.api.query('shop', 'CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)');
});
afterAll(() => server.close());

const NOT_ALLOWED = [
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT a',
  'RELEASE a',
  "ATTACH 'x' AS y",
  'VACUUM',
  'PRAGMA foreign_keys = OFF',
  'PRAGMA recursive_triggers = OFF',
  'PRAGMA table_list',
  'SELECT 1; SELECT 2',
  'SELECT * FROM _tidemark_changes',
  'SELECT * FROM [_TIDEMARK_entries]',
  'SELECT total_changes()',
  'DELETE FROM "_tidemark_changes"',
  "DELETE FROM '_tidemark_changes'",
  'SELECT * FROM _cf_METADATA',
  "INSERT OR ROLLBACK INTO item (name) VALUES ('first')",
  'CREATE TABLE x (a UNIQUE ON CONFLICT ROLLBACK)',
  "CREATE TRIGGER x AFTER INSERT ON item BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
  'EXPLAIN DELETE FROM item; DELETE FROM item',
  'CREATE TEMP TABLE x (a)',
  'CREATE VIRTUAL TABLE x USING fts5(a)',
  'CREATE TABLE _tidemark_mine (a)',
  '',
  '-- nothing',
];

it.each(NOT_ALLOWED)('[HE3] refuses before it runs: %s', async (sql) => {
  const before = await server.api.digest('shop', 'weur');
  const answer = await server.api.query('shop', sql);
  expect([answer.status, answer.json.code], answer.text).toEqual([400, 'sql-not-allowed']);
  expect(answer.json.detail.length).toBeGreaterThan(20);
  expect(await server.api.digest('shop', 'weur')).toEqual(before);
});
