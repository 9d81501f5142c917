import { env } from 'cloudflare:workers';
import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import type { Settings } from '../../shared/protocol/settings.ts';
import type { TestEnv } from './env.ts';

const { DIRECTORY, SESSION, CATALOG } = env as unknown as TestEnv;
const SETTINGS: Settings = {
  leader: 'weur',
  followers: ['enam', 'apac'],
  partitions: 1,
  durability: 'async',
  automatic_failover_ms: null,
};

const at = (epoch: number, lsn: number) => ({ epoch: toEpoch(epoch), lsn: toLsn(lsn) });

describe('the directory object', () => {
  it('[DI2] creates once, and remembers after eviction', async () => {
    const directory = DIRECTORY.getByName('once');
    expect(await directory.lookup()).toBeNull();
    const created = await directory.create('once', SETTINGS);
    expect(created.kind).toBe('created');

    await evictDurableObject(directory);
    expect(await directory.lookup()).toEqual(created.record);
    expect(await directory.create('once', SETTINGS)).toEqual({ kind: 'existed', record: created.record });
    expect((await directory.create('once', { ...SETTINGS, leader: 'oc' })).kind).toBe('differs');
  });

  it('[DI2] of several at once makes one database', async () => {
    const directory = DIRECTORY.getByName('several');
    const replies = await Promise.all([1, 2, 3].map(() => directory.create('several', SETTINGS)));
    expect(replies.map(({ kind }) => kind).toSorted()).toEqual(['created', 'existed', 'existed']);
    expect(new Set(replies.map(({ record }) => record.incarnation)).size).toBe(1);
  });

  it('[DI5] erases everything, its alarm too, and makes the name anew of new objects', async () => {
    const directory = DIRECTORY.getByName('again');
    const old = await directory.create('again', SETTINGS);
    expect(await directory.erase()).toBe(true);
    expect(await directory.erase()).toBe(false);
    expect(await directory.lookup()).toBeNull();
    const left = await runInDurableObject(directory, async (_object, ctx) => ({
      tables: [...ctx.storage.sql.exec(`SELECT name FROM sqlite_master WHERE name GLOB '_tidemark_*'`)],
      alarm: await ctx.storage.getAlarm(),
    }));
    expect(left).toEqual({ tables: [], alarm: null });

    const made = await directory.create('again', SETTINGS);
    expect(made.kind).toBe('created');
    expect(made.record.incarnation).not.toBe(old.record.incarnation);
  });

  it('[DI4] asked for a database that is not there, keeps nothing', async () => {
    const directory = DIRECTORY.getByName('nothing');
    expect(await directory.lookup()).toBeNull();
    const tables = await runInDurableObject(directory, (_object, ctx) => [
      ...ctx.storage.sql.exec(`SELECT name FROM sqlite_master WHERE name GLOB '_tidemark_*'`),
    ]);
    expect(tables).toEqual([]);
  });
});

describe('the session object', () => {
  it('[SO1] moves each partition forward and never back, over an eviction too', async () => {
    const session = SESSION.getByName('ada');
    expect(await session.seen()).toEqual([]);
    await session.advance(0, at(1, 5));
    await session.advance(0, at(1, 3));
    await session.advance(1, at(1, 1));
    await evictDurableObject(session);
    expect(await session.seen()).toEqual([
      [0, at(1, 5)],
      [1, at(1, 1)],
    ]);

    await session.advance(0, at(2, 4));
    await session.advance(0, at(1, 9));
    expect(await session.seen()).toEqual([
      [0, at(2, 4)],
      [0, at(1, 9)],
      [1, at(1, 1)],
    ]);
  });
});

describe('the catalog object', () => {
  it('[CA1] lists each name once, in alphabetical order, over an eviction too', async () => {
    const catalog = CATALOG.getByName('all');
    expect(await catalog.list()).toEqual([]);
    await catalog.remove('never-there');
    for (const name of ['b', 'a', 'c', 'a']) await catalog.add(name);
    await evictDurableObject(catalog);
    expect(await catalog.list()).toEqual(['a', 'b', 'c']);
    await catalog.remove('b');
    expect(await catalog.list()).toEqual(['a', 'c']);
  });
});
