import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Directory } from '../../durable-objects/directory.ts';
import type { Settings } from '../../shared/protocol/settings.ts';
import { HASH_OF_NOTHING } from '../../shared/log/entry.ts';
import { EPOCH_FIRST, LSN_ZERO } from '../../shared/lsn.ts';
import { LEASE_VERSION } from '../../shared/protocol/directory.ts';
import type { AssignReply, FailoverWish, FenceReply, FenceRequest } from '../../shared/protocol/directory.ts';
import type { Assignment } from '../../shared/protocol/assignment.ts';
import { NodeSql } from '../simulator/node-sql.ts';

vi.mock('cloudflare:workers', () => ({
  DurableObject: class {
    readonly env: unknown;
    constructor(_ctx: unknown, env: unknown) {
      this.env = env;
    }
  },
}));

/** The storage is not what is at stake here. */
vi.mock('../../durable-objects/sql.ts', () => ({
  StorageSql: class extends NodeSql {
    setAlarm = async () => {};
    erase = async () => {};
  },
}));

const SETTINGS: Settings = {
  leader: 'weur',
  followers: ['enam'],
  partitions: 1,
  durability: 'async',
  automatic_failover_ms: null,
};

/** What the replica in enam is to do; all others confirm at once. */
let follower: () => Promise<void>;
/** What the leader is to do when it is pinged or fenced. */
let leader: () => Promise<void>;
/** What the replicas were asked to do, in its order. */
let asked: string[];
let directory: Directory;

beforeEach(async () => {
  vi.useFakeTimers();
  asked = [];
  follower = atOnce;
  leader = atOnce;
  const ask = async (what: string, name: string): Promise<void> => {
    asked.push(`${what} ${name.split('/').slice(3).join('/')}`);
    if (name.endsWith('/enam')) await follower();
  };
  const REPLICA = {
    idFromName: (name: string) => name,
    get: (name: string) => ({
      assign: async ({ epoch, revision }: Assignment): Promise<AssignReply> => {
        await ask('assign', name);
        return { epoch, revision, isSettled: true };
      },
      erase: async () => ask('erase', name),
      status: async () => {
        await ask('status', name);
        await leader();
        return { kind: 'leader' };
      },
      fence: async ({ epoch }: FenceRequest): Promise<FenceReply> => {
        await ask('fence', name);
        if (name.endsWith('/weur')) await leader();
        const end = { epoch: EPOCH_FIRST, lsn: LSN_ZERO, hash: HASH_OF_NOTHING };
        const known = { epoch: EPOCH_FIRST, revision: 1 };
        return { kind: 'fenced', fence: epoch, ...known, end, isWhole: true, heard: LSN_ZERO };
      },
      reaches: async () => {
        await ask('reaches', name);
        return false;
      },
    }),
  };
  const module = await import('../../durable-objects/directory.ts');
  directory = new module.Directory({} as never, { REPLICA } as never);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** How a call ended within a minute. */
async function outcome(call: Promise<unknown>): Promise<string> {
  let ended = 'waiting';
  void call.then(
    () => (ended = 'answered'),
    () => (ended = 'failed'),
  );
  await vi.advanceTimersByTimeAsync(60_000);
  return ended;
}

it('[DI9] a replica that never answers keeps no creation, lookup or deletion waiting', async () => {
  follower = never;
  expect(await outcome(directory.create('shop', SETTINGS))).toBe('failed');
  expect(await outcome(directory.lookup())).toBe('failed');
  expect(await outcome(directory.erase())).toBe('failed');
});

it('[DI9] a confirmation that comes after it was given up still counts', async () => {
  const late = Promise.withResolvers<void>();
  follower = () => late.promise;
  expect(await outcome(directory.create('shop', SETTINGS))).toBe('failed');
  late.resolve();
  expect(await directory.lookup()).toMatchObject({ database: 'shop' });
});

const atOnce = async () => {};
const never = () => new Promise<never>(() => {});
const fails = () => Promise.reject(new Error('unreachable'));

it.each([
  ['never answers', never],
  ['fails', fails],
])('[FO17] a replica that %s makes no wish an error, and the alarm tells it again', async (_, does) => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  follower = atOnce;
  await directory.create('shop', SETTINGS);
  follower = does;
  asked = [];
  expect(await outcome(directory.addFollower({ region: 'oc', another: false }))).toBe('answered');
  expect(asked).toEqual(['assign weur', 'assign oc/2', 'assign enam']);
  expect(await outcome(directory.removeFollower('oc', null))).toBe('answered');
  expect((await directory.lookup())?.partitions[0]).toMatchObject({
    revision: 3,
    followers: [{ region: 'enam' }],
  });

  follower = atOnce;
  asked = [];
  expect(await outcome(directory.alarm())).toBe('answered');
  expect(asked).toEqual(['assign enam']);
});

it('[FO17] what became of a wish is said: changed, refused, or that there is no database', async () => {
  follower = atOnce;
  const wish = { region: 'oc', another: false } as const;
  expect(await directory.addFollower(wish)).toEqual({ kind: 'absent' });
  await directory.create('shop', SETTINGS);
  expect(await directory.addFollower(wish)).toMatchObject({
    kind: 'changed',
    record: { settings: { followers: ['enam', 'oc'] } },
  });
  expect(await directory.addFollower(wish)).toMatchObject({
    kind: 'refused',
    failure: { code: 'follower-exists' },
  });
  expect(await directory.removeFollower('me', null)).toMatchObject({
    kind: 'refused',
    failure: { code: 'not-found' },
  });
  expect(await directory.removeFollower('oc', null)).toMatchObject({
    kind: 'changed',
    record: { settings: { followers: ['enam'] } },
  });
});

it('[DI13] a replica is not erased while it may still be told what to be', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  follower = atOnce;
  await directory.create('shop', { ...SETTINGS, followers: ['enam', 'oc'] });
  const late = Promise.withResolvers<void>();
  follower = () => late.promise;
  expect(await outcome(directory.addFollower({ region: 'me', another: false }))).toBe('answered');
  asked = [];
  expect(await outcome(directory.removeFollower('enam', null))).toBe('answered');
  expect(asked).toEqual(['assign weur', 'assign me/2', 'assign oc']);
  late.resolve();
  await vi.advanceTimersByTimeAsync(0);
  expect(asked.at(-1)).toBe('erase enam');
});

