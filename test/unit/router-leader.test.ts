import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ReplicaAnswer } from '../../shared/protocol/messages.ts';
import {
  at,
  done,
  failed,
  FakeDeployment,
  problemOf,
  promoted,
  READ,
  seenIn,
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
    const strong = { 'Tidemark-Consistency': 'strong' };
    deployment.follower.onRead = () => ({ kind: 'unassigned' });
    for (const headers of [strong, { 'Tidemark-Region': 'weur' }]) {
      const answer = await deployment.query(READ, headers);
      expect(await problemOf(answer)).toMatchObject({ status: 503, code: 'unavailable' });
      expect(answer.headers.get('Retry-After')).toBe('1');
    }
    deployment = await new FakeDeployment().withDatabase();
    deployment.leader.onExecute = () => {
      throw new Error('reset');
    };
    deployment.follower.onRead = () => ({ kind: 'behind', position: at(3), waited_ms: 250 });
    expect(await problemOf(await deployment.query(READ))).toMatchObject({ status: 504, code: 'behind' });
  });

  it('[RT16] keeps nobody from reading, and is left out for a while', async () => {
    deployment.leader.onExecute = () => {
      throw new Error('reset');
    };
    for (let i = 0; i < 3; i++) {
      const answer = await deployment.query(READ, { 'Tidemark-Region': 'weur' });
      expect([answer.status, seenIn(answer)]).toEqual([200, '0-1-1']);
    }
    expect([deployment.leader.calls.length, deployment.follower.calls.length]).toEqual([1, 3]);
  });

  it('[RT17] is not asked for ever: the next request looks up who leads', async () => {
    deployment.leader.onExecute = () => {
      throw new Error('reset');
    };
    expect((await deployment.query(WRITE)).status).toBe(504);
    const { follower } = deployment;
    deployment.directory.told = promoted;
    expect((await deployment.query(WRITE)).status).toBe(200);
    expect(follower.calls).toHaveLength(1);
  });

  it('[RT17] keeps nobody from the followers while the directory does not answer either', async () => {
    vi.useFakeTimers();
    try {
      const never = () => new Promise<never>(() => {});
      deployment.leader.onExecute = () => failed({ code: 'unavailable', detail: 'It has no lease.' });
      expect((await deployment.query(WRITE)).status).toBe(503);
      deployment.directory.lookup = never;
      const first = deployment.query(READ);
      await vi.advanceTimersByTimeAsync(2_000);
      expect((await first).status).toBe(200);
      // And nobody else waits for it for a while.
      for (let i = 0; i < 3; i++) expect((await deployment.query(READ)).status).toBe(200);
    } finally {
      vi.useRealTimers();
    }
  });

  describe('of a database that finds out by itself', () => {
    const never = () => new Promise<ReplicaAnswer>(() => {});

    it('[AS1] is suspected after two seconds, and once a second however many requests it does not answer', async () => {
      vi.useFakeTimers();
      try {
        await deployment.query(READ);
        deployment = await new FakeDeployment().withDatabase(['enam'], 5000);
        deployment.leader.onExecute = never;
        const answers = Promise.all([deployment.query(WRITE), deployment.query(WRITE)]);
        const { suspicions } = deployment.directory;
        await vi.advanceTimersByTimeAsync(1999);
        expect(suspicions).toEqual([]);
        await vi.advanceTimersByTimeAsync(1);
        expect(suspicions).toEqual([{ partition: 0, epoch: 1 }]);
        await vi.advanceTimersByTimeAsync(60_000);
        // And when they were given up.
        expect(suspicions).toHaveLength(2);
        for (const answer of await answers) expect(answer.status).toBe(504);
      } finally {
        vi.useRealTimers();
      }
    });

    it('[AS1] is not suspected where it answers, nor where only people decide', async () => {
      vi.useFakeTimers();
      try {
        const other = await new FakeDeployment().withDatabase(['enam'], 5000);
        deployment.leader.onExecute = never;
        const answers = Promise.all([deployment.query(WRITE), other.query(WRITE)]);
        await vi.advanceTimersByTimeAsync(60_000);
        await answers;
        expect([deployment.directory.suspicions, other.directory.suspicions]).toEqual([[], []]);
      } finally {
        vi.useRealTimers();
      }
    });
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
