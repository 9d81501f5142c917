import { describe, expect, it } from 'vitest';
import { type ChainEnd, HASH_OF_NOTHING } from '../../shared/log/entry.ts';
import { EPOCH_FIRST, LSN_ZERO } from '../../shared/lsn.ts';
import { all, run } from '../../shared/ports.ts';
import { digest } from '../../shared/tables/digest.ts';
import { alarmIn, assignmentOf, BY, copyIn, LoneFollower, LoneLeader, memberNamed } from './pair.ts';

const ONE = [memberNamed('follower')];
/** What the follower's own log holds while it copies. */
const NOTHING: ChainEnd = { epoch: EPOCH_FIRST, lsn: LSN_ZERO, hash: HASH_OF_NOTHING };
const TWO = [...ONE, memberNamed('other')];
/** Keeps the last few entries. */
const CUTTING = { hashedEntriesEvery: 1, cutEveryBytes: 0, keptBytesMin: 0, claimBytesMax: 400 };

function write(leader: LoneLeader, rows: number, text = 'x'): void {
  for (let i = 0; i < rows; i += 1) leader.write(`INSERT INTO t VALUES ('${text}')`);
}

describe('a follower whose log nothing follows', () => {
  it('[SI10] installs, once, however often it is told; and not where it has come further meanwhile', () => {
    const leader = new LoneLeader(assignmentOf('async', ONE), CUTTING);
    const [follower, further] = [new LoneFollower(), new LoneFollower()];
    follower.follow(leader);
    write(leader, 1);
    further.follow(leader);
    write(leader, 10);
    const gone = leader.batchAfter(follower.end);
    expect(gone.gone).toMatchObject({ why: 'cut', end: { lsn: 1 } });
    expect([further.append(gone).kind, further.core.applied.lsn]).toEqual(['appended', 2]);
    expect(further.core.status(0).detail).toBeNull();

    const effects = follower.step({ kind: 'append', call: 1, now: 0, batch: gone });
    expect([follower.core.state, follower.core.applied.lsn]).toEqual(['stranded', 1]);
    expect(follower.core.status(0).detail).toContain('no longer holds');
    expect(copyIn(follower.step({ kind: 'append', call: 2, now: 0, batch: gone }))).toBeNull();
    follower.install(leader, copyIn(effects), 1000);
    expect([follower.core.state, follower.end]).toEqual(['streaming', leader.end]);
    expect([follower.append(gone).kind, follower.core.state]).toEqual(['appended', 'streaming']);
    expect(digest(follower.sql)).toBe(digest(leader.sql));
  });

  it.each([
    ['has another entry at its LSN', 2, 2],
    ['is ahead of the log', 5, 2],
  ])('[SI11] counts for nothing where it %s, says so, and installs', (_, had, has) => {
    const before = new LoneLeader(assignmentOf('async', ONE));
    write(before, had, 'lost');
    const follower = new LoneFollower();
    const reply = follower.follow(before);

    const leader = new LoneLeader(assignmentOf('semi-sync', ONE));
    write(leader, has);
    leader.step({ kind: 'reassigned', now: 900, assignment: assignmentOf('semi-sync', ONE) });
    leader.step({ kind: 'send-failed', follower: 'follower', now: 900 });
    const effects = leader.step({ kind: 'replied', follower: 'follower', now: 1000, reply });
    expect(effects.filter(({ kind }) => kind === 'answer')).toEqual([]);
    expect([leader.core.status([], 1000).settled, leader.core.isSettled]).toEqual([0, false]);
    const [sent] = effects.filter((effect) => effect.kind === 'send');
    expect(sent?.batch).toMatchObject({ text: null, gone: { why: 'other branch' } });

    const asks = follower.step({ kind: 'append', call: 1, now: 1000, batch: sent!.batch });
    expect(follower.core.status(1000)).toMatchObject({
      state: 'stranded',
      detail: "what is here is not of the leader's log",
    });
    follower.install(leader, copyIn(asks), 1000);
    expect(digest(follower.sql)).toBe(digest(leader.sql));
  });
});

it('[SI14] a question for a piece that comes late keeps no entries from a follower that has installed since', () => {
  const leader = new LoneLeader(assignmentOf('semi-sync', ONE));
  const { reply } = leader.copied({ ...BY, has: NOTHING, from: null });
  if (reply.kind !== 'start') throw new Error('a copy begins');
  const late = { ...BY, has: NOTHING, from: { end: reply.end, place: { kind: 'rest' } } } as const;
  leader.copied(late);
  leader.batchAfter(reply.end);
  expect(leader.copied(late).reply.kind).toBe('piece');
  expect(leader.write('INSERT INTO t VALUES (1)').map(({ kind }) => kind)).toContain('send');
});

