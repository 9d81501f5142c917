import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import { LostEntriesSchema } from '../../shared/protocol/answers.ts';
import { comparePositions } from '../../shared/position.ts';
import type { LostEntry } from '../../shared/lost-entry.ts';
import type { ReplicaAnswer } from '../../shared/protocol/messages.ts';
import type { ReplicaRpc } from '../../shared/protocol/rpc.ts';
import { at, done, failed, FakeDeployment, problemOf, seenIn, tokenAt } from './router-fakes.ts';

let deployment: FakeDeployment;

beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  deployment = await new FakeDeployment().withDatabase(['enam', 'apac']);
});

afterEach(() => {
  vi.restoreAllMocks();
});

function lost(lsn: number, epoch = 1, changes = ['"t"\t\t[1]']): LostEntry {
  return {
    position: at(lsn, epoch),
    time: 1000 + lsn,
    user: 'ada',
    request: null,
    tables: ['t'],
    changes,
    lost_by: toEpoch(epoch + 1),
    applied: null,
  };
}

/** As a replica gives what it keeps, `atOnce` at most in one answer. */
function keeps(kept: readonly LostEntry[], atOnce = 1000): ReplicaRpc['lostEntries'] {
  return async ({ epoch, from_lsn, to_lsn, after, limit }) => {
    const asked = kept.filter(
      ({ position }) =>
        (epoch === null || position.epoch === epoch) &&
        position.lsn >= (from_lsn ?? 0) &&
        position.lsn <= (to_lsn ?? Infinity) &&
        (after === null || comparePositions(position, after) > 0),
    );
    return asked.slice(0, Math.min(limit, atOnce));
  };
}

async function list(search = ''): Promise<Response> {
  return deployment.request('GET', `/v1/databases/${deployment.database}/lost-entries${search}`);
}

async function apply(lsn: string, headers: Record<string, string> = {}): Promise<Response> {
  const path = `/v1/databases/${deployment.database}/lost-entries/${lsn}`;
  return deployment.request('POST', path, { headers });
}

/** The LSNs of each page, and what it says to ask for next. */
async function pagesOf(limit: number): Promise<unknown[]> {
  const pages: unknown[] = [];
  let next: string | null = '';
  while (next !== null) {
    const answer = await list(`?limit=${limit}${next === '' ? '' : `&after=${next}`}`);
    const body = (await answer.json()) as { entries: LostEntry[]; next: string | null };
    pages.push([body.entries.map(({ position }) => position.lsn), body.next]);
    ({ next } = body);
  }
  return pages;
}

