import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { at, failed, FakeDeployment, problemOf, READ, seenIn, tokenAt, WRITE } from './router-fakes.ts';

let deployment: FakeDeployment;

beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  deployment = await new FakeDeployment().withDatabase();
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the durability of a request', () => {
  it.each(['async', 'semi-sync', 'quorum', 'all'])(
    '[QH4] %s is passed on for a write',
    async (durability) => {
      await deployment.query(WRITE, { 'Tidemark-Durability': durability });
      expect(deployment.leader.calls).toMatchObject([{ durability, shows: 'settled' }]);
    },
  );

  it('[QH4] is what the database asks where the request names none, and none on a read', async () => {
    await deployment.query(WRITE);
    await deployment.query(READ, { 'Tidemark-Durability': 'all', 'Tidemark-Region': 'weur' });
    expect(deployment.leader.calls).toMatchObject([{ durability: null }, { durability: null }]);
  });

  it.each([
    [undefined, 10_000],
    ['wait=2', 2000],
    ['wait=0', 0],
    ['wait=3600', 10_000],
  ])('[QH5] Prefer: %s lets a write wait %i ms for it', async (prefer, hold_ms) => {
    await deployment.query(WRITE, prefer === undefined ? {} : { Prefer: prefer });
    expect(deployment.leader.calls).toMatchObject([{ hold_ms }]);
  });

  it('[LA7] that was not met in time is told with the position, and the token leads there', async () => {
    const failure = { code: 'outcome-unknown', detail: 'not at a majority yet', position: at(42) } as const;
    deployment.leader.onExecute = () => failed(failure, 42);
    const answer = await deployment.query(WRITE, { 'Idempotency-Key': 'k' });
    expect([answer.status, seenIn(answer)]).toEqual([504, '0-1-42']);
    expect(await problemOf(answer)).toMatchObject({
      code: 'outcome-unknown',
      position: { epoch: 1, lsn: 42 },
    });
    expect(deployment.leader.calls).toHaveLength(1);
  });
});

describe('what may yet be lost', () => {
  it('[RT14] is shown to nobody but an eventual read', async () => {
    await deployment.query(READ);
    await deployment.query(READ, { 'Tidemark-Consistency': 'eventual' });
    expect(deployment.follower.calls).toMatchObject([{ shows: 'settled' }, { shows: 'anything' }]);
  });

  it('[LA8] makes a read behind that cannot wait for it, and does not move its token', async () => {
    const token = await tokenAt(deployment, 40);
    deployment.leader.onExecute = () => ({ kind: 'behind', position: at(42), waited_ms: 1000 });
    const answer = await deployment.query(READ, { 'Tidemark-Session': token, 'Tidemark-Region': 'weur' });
    expect([answer.status, answer.headers.get('Tidemark-Session')]).toEqual([504, token]);
    expect(await problemOf(answer)).toMatchObject({
      code: 'behind',
      detail: expect.stringContaining('might still be lost'),
    });
  });
});
