import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Headings, TestServer } from './server.ts';

let server: TestServer;
let token: string;

beforeAll(async () => {
  server = await TestServer.start();
  await server.api.create('shop', { leader: 'weur', followers: ['enam'] });
  await server.api.create('other', { leader: 'weur' });
  await server.api.query('shop', 'CREATE TABLE parent (id INTEGER PRIMARY KEY)');
  await server.api.query(
    'shop',
    'CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, n INT CHECK (n > 0), p REFERENCES parent)',
  );
  const answer = await server.api.query('shop', "INSERT INTO item (name, n) VALUES ('first', 1)");
  token = answer.token;
});
afterAll(() => server.close());

/** Whatever was asked before, the next request works and nothing was half done. */
afterEach(async () => {
  const answer = await server.api.query('shop', 'SELECT count(*) FROM item', [], {
    'Tidemark-Consistency': 'strong',
  });
  expect(answer.json.results[0]?.rows).toEqual([[1]]);
});

const QUERY = '/v1/databases/shop/query';
const SELECT = { sql: 'SELECT 1' };

interface Wrong {
  readonly what: string;
  readonly code: string;
  readonly status: number;
  readonly says?: RegExp;
  readonly ask: () => Promise<Answer>;
}

function query(body: unknown, headers: Headings = {}): Promise<Answer> {
  return server.api.send('POST', QUERY, body, headers);
}

const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;

const FOUR_MEGABYTES = {
  sql: 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) SELECT hex(zeroblob(50000)) FROM n',
};

