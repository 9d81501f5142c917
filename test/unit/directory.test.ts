import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Directory } from '../../shared/directory/directory.ts';
import type { DirectoryEffect, DirectoryEvent } from '../../shared/directory/events.ts';
import { all } from '../../shared/ports.ts';
import { EPOCH_FIRST } from '../../shared/lsn.ts';
import { type Assignment, roleOf } from '../../shared/protocol/assignment.ts';
import type { Settings } from '../../shared/protocol/settings.ts';
import { NodeSql } from '../simulator/node-sql.ts';

const SETTINGS: Settings = {
  leader: 'weur',
  followers: ['enam', 'apac'],
  partitions: 1,
  durability: 'async',
  automatic_failover_ms: null,
};
const NAMES = ['shop/one/0/weur', 'shop/one/0/enam', 'shop/one/0/apac'];

const create = (incarnation = 'one', settings = SETTINGS): DirectoryEvent => ({
  kind: 'create',
  database: 'shop',
  settings,
  incarnation,
  now: 1000,
});
const LOOKUP: DirectoryEvent = { kind: 'lookup', now: 2000 };
const ERASE: DirectoryEvent = { kind: 'erase', now: 3000 };
const ALARM: DirectoryEvent = { kind: 'alarm', now: 9000 };

let sql: NodeSql;
let directory: Directory;

beforeEach(() => {
  sql = new NodeSql();
  directory = new Directory(sql);
});

function step(event: DirectoryEvent): DirectoryEffect[] {
  return sql.transaction(() => directory.step(event));
}

/** Memory is lost; the disk is kept. */
function crash(): void {
  directory = new Directory(sql);
}

function confirm(replica: string): DirectoryEffect[] {
  const reply = { epoch: EPOCH_FIRST, revision: 1, isSettled: true };
  return step({ kind: 'assigned', replica, reply, now: 0 });
}

function assigned(effects: readonly DirectoryEffect[]): string[] {
  return effects.flatMap((effect) => (effect.kind === 'assign' ? [effect.assignment.self.name] : []));
}

function erased(effects: readonly DirectoryEffect[]): string[] {
  return effects.flatMap((effect) => (effect.kind === 'erase' ? [effect.replica.name] : []));
}

function confirmed({ self, epoch, revision }: Assignment): DirectoryEffect[] {
  return step({ kind: 'assigned', replica: self.name, reply: { epoch, revision, isSettled: true }, now: 0 });
}

function settle(effects: readonly DirectoryEffect[]): DirectoryEffect[] {
  return [
    ...effects.flatMap((effect) => (effect.kind === 'assign' ? confirmed(effect.assignment) : [])),
    ...erased(effects).flatMap((replica) => step({ kind: 'erased', replica })),
  ];
}

describe('creating', () => {
  it('[DI1] tells every replica its role and its peers, and is found once all have confirmed', () => {
    const effects = step(create());
    expect(effects[0]).toEqual({ kind: 'wake', at: 6000 });
    expect(assigned(effects)).toEqual(NAMES);
    const roles = effects.flatMap((effect) => (effect.kind === 'assign' ? [roleOf(effect.assignment)] : []));
    expect(roles).toEqual(['leader', 'follower', 'follower']);

    confirm(NAMES[0]!);
    confirm(NAMES[2]!);
    expect(directory.record()).toBeNull();
    expect(confirm(NAMES[1]!)).toEqual([{ kind: 'wake', at: null }]);

    const record = directory.record();
    expect(record).toMatchObject({ database: 'shop', incarnation: 'one', settings: SETTINGS });
    expect(record?.partitions).toEqual([
      {
        partition: 0,
        epoch: 1,
        revision: 1,
        leader: { name: NAMES[0], region: 'weur' },
        successor: null,
        history: [],
        followers: [
          { name: NAMES[1], region: 'enam', membership: 'member' },
          { name: NAMES[2], region: 'apac', membership: 'member' },
        ],
      },
    ]);
  });

  it('[DI2] again with the same settings finds what exists, in whatever order followers are named', () => {
    settle(step(create()));
    expect(directory.createReply(SETTINGS, 'one')?.kind).toBe('created');

    expect(step(create('two'))).toEqual([]);
    expect(directory.createReply(SETTINGS, 'two')?.kind).toBe('existed');
    const reordered: Settings = { ...SETTINGS, followers: ['apac', 'enam'] };
    expect(directory.createReply(reordered, 'two')?.kind).toBe('existed');
    expect(directory.record()?.incarnation).toBe('one');
  });

  it('[DI2] again with other settings changes nothing and says that they differ', () => {
    settle(step(create()));
    const others: readonly Settings[] = [
      { ...SETTINGS, leader: 'oc' },
      { ...SETTINGS, followers: ['enam'] },
      { ...SETTINGS, durability: 'all' },
    ];
    for (const other of others) {
      expect(step(create('two', other))).toEqual([]);
      expect(directory.createReply(other, 'two')).toMatchObject({
        kind: 'differs',
        record: { settings: SETTINGS },
      });
    }
  });

  it('[DI3] after a crash goes on where it was, by the next create, lookup or alarm', () => {
    const first = step(create());
    confirm(assigned(first)[0]!);
    crash();

    expect(directory.record()).toBeNull();
    expect(assigned(step(LOOKUP))).toEqual(NAMES.slice(1));
    expect(assigned(step(create('two')))).toEqual(NAMES.slice(1));
    const effects = step(ALARM);
    expect(effects[0]).toEqual({ kind: 'wake', at: 9000 + 10_000 });
    settle(effects);
    expect(directory.createReply(SETTINGS, 'two')?.kind).toBe('existed');
  });

  it('[DI3] a step that is rolled back leaves nothing for the core that is loaded again', () => {
    const broken = () =>
      sql.transaction(() => {
        directory.step(create());
        throw new Error('rolled back');
      });
    expect(broken).toThrow('rolled back');
    crash();
    expect(step(LOOKUP)).toEqual([]);
    expect(assigned(step(create('two')))[0]).toBe('shop/two/0/weur');
  });

  it('[DI4] looking for a database that was never made writes nothing', () => {
    expect(step(LOOKUP)).toEqual([]);
    expect(step(ERASE)).toEqual([]);
    expect(directory.record()).toBeNull();
    expect(all(sql, 'SELECT name FROM sqlite_master')).toEqual([]);
  });
});

