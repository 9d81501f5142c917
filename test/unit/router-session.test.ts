import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TOKEN_CHARS_MAX } from '../../shared/limits.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import type { Position } from '../../shared/position.ts';
import { at, done, failed, FakeDeployment, problemOf, READ, seenIn, tokenAt, WRITE } from './router-fakes.ts';

let deployment: FakeDeployment;

beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  deployment = await new FakeDeployment().withDatabase();
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the token of an answer', () => {
  it('[TK8] is at the position that was read or written', async () => {
    deployment.follower.onRead = () => done(7);
    expect(seenIn(await deployment.query(READ))).toBe('0-1-7');
    deployment.leader.onExecute = () => done(8);
    expect(seenIn(await deployment.query(WRITE))).toBe('0-1-8');
  });

  it('[TK8] never moves back', async () => {
    const token = await tokenAt(deployment, 42);
    deployment.follower.onRead = () => done(7);
    const answer = await deployment.query(READ, {
      'Tidemark-Session': token,
      'Tidemark-Consistency': 'eventual',
    });
    expect(answer.headers.get('Tidemark-Session')).toBe(token);
  });

  it('[TK9] moves forward on errors too', async () => {
    const token = await tokenAt(deployment, 42);
    deployment.leader.onExecute = () => failed({ code: 'constraint', detail: 'UNIQUE' }, 45);
    const answer = await deployment.query(WRITE, { 'Tidemark-Session': token });
    expect([answer.status, seenIn(answer)]).toEqual([409, '0-1-45']);
  });

  it('[TK9] is there on every error of a known database, whatever is wrong with the request', async () => {
    const token = await tokenAt(deployment, 42);
    const bad = [
      await deployment.query('{', { 'Tidemark-Session': token }),
      await deployment.query(READ, { 'Tidemark-Session': token, 'Tidemark-Consistency': 'psychic' }),
      await deployment.query({ sql: 'BEGIN' }, { 'Tidemark-Session': token }),
    ];
    for (const answer of bad)
      expect([answer.status, answer.headers.get('Tidemark-Session')]).toEqual([400, token]);
    expect(seenIn(await deployment.query('{'))).toBe('');
  });

  it('[TK9] is the one that came where no database is known', async () => {
    const token = await tokenAt(deployment, 42);
    for (const [path, headers] of [
      ['/v1/databases/none-such', {}],
      ['/nowhere', {}],
      ['/v1/databases', { Authorization: 'Bearer wrong' }],
    ] as const) {
      const answer = await deployment.request('GET', path, {
        headers: { ...headers, 'Tidemark-Session': token },
      });
      expect(answer.headers.get('Tidemark-Session')).toBe(token);
    }
  });

  it.each(['forged', `t1.0.0-1-999999.${'A'.repeat(22)}`, 'x'.repeat(TOKEN_CHARS_MAX + 1)])(
    '[TK10] refuses a forged token before it makes anyone do anything, and gives one to go on with: %#',
    async (token) => {
      for (const body of [READ, WRITE]) {
        const answer = await deployment.query(body, { 'Tidemark-Session': token, 'Tidemark-User': 'ada' });
        expect(await problemOf(answer)).toMatchObject({ status: 400, code: 'token-invalid' });
        expect(seenIn(answer)).toBe('');
      }
      expect([...deployment.follower.calls, ...deployment.leader.calls]).toEqual([]);
      expect(deployment.sessionOf('ada').position).toBe(undefined);
    },
  );

  it('[TK3] of another database is refused', async () => {
    const other = await new FakeDeployment().withDatabase();
    const token = await tokenAt(other, 1);
    const answer = await deployment.query(READ, { 'Tidemark-Session': token });
    expect(await problemOf(answer)).toMatchObject({ status: 400, code: 'token-invalid' });
  });
});