const WRONG: readonly Wrong[] = [
  { what: 'a body that is no JSON', code: 'invalid-request', status: 400, ask: () => query('{"sql":') },
  {
    what: 'a body that is deep',
    code: 'invalid-request',
    status: 400,
    ask: () => query(`{"sql":"SELECT ?","params":${deep}}`),
  },
  {
    what: 'a deep body with a REAL in it',
    code: 'invalid-request',
    status: 400,
    ask: () => query(`{"sql":"SELECT ?","params":[1.5,${deep}]}`),
  },
  { what: 'a body that is an array', code: 'invalid-request', status: 400, ask: () => query([]) },
  { what: 'neither sql nor statements', code: 'invalid-request', status: 400, ask: () => query({}) },
  {
    what: 'both sql and statements',
    code: 'invalid-request',
    status: 400,
    ask: () => query({ ...SELECT, statements: [SELECT] }),
  },
  { what: 'an empty list', code: 'invalid-request', status: 400, ask: () => query({ statements: [] }) },
  {
    what: 'sql that is a number',
    code: 'invalid-request',
    status: 400,
    says: /sql/,
    ask: () => query({ sql: 1 }),
  },
  {
    what: 'a parameter that is an object',
    code: 'invalid-request',
    status: 400,
    says: /params/,
    ask: () => query({ sql: 'SELECT ?', params: [{ x: 1 }] }),
  },
  {
    what: 'an integer beyond 64 bits',
    code: 'invalid-request',
    status: 400,
    ask: () => query({ sql: 'SELECT ?', params: [{ integer: '9223372036854775808' }] }),
  },
  {
    what: 'a blob that is no base64',
    code: 'invalid-request',
    status: 400,
    ask: () => query({ sql: 'SELECT ?', params: [{ base64: '%%%' }] }),
  },
  {
    what: 'too few parameters',
    code: 'invalid-request',
    status: 400,
    says: /2/,
    ask: () => query({ sql: 'SELECT ?, ?', params: [1] }),
  },
  {
    what: 'a consistency that does not exist',
    code: 'invalid-request',
    status: 400,
    says: /Tidemark-Consistency/i,
    ask: () => query(SELECT, { 'Tidemark-Consistency': 'eventually' }),
  },
  {
    what: 'bounded without a bound',
    code: 'invalid-request',
    status: 400,
    says: /Tidemark-Max-Staleness/i,
    ask: () => query(SELECT, { 'Tidemark-Consistency': 'bounded' }),
  },
  {
    what: 'a durability that does not exist',
    code: 'invalid-request',
    status: 400,
    says: /quorum/,
    ask: () => query({ sql: 'DELETE FROM item' }, { 'Tidemark-Durability': 'paxos' }),
  },
  {
    what: 'a region that does not exist',
    code: 'invalid-request',
    status: 400,
    ask: () => query(SELECT, { 'Tidemark-Region': 'moon' }),
  },
  {
    what: 'an idempotency key that is too long',
    code: 'invalid-request',
    status: 400,
    ask: () => query({ sql: 'DELETE FROM item WHERE id = 9' }, { 'Idempotency-Key': 'k'.repeat(256) }),
  },
  {
    what: 'a name that is no database name',
    code: 'invalid-request',
    status: 400,
    ask: () => server.api.create('Not_A_Name', {}),
  },
  {
    what: 'two partitions',
    code: 'invalid-request',
    status: 400,
    says: /partitions/,
    ask: () => server.api.create('two', { partitions: 2 }),
  },
  {
    what: 'a follower in the leader’s region',
    code: 'invalid-request',
    status: 400,
    ask: () => server.api.create('two', { leader: 'weur', followers: ['weur'] }),
  },
  {
    what: 'an unknown table',
    code: 'sql-error',
    status: 400,
    says: /no such table: missing/,
    ask: () => query({ sql: 'SELECT * FROM missing' }),
  },
  {
    what: 'a syntax error',
    code: 'sql-error',
    status: 400,
    says: /syntax error/,
    ask: () => query({ sql: 'SELEC 1' }),
  },
  {
    what: 'a statement of a list that fails',
    code: 'sql-error',
    status: 400,
    ask: () =>
      query({
        statements: [{ sql: "INSERT INTO item (name) VALUES ('half')" }, { sql: 'SELECT * FROM missing' }],
      }),
  },
  {
    what: 'a UNIQUE violation',
    code: 'constraint',
    status: 409,
    says: /UNIQUE/,
    ask: () => query({ sql: "INSERT INTO item (name) VALUES ('second'), ('first')" }),
  },
  {
    what: 'a NOT NULL violation',
    code: 'constraint',
    status: 409,
    says: /NOT NULL/,
    ask: () => query({ sql: 'INSERT INTO item (name) VALUES (NULL)' }),
  },
  {
    what: 'a CHECK violation',
    code: 'constraint',
    status: 409,
    says: /CHECK/,
    ask: () => query({ sql: "INSERT INTO item (name, n) VALUES ('x', -1)" }),
  },
  {
    what: 'a FOREIGN KEY violation',
    code: 'constraint',
    status: 409,
    says: /FOREIGN KEY/,
    ask: () => query({ sql: "INSERT INTO item (name, p) VALUES ('x', 7)" }),
  },
  {
    what: 'a FOREIGN KEY violation at the end',
    code: 'constraint',
    status: 409,
    says: /FOREIGN KEY/,
    ask: () =>
      query({
        statements: [
          { sql: 'PRAGMA defer_foreign_keys = ON' },
          { sql: "INSERT INTO item (name, p) VALUES ('x', 7)" },
        ],
      }),
  },
  {
    what: 'INSERT OR FAIL that fails late',
    code: 'constraint',
    status: 409,
    ask: () => query({ sql: "INSERT OR FAIL INTO item (name) VALUES ('new'), ('first')" }),
  },
  {
    what: 'a token that is no token',
    code: 'token-invalid',
    status: 400,
    ask: () => query(SELECT, { 'Tidemark-Session': 'garbage' }),
  },
  {
    what: 'a token that was tampered with',
    code: 'token-invalid',
    status: 400,
    ask: () => query(SELECT, { 'Tidemark-Session': `${token.slice(0, -2)}AA` }),
  },
  {
    what: 'a token of another database',
    code: 'token-invalid',
    status: 400,
    ask: () => server.api.query('other', 'SELECT 1', [], { 'Tidemark-Session': token }),
  },
  { what: 'no key', code: 'unauthorized', status: 401, ask: () => query(SELECT, { Authorization: '' }) },
  {
    what: 'a wrong key',
    code: 'unauthorized',
    status: 401,
    ask: () => query(SELECT, { Authorization: 'Bearer wrong' }),
  },
  {
    what: 'a database that is not there',
    code: 'database-not-found',
    status: 404,
    ask: () => server.api.query('nowhere', 'SELECT 1'),
  },
  {
    what: 'a path that is not there',
    code: 'not-found',
    status: 404,
    ask: () => server.api.send('GET', '/v1/nothing'),
  },
  {
    what: 'a database made again with other settings',
    code: 'database-exists',
    status: 409,
    ask: () => server.api.create('shop', { leader: 'oc' }),
  },
  {
    what: 'a body over the limit',
    code: 'too-large',
    status: 413,
    ask: () => query({ sql: 'SELECT ?', params: ['x'.repeat(9_000_000)] }),
  },
  {
    what: '100,001 bytes of SQL',
    code: 'too-large',
    status: 413,
    ask: () => query({ sql: `SELECT '${'x'.repeat(100_001 - 9)}'` }),
  },
  {
    what: '101 parameters',
    code: 'too-large',
    status: 413,
    ask: () => query({ sql: `SELECT ${Array(101).fill('?').join('+')}`, params: Array(101).fill(1) }),
  },
  {
    what: 'a row over the limit',
    code: 'too-large',
    status: 413,
    ask: () => query({ sql: 'INSERT INTO item (name) VALUES (hex(zeroblob(1500000)))' }),
  },
  {
    what: 'a result over the limit',
    code: 'too-large',
    status: 413,
    ask: () =>
      query({
        sql: 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT hex(zeroblob(50000)) FROM n',
      }),
  },
  {
    what: 'results that are over the limit together',
    code: 'too-large',
    status: 413,
    ask: () =>
      query({
        statements: [
          { sql: "INSERT INTO item (name) VALUES ('with results')" },
          ...Array.from({ length: 6 }, () => FOUR_MEGABYTES),
        ],
      }),
  },
  {
    what: 'an answer that is too large to be kept',
    code: 'too-large',
    status: 413,
    ask: () =>
      query(
        { sql: 'INSERT INTO item (name) VALUES (hex(zeroblob(300000))) RETURNING name' },
        { 'Idempotency-Key': 'large' },
      ),
  },
  {
    what: 'an entry over the limit',
    code: 'too-large',
    status: 413,
    ask: () =>
      query({
        statements: [
          { sql: 'CREATE TABLE big (x)' },
          {
            sql: 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) INSERT INTO big SELECT hex(zeroblob(400000)) FROM n',
          },
        ],
      }),
  },
];