it('[SI12] a copy that cannot be taken begins anew after a minute, two, four …, over restarts too', () => {
  const leader = new LoneLeader(assignmentOf('async', [{ ...ONE[0]!, membership: 'joining' }]));
  write(leader, 3);
  const follower = new LoneFollower('joining');
  let now = 0;
  for (const minutes of [1, 2, 4]) {
    const request = copyIn(follower.step({ kind: 'alarm', now }));
    expect(request).toMatchObject({ from: null });
    follower.step({ kind: 'copied', now, askedAt: now, reply: leader.copied(request!).reply });
    now += 100;
    follower.restart();
    const next = copyIn(follower.step({ kind: 'alarm', now }));
    expect(next?.from).not.toBeNull();
    // Nobody's: whatever comes, it is in the way.
    run(follower.sql, 'INSERT INTO t (rowid, a) VALUES (2, NULL)');
    const broken = follower.step({ kind: 'copied', now, askedAt: now, reply: leader.copied(next!).reply });
    expect(copyIn(broken)).toBeNull();

    follower.restart();
    expect(follower.core.status(now)).toMatchObject({ state: 'installing', applied: null });
    expect(follower.core.status(now).detail).toContain('the last copy failed: ');
    now += minutes * 60_000;
    const early = follower.step({ kind: 'alarm', now: now - 1 });
    expect([copyIn(early), alarmIn(early)]).toEqual([null, now]);
  }
  follower.install(leader, copyIn(follower.step({ kind: 'alarm', now })), now);
  expect(follower.core.status(now)).toMatchObject({ state: 'streaming', detail: null });
  expect(digest(follower.sql)).toBe(digest(leader.sql));
});

describe('a member that needs a snapshot', () => {
  /** Has all, and is told that nothing follows. */
  function strandedAt(leader: LoneLeader) {
    const follower = new LoneFollower();
    const reply = follower.follow(leader);
    leader.step({ kind: 'replied', follower: 'follower', now: 0, reply });
    const batch = { ...leader.batchAfter(follower.end), gone: { end: follower.end, why: 'cut' } as const };
    return { follower, request: copyIn(follower.step({ kind: 'append', call: 1, now: 0, batch }))! };
  }

  it('[SI13] keeps what it has until the others that the durability needs have it', () => {
    const leader = new LoneLeader(assignmentOf('quorum', TWO));
    write(leader, 3);
    const { follower, request } = strandedAt(leader);
    const { reply, others } = leader.copied(request, 1000);
    expect(reply.kind).toBe('keep');
    // Who is away is asked.
    expect(others).toContainEqual(expect.objectContaining({ kind: 'send', to: memberNamed('other') }));
    const waits = follower.step({ kind: 'copied', now: 1000, askedAt: 1000, reply });
    expect([copyIn(waits), follower.core.state]).toEqual([null, 'stranded']);
    expect(all(follower.sql, 'SELECT count(*) FROM t')).toEqual([[3]]);
    expect(leader.copied(request, 2000).reply.kind).toBe('keep');

    const applied = { kind: 'appended', applied: leader.end, follower_now: 0, relayed: [] } as const;
    leader.step({ kind: 'replied', follower: 'other', now: 3000, reply: applied });
    const again = copyIn(follower.step({ kind: 'alarm', now: 3000 }));
    follower.install(leader, again, 3000);
    expect([follower.core.state, follower.end]).toEqual(['streaming', leader.end]);
  });

  it('[SI13] but for no longer than a minute, for the others may never come', () => {
    const leader = new LoneLeader(assignmentOf('quorum', TWO));
    write(leader, 3);
    const { request } = strandedAt(leader);
    const kinds = [1000, 30_000, 61_000].map((now) => leader.copied(request, now).reply.kind);
    expect(kinds).toEqual(['keep', 'keep', 'start']);
  });

  it('[SI13] may begin at once where there are not so many others', () => {
    const leader = new LoneLeader(assignmentOf('semi-sync', ONE));
    write(leader, 3);
    const { follower, request } = strandedAt(leader);
    expect(leader.copied(request).reply.kind).toBe('start');
    follower.install(leader, request, 1000);
    expect(follower.core.state).toBe('streaming');
  });
});
