import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { toEpoch } from '../../shared/lsn.ts';
import type { ReplicaAnswer } from '../../shared/protocol/messages.ts';
import { NOTHING_SEEN, TokenKeys } from '../../shared/session/token.ts';
import { at, done, FakeDeployment, problemOf, READ, seenIn, tokenAt, WRITE } from './router-fakes.ts';

let deployment: FakeDeployment;

beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  deployment = await new FakeDeployment().withDatabase();
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe('where a query goes', () => {
  it('[RT1] reads at the nearest replica, and passes its answer on as it is', async () => {
    const body = '{"results":[{"columns":["é"],"rows":[[1.0]]}],"receipt":{}}';
    deployment.follower.onRead = () => done(7, body);
    const answer = await deployment.query(READ);
    expect([answer.status, await answer.text(), answer.headers.get('Content-Type')]).toEqual([
      200,
      body,
      'application/json',
    ]);
    expect(deployment.follower.calls).toMatchObject([
      {
        method: 'read',
        statements: [{ sql: READ.sql, params: [1n] }],
        need: null,
        staleness_ms_max: null,
        wait_ms: 1000,
      },
    ]);
    expect(deployment.leader.calls).toEqual([]);
  });

  it('[RT1] reads at the leader where that is the nearest', async () => {
    await deployment.query(READ, { 'Tidemark-Region': 'weur' });
    expect(deployment.leader.calls).toMatchObject([
      { method: 'execute', route: 'nearest', request: null, waited_ms: 0 },
    ]);
  });

  it.each([
    [WRITE],
    [{ sql: 'CREATE TABLE t (a)' }],
    [{ sql: 'WITH c AS (SELECT 1) DELETE FROM t' }],
    [{ statements: [READ, WRITE] }],
  ])('[RT2] sends %j to the leader', async (body) => {
    expect((await deployment.query(body)).status).toBe(200);
    expect(deployment.follower.calls).toEqual([]);
    expect(deployment.leader.calls).toMatchObject([{ method: 'execute', route: 'leader', request: null }]);
  });

  it('[RT3] sends a strong read to the leader', async () => {
    await deployment.query(READ, { 'Tidemark-Consistency': 'strong' });
    expect(deployment.leader.calls).toMatchObject([{ method: 'execute', route: 'leader' }]);
    expect(deployment.follower.calls).toEqual([]);
  });

  it('[RT4] asks for the position in the token, except for an eventual read', async () => {
    const token = await tokenAt(deployment, 42);
    await deployment.query(READ, { 'Tidemark-Session': token });
    await deployment.query(READ, { 'Tidemark-Session': token, 'Tidemark-Consistency': 'eventual' });
    await deployment.query(READ, {
      'Tidemark-Session': token,
      'Tidemark-Consistency': 'bounded',
      'Tidemark-Max-Staleness': '0.5',
    });
    expect(deployment.follower.calls).toMatchObject([
      { need: at(42), staleness_ms_max: null },
      { need: null, staleness_ms_max: null },
      { need: at(42), staleness_ms_max: 500 },
    ]);
    await deployment.query(WRITE, { 'Tidemark-Session': token });
    expect(deployment.leader.calls).toMatchObject([{ need: at(42) }]);
  });

  it('[RT5] falls back to the leader, once, from a follower that is behind', async () => {
    deployment.follower.onRead = () => ({ kind: 'behind', position: at(3), waited_ms: 250 });
    deployment.leader.onExecute = () => done(9);
    const answer = await deployment.query(READ);
    expect([answer.status, seenIn(answer)]).toEqual([200, '0-1-9']);
    expect(deployment.leader.calls).toMatchObject([
      { method: 'execute', route: 'fallback', waited_ms: 250, request: null },
    ]);
  });

  it.each<[string, () => ReplicaAnswer]>([
    [
      'that cannot be reached',
      () => {
        throw new Error('network');
      },
    ],
    ['that is not assigned', () => ({ kind: 'unassigned' })],
    ['that runs older code', () => ({ kind: 'unknown-version', version: 9 })],
  ])('[RT5] falls back to the leader from a follower %s', async (_what, onRead) => {
    deployment.follower.onRead = onRead;
    expect((await deployment.query(READ)).status).toBe(200);
    expect(deployment.leader.calls).toMatchObject([{ method: 'execute', route: 'fallback', waited_ms: 0 }]);
  });

  it('[RT6] takes a read that a follower found to write for a write', async () => {
    deployment.follower.onRead = () => ({ kind: 'writes', position: at(3) });
    deployment.leader.onExecute = () => {
      throw new Error('reset');
    };
    const answer = await deployment.query(READ, { 'Idempotency-Key': 'once' });
    expect(await problemOf(answer)).toMatchObject({ code: 'outcome-unknown' });
    expect(deployment.leader.calls).toMatchObject([
      { route: 'fallback', request: { id: 'once' } },
      { request: { id: 'once' } },
    ]);
  });

  it('[RT7] looks the database up again, once, where the leader says that it is not', async () => {
    deployment.leader.onExecute = () => ({ kind: 'not-leader', epoch: toEpoch(2) });
    for (const body of [WRITE, READ]) {
      const before = deployment.directory.lookups;
      const answer = await deployment.query(body, { 'Tidemark-Consistency': 'strong' });
      expect(await problemOf(answer)).toMatchObject({ status: 503, code: 'unavailable' });
      expect(deployment.directory.lookups - before).toBeLessThanOrEqual(2);
    }
    expect(deployment.leader.calls).toHaveLength(4);
  });

  it('[RT7] finds a database that was deleted and made again, and refuses a token of the old one', async () => {
    const token = await tokenAt(deployment, 42);
    const old = { leader: deployment.leader, follower: deployment.follower };
    await deployment.directory.erase();
    await deployment.withDatabase();
    for (const replica of Object.values(old)) {
      replica.onExecute = () => ({ kind: 'unassigned' });
      replica.onRead = () => ({ kind: 'unassigned' });
    }
    const refused = await deployment.query(READ, { 'Tidemark-Session': token });
    expect(await problemOf(refused)).toMatchObject({ status: 400, code: 'token-invalid' });
    expect(seenIn(refused)).toBe('');
    expect((await deployment.query(WRITE)).status).toBe(200);
    expect(deployment.leader.calls).toHaveLength(1);
  });

  it('[RT7] says that a database is gone that an isolate still remembers', async () => {
    await deployment.query(READ);
    const { leader, follower } = deployment;
    await deployment.directory.erase();
    leader.onExecute = () => ({ kind: 'unassigned' });
    follower.onRead = () => ({ kind: 'unassigned' });
    expect(await problemOf(await deployment.query(READ))).toMatchObject({
      status: 404,
      code: 'database-not-found',
    });
  });

  describe('with a token of a database made anew that the isolate remembers as it was', () => {
    const KEY = { id: 'a', secret: 'secret-of-sixteen-chars' };
    let token: string;

    beforeEach(async () => {
      deployment = new FakeDeployment({ TIDEMARK_TOKEN_KEYS: `${KEY.id}:${KEY.secret}` });
      await deployment.withDatabase();
      await deployment.query(READ);
      await deployment.directory.erase();
      await deployment.withDatabase();
      token = new TokenKeys([KEY]).sign(deployment.record, new Map([[0, at(42)]]));
    });

    it('[RT9] looks it up again before it refuses the token', async () => {
      const answer = await deployment.query(WRITE, { 'Tidemark-Session': token });
      expect([answer.status, seenIn(answer)]).toEqual([200, '0-1-42']);
      expect(deployment.leader.calls).toMatchObject([{ need: at(42) }]);
      await deployment.query(WRITE, { 'Tidemark-Session': token });
      expect(deployment.directory.lookups).toBe(2);
    });

    it('[RT9] gives the token back as it came where it cannot be looked up', async () => {
      deployment.directory.lookup = () => Promise.reject(new Error('reset'));
      const answer = await deployment.query(WRITE, { 'Tidemark-Session': token });
      expect(await problemOf(answer)).toMatchObject({ status: 503, code: 'unavailable' });
      expect(answer.headers.get('Tidemark-Session')).toBe(token);
    });

    it('[RT9] refuses a token that does not fit the database as it is now either', async () => {
      const old = new TokenKeys([KEY]).sign({ ...deployment.record, incarnation: 'gone' }, NOTHING_SEEN);
      const answer = await deployment.query(WRITE, { 'Tidemark-Session': old });
      expect(await problemOf(answer)).toMatchObject({ status: 400, code: 'token-invalid' });
      expect([deployment.directory.lookups, deployment.leader.calls]).toEqual([2, []]);
    });
  });

  it('[RT8] remembers a database, and asks its directory no more', async () => {
    for (let i = 0; i < 3; i++) await deployment.query(READ);
    expect(deployment.directory.lookups).toBe(1);
  });
});