describe('[HE1] every error is problem+json with its code and status', () => {
  it.each(WRONG)('$what: $status $code', async ({ code, status, says, ask }) => {
    const answer = await ask();
    expect([answer.status, answer.json.code], answer.text).toEqual([status, code]);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.headers.get('tidemark-request-id')).toBeTruthy();
    expect(answer.json['type']).toBe(`/problems/${code}`);
    expect(answer.json.detail).toMatch(says ?? /./);
    expect(answer.text).not.toMatch(/_tidemark|\.ts|at .*\(/);
    if (code === 'too-large') expect(answer.json.limit).toBeGreaterThan(0);
  });

  it('the same key with another body: 422 idempotency-conflict', async () => {
    const headers = { 'Idempotency-Key': 'key-1' };
    const first = await query({ sql: 'UPDATE item SET n = 2 WHERE id = 1' }, headers);
    const again = await query({ sql: 'UPDATE item SET n = 3 WHERE id = 1' }, headers);
    expect(first.status, first.text).toBe(200);
    expect([again.status, again.json.code]).toEqual([422, 'idempotency-conflict']);
  });
});

it('[HE2] an error on a database carries a token that is moved forward, never back', async () => {
  const write = await query({ sql: 'UPDATE item SET n = n + 1' });
  const answer = await query(
    { sql: "INSERT INTO item (name) VALUES ('first')" },
    { 'Tidemark-Session': token },
  );
  expect(answer.status).toBe(409);
  const read = await query(
    { sql: 'SELECT 1' },
    { 'Tidemark-Session': answer.token, 'Tidemark-Region': 'enam' },
  );
  expect(read.json.receipt.lsn).toBeGreaterThanOrEqual(write.json.receipt.lsn);
});
