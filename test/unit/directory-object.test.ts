import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Directory } from '../../durable-objects/directory.ts';
import type { Settings } from '../../shared/protocol/settings.ts';
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

/** What the replica in enam is to do; the leader confirms at once. */
let follower: () => Promise<void>;
let directory: Directory;

beforeEach(async () => {
  vi.useFakeTimers();
  const ask = async (name: string) => (name.endsWith('/enam') ? follower() : undefined);
  const REPLICA = {
    idFromName: (name: string) => name,
    get: (name: string) => ({ assign: async () => ask(name), erase: async () => ask(name) }),
  };
  const module = await import('../../durable-objects/directory.ts');
  directory = new module.Directory({} as never, { REPLICA } as never);
});

afterEach(() => {
  vi.useRealTimers();
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
  follower = () => new Promise(() => {});
  expect(await outcome(directory.create('shop', SETTINGS))).toBe('failed');
  expect(await outcome(directory.lookup())).toBe('failed');
  expect(await outcome(directory.erase())).toBe('failed');
  expect(await outcome(directory.alarm())).toBe('failed');
});

it('[DI9] a confirmation that comes after it was given up still counts', async () => {
  const late = Promise.withResolvers<void>();
  follower = () => late.promise;
  expect(await outcome(directory.create('shop', SETTINGS))).toBe('failed');
  late.resolve();
  expect(await directory.lookup()).toMatchObject({ database: 'shop' });
});