describe('GET lost-entries', () => {
  it('[LO1] merges what the replicas keep, by position and each once', async () => {
    const applied = at(60, 2);
    deployment.follower.onLostEntries = keeps([{ ...lost(41), applied }, lost(43), lost(2, 2)]);
    deployment.leader.onLostEntries = keeps([lost(41), lost(42)]);
    const answer = await list();
    expect(answer.headers.get('Tidemark-Session')).toMatch(/^t1\./);
    const body = await answer.json();
    expect(body).toMatchObject({
      partition: 0,
      missing: [],
      next: null,
      entries: [
        { position: at(41), replicas: ['weur', 'enam'], applied, user: 'ada', time: 1041, lost_by: 2 },
        { position: at(42), replicas: ['weur'], applied: null },
        { position: at(43), replicas: ['enam'] },
        { position: at(2, 2) },
      ],
    });
    expect(v.is(LostEntriesSchema, body)).toBe(true);
  });

  it('[LO1] gives rows in the forms of results, exact', async () => {
    const changes = [
      '"a \\"b\\""\t\t[1,1.0,9007199254740993,-9223372036854775808,9.0e+999,null,"x[1,{}]\\"y\\u0000",{"x":"00FF"}]',
      '"t"\t[1,"a"]\t[1,{"x":""}]',
      '"t"\t["9007199254740993"]\t',
      '\tschema\t{"sql":"CREATE TABLE t (a)","triggers":{}}',
    ];
    deployment.leader.onLostEntries = keeps([lost(41, 1, changes)]);
    const text = await (await list()).text();
    expect(text).toContain(
      '"after":[1,1.0,{"integer":"9007199254740993"},{"integer":"-9223372036854775808"},9.0e+999,null,"x[1,{}]\\"y\\u0000",{"base64":"AP8="}]',
    );
    const body = JSON.parse(text) as { entries: { changes: unknown[] }[] };
    expect(v.is(LostEntriesSchema, body)).toBe(true);
    expect(body.entries[0]?.changes).toMatchObject([
      { kind: 'insert', table: 'a "b"' },
      { kind: 'update', table: 't', before: [1, 'a'], after: [1, { base64: '' }] },
      { kind: 'delete', before: ['9007199254740993'] },
      { kind: 'schema', sql: 'CREATE TABLE t (a)' },
    ]);
  });

  it('[LO2] says who did not answer', async () => {
    deployment.leader.onLostEntries = () => Promise.reject(new Error('gone'));
    deployment.replica('apac').onLostEntries = keeps([lost(41)]);
    expect(await (await list()).json()).toMatchObject({
      missing: ['weur'],
      entries: [{ replicas: ['apac'] }],
    });
  });

  it('[LO3] gives pages, and what to ask for next', async () => {
    deployment.leader.onLostEntries = keeps([lost(41), lost(42), lost(43), lost(2, 2)]);
    deployment.follower.onLostEntries = deployment.leader.onLostEntries;
    expect(await pagesOf(3)).toEqual([
      [[41, 42, 43], '1:43'],
      [[2], null],
    ]);
  });

  it('[LO3] leaves nothing out where a replica gives fewer than were asked for, because they are large', async () => {
    const large = ['"t"\t\t["' + 'x'.repeat(3_000_000) + '"]'];
    deployment.leader.onLostEntries = keeps(
      [41, 43, 45, 46].map((lsn) => lost(lsn, 1, large)),
      1,
    );
    deployment.follower.onLostEntries = keeps([lost(42), lost(44), lost(47)], 2);
    expect(await pagesOf(50)).toEqual([
      [[41, 42, 43], '1:43'],
      [[44, 45, 46], '1:46'],
      [[47], null],
    ]);
  });

  it('[LO3] passes on what is asked for', async () => {
    const queries: unknown[] = [];
    deployment.leader.onLostEntries = async (query) => (queries.push(query), []);
    await list();
    await list(
      '?epoch=1&from_lsn=41&to_lsn=50&since=1000&until=2026-01-31T12:00:00Z&user=ada&table=t&limit=7&after=1:44',
    );
    const all = { epoch: null, from_lsn: null, to_lsn: null, from_time: null, to_time: null };
    expect(queries).toEqual([
      { ...all, user: null, table: null, after: null, limit: 50 },
      {
        epoch: 1,
        from_lsn: 41,
        to_lsn: 50,
        from_time: 1000,
        to_time: Date.UTC(2026, 0, 31, 12),
        user: 'ada',
        table: 't',
        after: at(44),
        limit: 7,
      },
    ]);
  });

  it.each([
    ['?partition=1', 404, 'no partition 1'],
    ['?partition=x', 400, 'partition'],
    ['?epoch=0', 400, 'epoch'],
    ['?epoch=x', 400, 'epoch'],
    ['?from_lsn=3', 400, 'epoch is missing'],
    ['?epoch=1&from_lsn=-3', 400, 'from_lsn'],
    ['?epoch=1&to_lsn=1.5', 400, 'to_lsn'],
    ['?since=yesterday', 400, 'since'],
    ['?until=', 400, 'until'],
    ['?limit=0', 400, 'limit'],
    ['?limit=201', 400, 'limit'],
    ['?after=41', 400, 'after'],
    ['?after=1:41:2', 400, 'after'],
    ['?after=1:x', 400, 'after'],
  ])('[LO4] answers %s with %i', async (search, status, detail) => {
    expect(await problemOf(await list(search))).toMatchObject({
      status,
      detail: expect.stringContaining(detail),
    });
  });
});