describe('erasing', () => {
  it('[DI5] takes every replica away, is not found meanwhile, and forgets itself last', () => {
    settle(step(create()));
    const effects = step(ERASE);
    expect(directory.record()).toBeNull();
    expect(step(LOOKUP)).toEqual([]);
    expect(erased(effects)).toEqual(NAMES);

    expect(settle(effects)).toEqual([{ kind: 'forget' }]);
    expect(step(ERASE)).toEqual([]);
  });

  it('[DI5] after a crash goes on where it was', () => {
    settle(step(create()));
    step({ kind: 'erased', replica: erased(step(ERASE))[0]! });
    crash();

    expect(directory.record()).toBeNull();
    expect(erased(step(ALARM))).toEqual(NAMES.slice(1));
    expect(settle(step(ERASE))).toEqual([{ kind: 'forget' }]);
  });

  it('[DI5] a crash before it forgot itself is made up for by the alarm', () => {
    settle(step(create()));
    settle(step(ERASE));
    crash();
    expect(step(ALARM)).toEqual([{ kind: 'forget' }]);
  });

  it('[DI6] a name used again is made of new objects, and waits until the old ones are gone', () => {
    settle(step(create()));
    step(ERASE);

    const ending = step(create('two'));
    expect(erased(ending)).toEqual(NAMES);
    settle(ending);
    expect(directory.createReply(SETTINGS, 'two')).toBeNull();
    settle(step(create('two')));
    expect(directory.createReply(SETTINGS, 'two')?.kind).toBe('created');
    expect(directory.record()?.partitions[0]?.leader.name).toBe('shop/two/0/weur');
  });

  it('[DI7] a confirmation that comes late or twice changes nothing', () => {
    settle(step(create()));
    settle(step(ERASE));
    settle(step(create('two')));
    for (const replica of NAMES) {
      expect(confirm(replica)).toEqual([]);
      expect(step({ kind: 'erased', replica })).toEqual([]);
    }
    expect(directory.record()?.incarnation).toBe('two');
  });
});

it('[DI8] whatever is lost or repeated, a database is found only while all its replicas hold their roles', () => {
  const action = fc.constantFrom('create', 'erase', 'lookup', 'alarm', 'deliver', 'lose', 'repeat', 'crash');
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      sql = new NodeSql();
      crash();
      let incarnations = 0;
      let waiting: DirectoryEffect[] = [];
      const holding = new Set<string>();
      const deliver = (effect: DirectoryEffect | undefined) => {
        if (effect?.kind === 'assign') {
          const replica = effect.assignment.self.name;
          holding.add(replica);
          waiting.push(...confirmed(effect.assignment));
        }
        if (effect?.kind === 'erase') {
          holding.delete(effect.replica.name);
          waiting.push(...step({ kind: 'erased', replica: effect.replica.name }));
        }
      };
      const events: Partial<Record<string, () => DirectoryEvent>> = {
        create: () => create(`i${(incarnations += 1)}`),
        erase: () => ERASE,
        lookup: () => LOOKUP,
        alarm: () => ALARM,
      };
      for (const name of actions) {
        const event = events[name]?.();
        if (event !== undefined) waiting.push(...step(event));
        if (name === 'deliver') deliver(waiting.shift());
        if (name === 'repeat') deliver(waiting[0]);
        if (name === 'lose') waiting.shift();
        if (name === 'crash') {
          waiting = [];
          crash();
        }
        const { leader, followers } = directory.record()?.partitions[0] ?? { leader: null, followers: [] };
        for (const replica of leader === null ? [] : [leader, ...followers]) {
          expect(holding).toContain(replica.name);
        }
      }
    }),
    { numRuns: 300 },
  );
});
