import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Failure } from '../../shared/failure.ts';
import { BODY_BYTES_MAX } from '../../shared/limits.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import { PROBLEMS } from '../../workers/problems.ts';
import { failed, FakeDeployment, problemOf, READ, WRITE } from './router-fakes.ts';

let deployment: FakeDeployment;

beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  deployment = await new FakeDeployment().withDatabase();
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe('headers of a query', () => {
  it.each([
    [{ 'Tidemark-Consistency': 'psychic' }, 'Tidemark-Consistency must be one of session'],
    [{ 'Tidemark-Consistency': 'bounded' }, 'needs the header Tidemark-Max-Staleness'],
    [
      { 'Tidemark-Consistency': 'bounded', 'Tidemark-Max-Staleness': '-1' },
      'Tidemark-Max-Staleness must be a number',
    ],
    [{ 'Tidemark-Max-Staleness': '1' }, 'only with Tidemark-Consistency: bounded'],
    [{ 'Tidemark-Durability': 'eternal' }, 'Tidemark-Durability must be one of async'],
    [{ 'Tidemark-User': 'u'.repeat(256) }, 'Tidemark-User must have 1 to 255'],
    [{ 'Idempotency-Key': 'k'.repeat(256) }, 'Idempotency-Key must have 1 to 255'],
    [{ 'Idempotency-Key': '' }, 'Idempotency-Key must have 1 to 255'],
    [{ Prefer: 'wait=soon' }, 'Prefer: wait must be a number'],
    [{ 'Tidemark-Region': 'mars' }, 'Tidemark-Region must be one of'],
  ])('[QH1] are refused by name: %j', async (headers, detail) => {
    const answer = await deployment.query(WRITE, headers);
    expect(await problemOf(answer)).toMatchObject({
      status: 400,
      code: 'invalid-request',
      detail: expect.stringContaining(detail),
    });
    expect(deployment.leader.calls).toEqual([]);
  });

  it.each([
    ['wait=2', 2000],
    ['wait=0', 0],
    ['respond-async, wait=0.25; x=y', 250],
    ['wait="3"', 3000],
    ['wait=3600', 10_000],
    ['handling=lenient', 1000],
    ['await=5', 1000],
  ])('[QH2] Prefer: %s lets a read wait %i ms', async (prefer, wait_ms) => {
    await deployment.query(READ, { Prefer: prefer });
    expect(deployment.follower.calls).toMatchObject([{ wait_ms }]);
  });

  it('[QH3] an Idempotency-Key goes to the leader with a fingerprint of the body', async () => {
    await deployment.query(WRITE, {
      'Idempotency-Key': 'k',
      'Tidemark-Durability': 'async',
      'Tidemark-Partition-Key': 'any',
    });
    await deployment.query({ ...WRITE, params: [2] }, { 'Idempotency-Key': 'k' });
    const [first, second] = deployment.leader.calls.map((call) =>
      call.method === 'execute' ? call.request : null,
    );
    expect(first).toEqual({ id: 'k', fingerprint: expect.stringMatching(/^[\w-]{43}$/) });
    expect(second?.fingerprint).not.toBe(first?.fingerprint);
  });
});

describe('errors of a query', () => {
  it.each([
    ['', 400, 'invalid-request'],
    ['{"sql":"SELECT 1","params":[{}]}', 400, 'invalid-request'],
    ['{"sql":"BEGIN"}', 400, 'sql-not-allowed'],
    ['{"sql":"SELECT 1; SELECT 2"}', 400, 'sql-not-allowed'],
    [`{"sql":"SELECT '${'x'.repeat(100_000)}'"}`, 413, 'too-large'],
    [JSON.stringify({ sql: 'SELECT 1', params: Array(101).fill(1) }), 413, 'too-large'],
    [' '.repeat(BODY_BYTES_MAX + 1), 413, 'too-large'],
  ])('[ER1] are found before anything is asked: %#', async (body, status, code) => {
    const answer = await deployment.query(body);
    const problem = await problemOf(answer);
    expect(problem).toMatchObject({ status, code });
    if (code === 'too-large') expect(problem.limit).toBeGreaterThan(0);
    expect([...deployment.follower.calls, ...deployment.leader.calls]).toEqual([]);
  });

  it('[ER1] a body that is not UTF-8 is refused', async () => {
    const body = new Uint8Array([0x7b, 0xff, 0x7d]) as unknown as string;
    const { env, database } = deployment;
    const request = new Request(`http://x/v1/databases/${database}/query`, {
      method: 'POST',
      body,
      headers: { Authorization: `Bearer ${env.TIDEMARK_ADMIN_KEY}` },
    });
    const { router } = await import('../../workers/router.ts');
    expect(await problemOf(await router.request(request, {}, env))).toMatchObject({
      code: 'invalid-request',
      detail: 'The body is not UTF-8.',
    });
  });

  const lost = { epoch: toEpoch(1), from_lsn: toLsn(4), to_lsn: toLsn(6) };
  it.each<Failure>([
    { code: 'sql-error', detail: 'near "SELEC": syntax error', offset: 3 },
    { code: 'sql-not-allowed', detail: 'a reserved name' },
    { code: 'constraint', detail: 'UNIQUE constraint failed: t.id' },
    { code: 'idempotency-conflict', detail: 'another body' },
    { code: 'session-lost', detail: 'lost', lost },
    { code: 'too-large', detail: 'the result', limit: 8_388_608 },
    { code: 'overloaded', detail: 'busy' },
    { code: 'unavailable', detail: 'no lease' },
    { code: 'outcome-unknown', detail: 'unknown' },
    { code: 'behind', detail: 'behind' },
  ])('[ER2] a replica’s $code reaches the caller with the fields of its code', async (failure) => {
    deployment.leader.onExecute = () => failed(failure, 3);
    const answer = await deployment.query(WRITE);
    const { status, title, headers } = PROBLEMS[failure.code];
    expect(await problemOf(answer)).toEqual({ type: `/problems/${failure.code}`, title, status, ...failure });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('Retry-After')).toBe(headers['Retry-After'] ?? null);
  });
});