describe('POST lost-entries/:lsn/apply', () => {
  const BODY = '{"results":[],"receipt":{"lsn":60}}';

  beforeEach(() => {
    for (const replica of [deployment.follower, deployment.replica('apac')]) {
      replica.onLostEntries = keeps([lost(41), lost(42), lost(42, 2)]);
    }
    deployment.replica('apac').onLostEntry = async ({ epoch, lsn }) => `text of ${epoch}:${lsn}`;
    deployment.leader.onReapply = () => done(60, BODY);
  });

  it('[LO5] is done by the leader, answered as a write, and told to those who keep the entry', async () => {
    const answer = await apply('41/apply', { 'Tidemark-Durability': 'quorum', Prefer: 'wait=3' });
    expect([answer.status, await answer.text(), seenIn(answer)]).toEqual([200, BODY, '0-1-60']);
    expect(deployment.leader.reapplied).toEqual([
      {
        version: expect.any(Number),
        text: 'text of 1:41',
        was_applied: false,
        durability: 'quorum',
        hold_ms: 3000,
      },
    ]);
    const told = [deployment.follower, deployment.replica('apac'), deployment.leader].map(
      (replica) => replica.told,
    );
    expect(told).toEqual([[[at(41), at(60)]], [[at(41), at(60)]], []]);
  });

  it('[LO5] finds out who leads, and asks again where an answer was lost, because it is done once at most', async () => {
    const replies: (() => ReplicaAnswer)[] = [
      () => ({ kind: 'not-leader', epoch: toEpoch(2) }),
      () => {
        throw new Error('reset');
      },
      () => done(60, BODY),
    ];
    deployment.leader.onReapply = () => (replies.shift() ?? (() => done(1)))();
    expect((await apply('41/apply')).status).toBe(200);
    expect(deployment.leader.reapplied).toHaveLength(3);
    deployment.leader.onReapply = () => {
      throw new Error('reset');
    };
    expect(await problemOf(await apply('41/apply'))).toMatchObject({ code: 'outcome-unknown' });
  });

  it('[LO5] is refused where it does not fit, and is then not applied', async () => {
    deployment.leader.onReapply = () =>
      failed({ code: 'lost-entry-conflict', detail: 'Row 1 of t is gone.' }, 59);
    const answer = await apply('41/apply');
    expect(await problemOf(answer)).toMatchObject({ status: 409, code: 'lost-entry-conflict' });
    expect([seenIn(answer), deployment.follower.told]).toEqual(['0-1-59', []]);
  });

  it('[LO6] needs the epoch where several lost the LSN, and only there', async () => {
    expect(await problemOf(await apply('42/apply'))).toMatchObject({
      status: 400,
      detail: expect.stringContaining('1, 2'),
    });
    expect((await apply('42/apply?epoch=2')).status).toBe(200);
    expect(deployment.leader.reapplied).toMatchObject([{ text: 'text of 2:42' }]);
  });

  it.each([
    ['43/apply', 404, 'not-found'],
    ['41/apply?epoch=3', 404, 'not-found'],
    ['41/apply?partition=1', 404, 'not-found'],
    ['0/apply', 400, 'invalid-request'],
    ['x/apply', 400, 'invalid-request'],
    ['41/apply?epoch=x', 400, 'invalid-request'],
    ['41/undo', 404, 'not-found'],
  ])('[LO6] answers %s with %i', async (path, status, code) => {
    expect(await problemOf(await apply(path))).toMatchObject({ status, code });
    expect(deployment.leader.reapplied).toEqual([]);
  });

  it('[LO6] says who may hold an entry that nobody has, and is unavailable where its text cannot be had', async () => {
    deployment.leader.onLostEntries = () => Promise.reject(new Error('gone'));
    expect(await problemOf(await apply('43/apply'))).toMatchObject({
      status: 404,
      detail: expect.stringContaining('weur'),
    });
    deployment.replica('apac').onLostEntry = () => Promise.reject(new Error('gone'));
    expect(await problemOf(await apply('41/apply'))).toMatchObject({ code: 'unavailable' });
  });

  it('[SL4] leaves a token as it is that a failover may have cut off, so that its bearer is told', async () => {
    const token = await tokenAt(deployment, 42);
    deployment.leader.onReapply = () => ({ kind: 'done', body: BODY, position: at(60, 2), revision: 1 });
    const answer = await apply('41/apply', { 'Tidemark-Session': token });
    expect([answer.status, seenIn(answer)]).toEqual([200, '0-1-42']);
  });
});

describe('the LSNs of a query', () => {
  it('[LO4] may be as large as they get', async () => {
    expect((await list(`?epoch=1&from_lsn=${toLsn(999_999_999_999_999)}`)).status).toBe(200);
  });
});
