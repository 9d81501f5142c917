import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { done, FakeDeployment, type FakeReplica, READ, tokenAt, WRITE } from './router-fakes.ts';

let deployment: FakeDeployment;

beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  deployment = await new FakeDeployment().withDatabase(['enam', 'enam', 'enam', 'oc']);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function siblings(): readonly FakeReplica[] {
  return [1, 2, 3].map((number) => deployment.sibling(number));
}

/** How many calls each of the three had. */
function counts(): number[] {
  return siblings().map(({ calls }) => calls.length);
}

/** The sibling that had a call since they were last forgotten. */
function used(): FakeReplica {
  const found = siblings().filter(({ calls }) => calls.length > 0);
  expect(found).toHaveLength(1);
  for (const { calls } of found) calls.length = 0;
  return found[0] as FakeReplica;
}

async function sessionOf(headers: Record<string, string> = {}): Promise<Record<string, string>> {
  const token = (await deployment.query(READ, headers)).headers.get('Tidemark-Session') ?? '';
  return { 'Tidemark-Session': token };
}

describe('several followers in a region', () => {
  it('[RT10] a session keeps to one of them, as its token moves', async () => {
    const first = await sessionOf();
    const kept = used();
    for (let lsn = 2, session = first; lsn < 10; lsn++) {
      kept.onRead = () => done(lsn);
      session = await sessionOf(session);
      expect(used()).toBe(kept);
    }
  });

  it('[RT10] sessions spread over all of them, and so do users', async () => {
    for (let i = 0; i < 40; i++) await deployment.query(READ);
    expect(Math.min(...counts())).toBeGreaterThan(0);
    for (const { calls } of siblings()) calls.length = 0;
    for (let i = 0; i < 40; i++) await deployment.query(READ, { 'Tidemark-User': `user ${i}` });
    expect(Math.min(...counts())).toBeGreaterThan(0);
  });

  it('[RT10] devices of one user keep to the same, whatever their tokens say', async () => {
    const ada = { 'Tidemark-User': 'ada' };
    await deployment.query(READ, ada);
    const kept = used();
    await deployment.query(READ, { ...ada, ...(await sessionOf()) });
    await deployment.query(READ, ada);
    expect(kept.calls.length).toBeGreaterThanOrEqual(2);
  });

  it('[TK13] a session is given an id where there is a choice, and keeps its token then', async () => {
    const token = await tokenAt(deployment, 42);
    expect(token).not.toContain('~');
    for (const one of siblings()) one.onRead = () => done(42);
    const session = await sessionOf({ 'Tidemark-Session': token });
    expect(session['Tidemark-Session']).toMatch(/^t1\.0\.0-1-42~[0-9a-f]{8}\./);
    expect(await sessionOf(session)).toEqual(session);
    const written = await deployment.query(WRITE, session);
    expect(written.headers.get('Tidemark-Session')).toBe(session['Tidemark-Session']);
    const oc = { ...session, 'Tidemark-Region': 'oc' };
    expect(await sessionOf(oc)).toEqual(session);
  });

  it('[TK13] is given none where there is none, or where a user is named', async () => {
    const nowhere = await sessionOf({ 'Tidemark-Region': 'oc' });
    const ada = await sessionOf({ 'Tidemark-User': 'ada' });
    for (const session of [nowhere, ada]) expect(session['Tidemark-Session']).toMatch(/^t1\.0\.0-1-1\./);
  });

  it('[TK13] takes no id from a token that it refuses', async () => {
    const forged = `t1.0.0-1-9~0a1b2c3d.${'A'.repeat(22)}`;
    const answer = await deployment.query(READ, { 'Tidemark-Session': forged });
    expect([answer.status, answer.headers.get('Tidemark-Session')]).toEqual([
      400,
      expect.stringMatching(/^t1\.0\.\.[\w-]{22}$/),
    ]);
  });

  it('[RT12] one that is gone costs a session once, and is tried again after a while', async () => {
    vi.useFakeTimers();
    const session = await sessionOf();
    const gone = used();
    gone.onRead = () => {
      throw new Error('reset');
    };
    for (let i = 0; i < 3; i++) expect((await deployment.query(READ, session)).status).toBe(200);
    expect(gone.calls).toHaveLength(1);
    expect(counts().toSorted((a, b) => a - b)).toEqual([0, 1, 3]);
    expect(deployment.leader.calls).toEqual([]);
    gone.onRead = () => done(1);
    vi.advanceTimersByTime(10_000);
    await deployment.query(READ, session);
    expect(gone.calls).toHaveLength(2);
  });

  it('[RT12] where all of them are gone, reads go to the leader at once', async () => {
    for (const one of siblings())
      one.onRead = () => {
        throw new Error('reset');
      };
    for (let i = 0; i < 5; i++) expect((await deployment.query(READ)).status).toBe(200);
    expect(counts()).toEqual([1, 1, 1]);
    expect(deployment.leader.calls).toHaveLength(5);
    expect(deployment.leader.calls.at(-1)).toMatchObject({ method: 'execute', route: 'fallback' });
  });

  it('[RT13] ones that hang keep no read from the leader for longer than one would', async () => {
    vi.useFakeTimers();
    for (const one of siblings()) one.onRead = () => new Promise(() => {});
    const answer = deployment.query(READ);
    await vi.advanceTimersByTimeAsync(5999);
    expect(deployment.leader.calls).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect((await answer).status).toBe(200);
  });
});