describe('a leader that does not answer', () => {
  it('[LA1] leaves the outcome of a write unknown, and it is not sent again without a key', async () => {
    deployment.leader.onExecute = () => {
      throw new Error('reset');
    };
    const answer = await deployment.query(WRITE);
    expect(await problemOf(answer)).toMatchObject({ status: 504, code: 'outcome-unknown' });
    expect(deployment.leader.calls).toHaveLength(1);
  });

  it('[LA2] is asked again for a write with an Idempotency-Key', async () => {
    let calls = 0;
    deployment.leader.onExecute = () => {
      if (++calls === 1) throw new Error('reset');
      return done(5);
    };
    const answer = await deployment.query(WRITE, { 'Idempotency-Key': 'k' });
    expect([answer.status, seenIn(answer)]).toEqual([200, '0-1-5']);
    const [first, second] = deployment.leader.calls;
    expect(second).toEqual(first);
  });

  it('[LA3] makes a read unavailable, or behind where a follower was', async () => {
    deployment.leader.onExecute = () => {
      throw new Error('reset');
    };
    for (const headers of [{ 'Tidemark-Consistency': 'strong' }, { 'Tidemark-Region': 'weur' }]) {
      const answer = await deployment.query(READ, headers);
      expect(await problemOf(answer)).toMatchObject({ status: 503, code: 'unavailable' });
      expect(answer.headers.get('Retry-After')).toBe('1');
    }
    deployment.follower.onRead = () => ({ kind: 'behind', position: at(3), waited_ms: 250 });
    expect(await problemOf(await deployment.query(READ))).toMatchObject({ status: 504, code: 'behind' });
  });

  it('[LA4] has not begun with what it is too busy for', async () => {
    deployment.leader.onExecute = () => {
      throw Object.assign(new Error('busy'), { overloaded: true });
    };
    for (const body of [WRITE, { ...READ }]) {
      const answer = await deployment.query(body, {
        'Tidemark-Consistency': 'strong',
        'Idempotency-Key': 'k',
      });
      expect(await problemOf(answer)).toMatchObject({ status: 429, code: 'overloaded' });
      expect(answer.headers.get('Retry-After')).toBe('1');
    }
    expect(deployment.leader.calls).toHaveLength(2);
  });

  it('[LA5] is given up in bounded time, and so is a follower', async () => {
    vi.useFakeTimers();
    try {
      const never = () => new Promise<ReplicaAnswer>(() => {});
      deployment.follower.onRead = never;
      deployment.leader.onExecute = never;
      const answers = Promise.all([deployment.query(READ), deployment.query(WRITE)]);
      await vi.advanceTimersByTimeAsync(60_000);
      const [read, write] = await answers;
      expect(await problemOf(read)).toMatchObject({ code: 'unavailable' });
      expect(await problemOf(write)).toMatchObject({ code: 'outcome-unknown' });
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('an object that never answers', () => {
  const never = () => new Promise<never>(() => {});

  /** What is answered in the end, with time passing as fast as it can. */
  async function inTheEnd(asked: () => Promise<Response>): Promise<Response> {
    vi.useFakeTimers();
    try {
      const answer = asked();
      await vi.advanceTimersByTimeAsync(120_000);
      return await answer;
    } finally {
      vi.useRealTimers();
    }
  }

  it('[LA6] a directory: what changes nothing is unavailable, what does is outcome-unknown', async () => {
    Object.assign(deployment.directory, { lookup: never, create: never, erase: never });
    const path = `/v1/databases/${deployment.database}`;
    for (const [code, asked] of [
      ['unavailable', () => deployment.query(READ)],
      ['unavailable', () => deployment.request('GET', path)],
      ['outcome-unknown', () => deployment.request('PUT', path)],
      ['outcome-unknown', () => deployment.request('DELETE', path)],
    ] as const) {
      expect(await problemOf(await inTheEnd(asked))).toMatchObject({ code });
    }
  });

  it('[LA6] the catalog', async () => {
    const silent = { add: never, remove: never, list: never };
    deployment = new FakeDeployment({ CATALOG: { getByName: () => silent } });
    const path = `/v1/databases/${deployment.database}`;
    for (const [code, method, at] of [
      ['unavailable', 'GET', '/v1/databases'],
      ['outcome-unknown', 'PUT', path],
      ['outcome-unknown', 'DELETE', path],
    ] as const) {
      expect(await problemOf(await inTheEnd(() => deployment.request(method, at)))).toMatchObject({ code });
    }
  });

  it('[LA5] a replica that is asked for its digest', async () => {
    deployment.leader.onDigest = never;
    const path = `/v1/databases/${deployment.database}/digest`;
    const answer = await inTheEnd(() => deployment.request('GET', path));
    expect(await problemOf(answer)).toMatchObject({ code: 'unavailable' });
  });

  it("[LA6] a user's session: a read goes to the leader, a write is outcome-unknown", async () => {
    Object.assign(deployment.sessionOf('ada'), { seen: never, advance: never });
    deployment.leader.onExecute = () => done(42);
    const ada = { 'Tidemark-User': 'ada' };
    expect(seenIn(await inTheEnd(() => deployment.query(READ, ada)))).toBe('0-1-42');
    const written = await inTheEnd(() => deployment.query(WRITE, ada));
    expect(await problemOf(written)).toMatchObject({ code: 'outcome-unknown' });
    expect(seenIn(written)).toBe('0-1-42');
  });
});