describe("a user's devices", () => {
  const ADA = { 'Tidemark-User': 'ada' };

  it('[US1] find a write on any device, from the moment it is acknowledged', async () => {
    deployment.leader.onExecute = () => done(42);
    await deployment.query(WRITE, ADA);
    expect(deployment.sessionOf('ada').position).toEqual(at(42));
    deployment.follower.onRead = ({ need }) => done(need?.lsn ?? 7);
    expect(seenIn(await deployment.query(READ, ADA))).toBe('0-1-42');
    expect(deployment.follower.calls).toMatchObject([{ need: null }, { need: at(42) }]);
  });

  it('[US1] wait for nothing where the nearest replica has it all', async () => {
    deployment.sessionOf('ada').set(at(42));
    deployment.follower.onRead = () => done(42);
    await deployment.query(READ, ADA);
    expect(deployment.follower.calls).toHaveLength(1);
  });

  it('[US1] are not told of an error that only an old replica gives', async () => {
    deployment.sessionOf('ada').set(at(42));
    deployment.follower.onRead = ({ need }) =>
      need === null ? failed({ code: 'sql-error', detail: 'no such table: t' }, 3) : done(42);
    expect((await deployment.query(READ, ADA)).status).toBe(200);
  });

  it('[US1] share nothing with other users, nor with an eventual read', async () => {
    deployment.sessionOf('ada').set(at(42));
    deployment.follower.onRead = () => done(7);
    await deployment.query(READ, { 'Tidemark-User': 'bob' });
    await deployment.query(READ, { ...ADA, 'Tidemark-Consistency': 'eventual' });
    expect(deployment.follower.calls).toHaveLength(2);
  });

  it('[US2] are not told of a write that they could then not find', async () => {
    deployment.leader.onExecute = () => done(42);
    deployment.sessionOf('ada').isDown = true;
    const answer = await deployment.query(WRITE, ADA);
    expect(await problemOf(answer)).toMatchObject({ status: 504, code: 'outcome-unknown' });
  });

  it('[TK11] are told by the token of a write that is not acknowledged', async () => {
    const token = await tokenAt(deployment, 40);
    deployment.leader.onExecute = () => done(42);
    deployment.sessionOf('ada').isDown = true;
    const answer = await deployment.query(WRITE, { ...ADA, 'Tidemark-Session': token });
    expect([answer.status, seenIn(answer)]).toEqual([504, '0-1-42']);
  });

  it('[US4] write once where a read turns out to write', async () => {
    deployment.follower.onRead = () => ({ kind: 'writes', position: at(3) });
    deployment.leader.onExecute = () => done(43);
    const answer = await deployment.query(READ, { ...ADA, 'Idempotency-Key': 'once' });
    expect([answer.status, seenIn(answer)]).toEqual([200, '0-1-43']);
    expect(deployment.leader.calls).toMatchObject([{ route: 'fallback', request: { id: 'once' } }]);
    expect(deployment.sessionOf('ada').position).toEqual(at(43));
  });

  it('[US4] write once also where the leader gives an answer from before what they have seen', async () => {
    deployment.sessionOf('ada').set(at(42));
    deployment.follower.onRead = () => ({ kind: 'writes', position: at(3) });
    deployment.leader.onExecute = () => done(5);
    await deployment.query(READ, { ...ADA, 'Idempotency-Key': 'once' });
    expect(deployment.leader.calls).toMatchObject([{ request: { id: 'once' } }]);
  });

  it('[US4] write once also where only the second read finds out', async () => {
    deployment.sessionOf('ada').set(at(42));
    deployment.follower.onRead = ({ need }) =>
      need === null
        ? failed({ code: 'sql-error', detail: 'no such view' }, 3)
        : { kind: 'writes', position: at(42) };
    await deployment.query(READ, { ...ADA, 'Idempotency-Key': 'once' });
    expect(deployment.leader.calls).toMatchObject([{ request: { id: 'once' } }]);
  });

  it('[US4] write once, and with the request id, where their session cannot be asked', async () => {
    deployment.sessionOf('ada').seen = () => Promise.reject(new Error('reset'));
    deployment.follower.onRead = () => ({ kind: 'writes', position: at(3) });
    await deployment.query(READ, { ...ADA, 'Idempotency-Key': 'once' });
    expect(deployment.leader.calls).toMatchObject([{ request: { id: 'once' } }]);
  });

  it('[US5] wait for their position what the first read left of the wait', async () => {
    vi.useFakeTimers();
    try {
      deployment.sessionOf('ada').set(at(42));
      deployment.follower.onRead = async ({ need }) => {
        await new Promise((resolve) => setTimeout(resolve, 600));
        return done(need?.lsn ?? 7);
      };
      const answers = Promise.all([
        deployment.query(READ, ADA),
        deployment.query(READ, { ...ADA, Prefer: 'wait=0.5' }),
      ]);
      await vi.advanceTimersByTimeAsync(10_000);
      await answers;
      const waits = deployment.follower.calls.map((call) => (call.method === 'read' ? call.wait_ms : null));
      expect(waits).toEqual([1000, 500, 400, 0]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('[US3] read at the leader where it cannot be known what they have seen', async () => {
    deployment.sessionOf('ada').isDown = true;
    deployment.follower.onRead = () => done(7);
    deployment.leader.onExecute = () => done(42);
    expect(seenIn(await deployment.query(READ, ADA))).toBe('0-1-42');
  });
});

describe('a session that a failover has cut off', () => {
  const ADA = { 'Tidemark-User': 'ada' };
  const lost = { epoch: toEpoch(1), from_lsn: toLsn(41), to_lsn: toLsn(50) };
  const sessionLost = () => failed({ code: 'session-lost', detail: 'It is lost.', lost }, 40);
  /** As a replica that knows that epoch 2 began after LSN 40. */
  const cutOff = ({ seen, need }: { readonly seen: Position | null; readonly need: Position | null }) =>
    [seen, need].some((one) => one?.epoch === 1 && one.lsn > 40)
      ? sessionLost()
      : ({ kind: 'done', body: '{}', position: at(45, 2), revision: 1 } as const);

  beforeEach(() => {
    deployment.leader.onExecute = cutOff;
    deployment.follower.onRead = cutOff;
  });

  it('[SL2] is told once what was lost, with a token that works', async () => {
    for (const [body, headers] of [
      [WRITE, {}],
      [READ, {}],
      [READ, { 'Tidemark-Consistency': 'strong' }],
      [READ, { 'Tidemark-Consistency': 'eventual' }],
      [READ, ADA],
    ] as const) {
      const token = await tokenAt(deployment, 50);
      deployment.leader.onExecute = cutOff;
      const answer = await deployment.query(body, { ...headers, 'Tidemark-Session': token });
      expect(await problemOf(answer)).toMatchObject({ status: 409, code: 'session-lost', lost });
      expect(seenIn(answer)).toBe('0-1-40');
      const next = { ...headers, 'Tidemark-Session': answer.headers.get('Tidemark-Session') ?? '' };
      const again = await deployment.query(body, next);
      expect([again.status, seenIn(again)]).toEqual([200, '0-2-45']);
    }
  });

  it('[SL3] is told once, too, where it is only what other devices of its user have seen', async () => {
    deployment.sessionOf('ada').set(at(50));
    const answer = await deployment.query(READ, ADA);
    expect(await problemOf(answer)).toMatchObject({ status: 409, code: 'session-lost', lost });
    expect(deployment.sessionOf('ada').position).toEqual(at(40));
    expect((await deployment.query(READ, ADA)).status).toBe(200);
  });

  it('[SL4] is told also after a device that knew nothing of it has written', async () => {
    deployment.sessionOf('ada').set(at(50));
    expect((await deployment.query(WRITE, ADA)).status).toBe(200);
    expect(deployment.sessionOf('ada').position).toEqual(at(45, 2));
    const told = await deployment.query(READ, ADA);
    expect(await problemOf(told)).toMatchObject({ code: 'session-lost', lost });
    // What the device has seen itself is not lost.
    expect(deployment.sessionOf('ada').position).toEqual(at(45, 2));
  });

  it('[SL3] keeps the token of a device that has seen nothing that is lost', async () => {
    const token = await tokenAt(deployment, 7);
    deployment.leader.onExecute = cutOff;
    deployment.sessionOf('ada').set(at(50));
    const answer = await deployment.query(READ, { ...ADA, 'Tidemark-Session': token });
    expect([answer.status, seenIn(answer)]).toEqual([409, '0-1-7']);
  });

  it('[SL3] is told again where its user could not be told of', async () => {
    deployment.sessionOf('ada').set(at(50));
    deployment.sessionOf('ada').rewind = () => Promise.reject(new Error('reset'));
    for (let i = 0; i < 2; i++)
      expect(await problemOf(await deployment.query(READ, ADA))).toMatchObject({ code: 'session-lost' });
  });

  it('names the user of a write, and of no read', async () => {
    await deployment.query(WRITE, ADA);
    await deployment.query(WRITE);
    await deployment.query(READ, { ...ADA, 'Tidemark-Consistency': 'strong' });
    expect(deployment.leader.calls).toMatchObject([{ user: 'ada' }, { user: null }, { user: null }]);
  });
});
