import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Directory } from '../../durable-objects/directory.ts';
import type { Settings } from '../../shared/protocol/settings.ts';
import type { AssignReply } from '../../shared/protocol/messages.ts';
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

const SETTINGS: Settings = { leader: 'weur', followers: ['enam'], partitions: 1, durability: 'async' };

/** What the replica in enam is to do; all others confirm at once. */
let follower: () => Promise<void>;
/** What the replicas were asked to do, in its order. */
let asked: string[];
let directory: Directory;

beforeEach(async () => {
  vi.useFakeTimers();
  asked = [];
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
