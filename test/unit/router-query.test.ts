import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { toEpoch } from '../../shared/lsn.ts';
import type { ReplicaAnswer } from '../../shared/protocol/messages.ts';
import { NOTHING_SEEN, TokenKeys } from '../../shared/session/token.ts';
import {
  at,
  done,
  FakeDeployment,
  problemOf,
  promoted,
  READ,
  seenIn,
  tokenAt,
  WRITE,
} from './router-fakes.ts';

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

  it('[RT7] looks for a leader until its time is over where the one that it knows is none', async () => {
    vi.useFakeTimers();
    try {
      deployment.leader.onExecute = () => ({ kind: 'not-leader', epoch: toEpoch(2) });
      for (const body of [WRITE, READ]) {
        const began = Date.now();
        const asked = deployment.query(body, { 'Tidemark-Consistency': 'strong', Prefer: 'wait=0' });
        await vi.advanceTimersByTimeAsync(10_000);
        const answer = await asked;
        expect(await problemOf(answer)).toMatchObject({ status: 503, code: 'unavailable' });
        expect(answer.headers.get('Retry-After')).toBe('1');
        expect(Date.now() - began).toBe(10_000);
      }
      // At 0, 50, 150, 350, 750, 1150, 1550 and 1950 milliseconds.
      expect(deployment.leader.calls).toHaveLength(2 * 8);
    } finally {
      vi.useRealTimers();
    }
  });

  it('[RT7] finds the leader that leads now, and a write without a key is applied there', async () => {
    await deployment.query(WRITE);
    deployment.leader.onExecute = () => ({ kind: 'not-leader', epoch: toEpoch(2) });
    const { leader, follower } = deployment;
    deployment.directory.told = promoted;
    follower.onExecute = () => ({ kind: 'done', body: '{}', position: at(8, 2), revision: 2 });
    const answer = await deployment.query(WRITE);
    expect([answer.status, seenIn(answer)]).toEqual([200, '0-2-8']);
    expect([leader.calls.length, follower.calls.length]).toEqual([2, 1]);
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
