import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestServer } from './server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
  await server.api.create('shop', { leader: 'weur', followers: ['enam'] });
  await server.api.query('shop', 'CREATE TABLE t (id INTEGER PRIMARY KEY, v, s TEXT)');
});
afterAll(() => server.close());

/** What JSON text as a parameter is in SQLite, and how it comes back. */
const PARAMS: readonly [json: string, type: string, text: string, back: string][] = [
  ['1', 'integer', '1', '1'],
  ['1.0', 'real', '1.0', '1'],
  ['1e3', 'real', '1000.0', '1000'],
  ['-0', 'integer', '0', '0'],
  ['1.5', 'real', '1.5', '1.5'],
  ['9007199254740993', 'integer', '9007199254740993', '{"integer":"9007199254740993"}'],
  [
    '{"integer":"-9223372036854775808"}',
    'integer',
    '-9223372036854775808',
    '{"integer":"-9223372036854775808"}',
  ],
  ['{"integer":"7"}', 'integer', '7', '7'],
  ['true', 'integer', '1', '1'],
  ['false', 'integer', '0', '0'],
  ['null', 'null', '', 'null'],
  ['"5"', 'text', '5', '"5"'],
  [String.raw`"a\u0000b"`, 'text', 'a\0b', String.raw`"a\u0000b"`],
  ['"1.5e3 is in the text"', 'text', '1.5e3 is in the text', '"1.5e3 is in the text"'],
  ['{"base64":"AP8="}', 'blob', '\0\u{fffd}', '{"base64":"AP8="}'],
  ['{"base64":""}', 'blob', '', '{"base64":""}'],
];

it.each(PARAMS)(
  '[VA1] the parameter %s is %s on the leader and on a follower',
  async (json, type, text, back) => {
    const write = await server.api.send(
      'POST',
      '/v1/databases/shop/query',
      `{"sql":"INSERT INTO t (v) VALUES (?) RETURNING v","params":[${json}]}`,
    );
    expect(write.text).toContain(`"rows":[[${back}]]`);
    const headers = { 'Tidemark-Session': write.token, 'Tidemark-Region': 'enam' };
    const id = write.json.results[0]?.meta.last_row_id;
    const read = await server.api.query('shop', 'SELECT typeof(v), v FROM t WHERE id = ?', [id], headers);
    expect(read.json.receipt.role).toBe('follower');
    expect(read.text).toContain(`"rows":[["${type}",${back}]]`);
    const asText = await server.api.query(
      'shop',
      'SELECT CAST(v AS TEXT) FROM t WHERE id = ?',
      [id],
      headers,
    );
    expect(asText.json.results[0]?.rows[0]?.[0] ?? '').toBe(text);
  },
);

it('[VA5] RETURNING gives integers exactly where it names columns', async () => {
  const big = 9007199254740993n;
  const param = { integer: String(big) };
  const rows = async (sql: string) => (await server.api.query('shop', sql, [param])).json.results[0];
  const exact = { integer: String(big) };
  const star = await rows("INSERT INTO t (v, s) VALUES (?, 'r') RETURNING *");
  expect(star?.columns).toEqual(['id', 'v', 's']);
  expect(star?.rows[0]?.slice(1)).toEqual([exact, 'r']);
  const named = await rows("UPDATE t SET v = ? WHERE s = 'r' RETURNING s AS label, t.v big, v + 0");
  expect(named?.columns).toEqual(['label', 'big', 'v + 0']);
  expect(named?.rows[0]?.slice(0, 2)).toEqual(['r', exact]);
  expect(
    (await rows('WITH x AS (SELECT ? AS n) DELETE FROM main."t" WHERE v = (SELECT n FROM x) RETURNING "v"'))
      ?.rows,
  ).toContainEqual([exact]);
});

it('[VA2] a parameter keeps a statement’s meaning: affinity, limits, names, repeated use', async () => {
  const query = async (sql: string, params: unknown[]) =>
    (await server.api.query('shop', sql, params, { 'Tidemark-Consistency': 'strong' })).json.results[0];
  expect((await query('SELECT ?1 = ?1, typeof(?1), ?2', [5, 'x']))?.rows).toEqual([[1, 'integer', 'x']]);
  expect((await query('SELECT count(*) FROM (VALUES (1), (2), (3)) LIMIT ? OFFSET ?', [1, 0]))?.rows).toEqual(
    [[3]],
  );
  await query('INSERT INTO t (id, s) VALUES (?, ?)', [500, 5]);
  expect((await query('SELECT typeof(s), s FROM t WHERE id = ?', [500]))?.rows).toEqual([['text', '5']]);
  expect((await query('SELECT id FROM t WHERE s = ?', ['5']))?.rows).toEqual([[500]]);
  expect((await query('SELECT ?', [1]))?.columns).toEqual(['?']);
});

it('[VA3] results look as if Tidemark were not there', async () => {
  const { results } = (
    await server.api.transact('shop', [
      'CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, x UNIQUE)',
      'CREATE TABLE b (a_id INTEGER, n INTEGER)',
      'CREATE TRIGGER a_b AFTER INSERT ON a BEGIN INSERT INTO b VALUES (NEW.id, 1), (NEW.id, 2); END',
      "INSERT INTO a (x) VALUES ('p'), ('q')",
      'INSERT INTO b (a_id) SELECT last_insert_rowid()',
      'UPDATE b SET n = 3',
      'SELECT changes(), (SELECT count(*) FROM b)',
      "REPLACE INTO a (x) VALUES ('p')",
      'SELECT name FROM sqlite_master ORDER BY name',
    ])
  ).json;
  expect(results[3]?.meta).toMatchObject({ changes: 2, last_row_id: 2 });
  expect(results[4]?.meta).toMatchObject({ changes: 1 });
  expect(results[5]?.meta).toMatchObject({ changes: 5, last_row_id: 0 });
  expect(results[6]?.rows).toEqual([[5, 5]]);
  expect(results[7]?.meta).toMatchObject({ changes: 1, last_row_id: 3 });
  expect(results[8]?.rows.flat()).toEqual(['a', 'a_b', 'b', 'sqlite_autoindex_a_1', 'sqlite_sequence', 't']);
  const there = await server.api.query('shop', 'SELECT type, name FROM sqlite_schema ORDER BY name', [], {
    'Tidemark-Region': 'enam',
    'Tidemark-Consistency': 'session',
  });
  expect(there.json.receipt.role).toBe('follower');
});

it('[VA4] a list is one transaction: all or nothing', async () => {
  const before = await server.api.digest('shop', 'weur');
  const answer = await server.api.transact('shop', [
    "INSERT INTO t (s) VALUES ('one')",
    'CREATE TABLE half (x)',
    "INSERT INTO a (x) VALUES ('q')",
  ]);
  expect(answer.status).toBe(409);
  expect(await server.api.digest('shop', 'weur')).toEqual(before);
});