const FORCED: FailoverWish = {
  partition: 0,
  to: null,
  replica: null,
  mode: 'forced',
  accept_loss: false,
  epoch: null,
};
const WEUR = { version: LEASE_VERSION, replica: { name: '', region: 'weur' as const }, epoch: EPOCH_FIRST };

/** As the replica in weur asks. */
async function lease() {
  const record = await directory.lookup();
  const name =
    record?.partitions[0]?.history.length === 0 ? record.partitions[0].leader.name : 'shop/-/0/weur';
  return directory.lease({ ...WEUR, replica: { ...WEUR.replica, name } });
}

it('[FF21] what becomes of a forced failover is said: refused, done with the new record, or that there is no database', async () => {
  expect(await directory.failover(FORCED)).toEqual({ kind: 'absent' });
  await directory.create('shop', SETTINGS);
  expect(await directory.failover(FORCED)).toMatchObject({
    kind: 'refused',
    failure: { code: 'failover-refused' },
  });
  expect(await directory.failover({ ...FORCED, to: 'oc' })).toMatchObject({ kind: 'refused' });

  leader = never;
  expect(await lease()).toEqual({ kind: 'granted', ms: 10_000 });
  const wished = directory.failover(FORCED);
  const another = directory.failover(FORCED);
  expect(await another).toMatchObject({ kind: 'refused', failure: { code: 'failover-refused' } });
  await vi.advanceTimersByTimeAsync(9000);
  expect((await directory.lookup())?.failovers).toMatchObject([{ mode: 'forced' }]);
  expect(await lease()).toEqual({ kind: 'ended', epoch: 1 });
  await vi.advanceTimersByTimeAsync(11_000);
  expect(await wished).toMatchObject({
    kind: 'done',
    lost: null,
    record: { failovers: [], partitions: [{ epoch: 2, leader: { region: 'enam' } }] },
  });
});

it('[FF21] one that takes longer than a request does goes on, and says what it waits for', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  await directory.create('shop', { ...SETTINGS, followers: ['enam', 'oc'], durability: 'quorum' });
  leader = never;
  follower = never;
  const wished = directory.failover(FORCED);
  await vi.advanceTimersByTimeAsync(25_000);
  expect(await wished).toMatchObject({ kind: 'running', record: { partitions: [{ epoch: 1 }] } });
  expect((await wished) as { detail: string }).toMatchObject({
    detail: expect.stringContaining('enam') as string,
  });
  // Somebody else accepts that what is only there is lost; then one is enough, as soon as one answers.
  const accepting = directory.failover({ ...FORCED, accept_loss: true });
  await vi.advanceTimersByTimeAsync(100);
  expect(await accepting).toMatchObject({
    kind: 'done',
    record: { partitions: [{ leader: { region: 'oc' } }] },
  });
});

it('[FF14] one goes on by itself once enough replicas answer', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  await directory.create('shop', { ...SETTINGS, followers: ['enam', 'oc'], durability: 'quorum' });
  leader = never;
  follower = never;
  const wished = directory.failover(FORCED);
  await vi.advanceTimersByTimeAsync(25_000);
  expect((await wished).kind).toBe('running');
  follower = atOnce;
  await vi.advanceTimersByTimeAsync(61_000);
  expect((await directory.lookup())?.partitions[0]).toMatchObject({ epoch: 2 });
});

it('[PF12] a planned failover that is not handed over ends its wait with what became of it', async () => {
  await directory.create('shop', SETTINGS);
  const wish = { ...FORCED, mode: 'planned', to: 'enam' } as const;
  const wished = directory.failover(wish);
  await vi.advanceTimersByTimeAsync(6000);
  expect(await wished).toMatchObject({ kind: 'refused', failure: { code: 'unavailable' } });
  const second = directory.failover(wish);
  await vi.advanceTimersByTimeAsync(0);
  await directory.erase();
  expect(await second).toEqual({ kind: 'absent' });
});

it('[AF10] a leader that nobody reaches is replaced, and one that answers is not', async () => {
  await directory.create('shop', SETTINGS);
  expect(await directory.configure(5000)).toMatchObject({
    record: { settings: { automatic_failover_ms: 5000 } },
  });
  await directory.suspect({ partition: 0, epoch: EPOCH_FIRST });
  await vi.advanceTimersByTimeAsync(30_000);
  expect((await directory.lookup())?.partitions[0]?.epoch).toBe(1);
  leader = never;
  await directory.suspect({ partition: 0, epoch: EPOCH_FIRST });
  await vi.advanceTimersByTimeAsync(30_000);
  expect((await directory.lookup())?.partitions[0]).toMatchObject({
    epoch: 2,
    history: [{ mode: 'automatic' }],
  });
});
