import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ReplicaAnswer } from '../../shared/protocol/messages.ts';
import { IN_FLIGHT_MAX, InFlight } from '../../workers/in-flight.ts';
import { done, FakeDeployment, problemOf, READ, WRITE } from './router-fakes.ts';

let deployment: FakeDeployment;

beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  vi.useFakeTimers();
  deployment = await new FakeDeployment().withDatabase();
  await deployment.query(WRITE);
  deployment.leader.calls.length = 0;
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const never = () => new Promise<ReplicaAnswer>(() => {});

/** As many requests as may be in flight, none of which is answered. */
async function fill(ask: () => Promise<Response>): Promise<{ readonly asked: Promise<Response[]> }> {
  const asked = Promise.all(Array.from({ length: IN_FLIGHT_MAX }, ask));
  await vi.advanceTimersByTimeAsync(0);
  return { asked };
}

describe('a replica with too many requests in flight', () => {
  it('[LA9] is not asked, and the caller is told at once that nothing was applied', async () => {
    deployment.leader.onExecute = never;
    const { asked } = await fill(async () => deployment.query(WRITE));
    expect(deployment.leader.calls).toHaveLength(IN_FLIGHT_MAX);
    for (const headers of [{}, { 'Idempotency-Key': 'k' }]) {
      const answer = await deployment.query(WRITE, headers);
      expect(await problemOf(answer)).toMatchObject({ status: 429, code: 'overloaded' });
      expect(answer.headers.get('Retry-After')).toBe('1');
    }
    const strong = await deployment.query(READ, { 'Tidemark-Consistency': 'strong' });
    expect(strong.status).toBe(429);
    expect(deployment.leader.calls).toHaveLength(IN_FLIGHT_MAX);
    await vi.advanceTimersByTimeAsync(60_000);
    await asked;
  });

  it('[LA9] keeps nobody from another replica', async () => {
    deployment.leader.onExecute = never;
    const { asked } = await fill(async () => deployment.query(WRITE));
    expect((await deployment.query(READ)).status).toBe(200);
    await vi.advanceTimersByTimeAsync(60_000);
    await asked;
  });

  it('[LA9] is asked again once it has answered or been given up', async () => {
    deployment.leader.onExecute = never;
    const { asked } = await fill(async () => deployment.query(WRITE));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(new Set((await asked).map(({ status }) => status))).toEqual(new Set([504]));
    deployment.leader.onExecute = () => done(2);
    expect((await deployment.query(WRITE)).status).toBe(200);
    deployment.leader.onExecute = () => {
      throw new Error('reset');
    };
    for (let i = 0; i < IN_FLIGHT_MAX; i++) await deployment.query(WRITE);
    deployment.leader.onExecute = () => done(3);
    expect((await deployment.query(WRITE)).status).toBe(200);
  });

  it('[LA9] sends a read elsewhere', async () => {
    deployment.follower.onRead = never;
    const { asked } = await fill(async () => deployment.query(READ));
    expect((await deployment.query(READ)).status).toBe(200);
    expect(deployment.leader.calls).toMatchObject([{ method: 'execute', route: 'fallback' }]);
    await vi.advanceTimersByTimeAsync(60_000);
    await asked;
  });

  it('[LA9] is asked again also where callers hung up, whose requests nobody ends', () => {
    const inFlight = new InFlight();
    for (let i = 0; i < IN_FLIGHT_MAX; i++) expect(inFlight.enter('a', 0, 1000 + i)).not.toBe(null);
    expect([inFlight.enter('a', 999, 1000), inFlight.enter('b', 999, 1000)]).toEqual([null, { until: 1999 }]);
    expect(inFlight.enter('a', 1000, 1000)).toEqual({ until: 2000 });
    expect(inFlight.enter('a', 1000, 1000)).toBe(null);
  });
});
