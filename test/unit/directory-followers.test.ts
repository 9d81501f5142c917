import { beforeEach, describe, expect, it } from 'vitest';
import { FOLLOWERS_MAX } from '../../shared/limits.ts';
import { shortName } from '../../shared/protocol/names.ts';
import type { Settings } from '../../shared/protocol/settings.ts';
import {
  add,
  alarm,
  assignments,
  begin,
  codeOf,
  confirmedByLeaders,
  deliver,
  erased,
  followers,
  joined,
  leadership,
  make,
  record,
  remove,
  reported,
  restart,
  settle,
  step,
  told,
} from './directory-steps.ts';

beforeEach(() => begin());

describe('a new database', () => {
  it('[FO1] may have several followers in a region, and all of them are members at once', () => {
    make({ followers: ['enam', 'enam', 'oc'], durability: 'quorum' });
    expect(followers()).toEqual(['enam', 'enam/2', 'oc']);
    expect(leadership().revision).toBe(1);
  });

  it('[FO2] tells every replica how durable its writes are to be', () => {
    const settings: Settings = {
      leader: 'weur',
      followers: ['enam'],
      partitions: 1,
      durability: 'semi-sync',
      automatic_failover_ms: null,
    };
    const effects = step({ kind: 'create', database: 'shop', settings, incarnation: 'one', now: 0 });
    expect(assignments(effects).map(({ durability }) => durability)).toEqual(['semi-sync', 'semi-sync']);
  });
});

describe('adding', () => {
  it('[FO3] makes a follower that joins, and tells the leader first, then it, then the others', () => {
    make();
    const effects = add('oc');
    expect(effects[0]).toEqual({ kind: 'wake', at: 6000 });
    expect(told(effects)).toEqual(['weur', 'oc/2', 'enam']);
    expect(assignments(effects).map(({ revision }) => revision)).toEqual([2, 2, 2]);
    expect(followers()).toEqual(['enam', '(oc/2)']);
    expect(record()?.settings.followers).toEqual(['enam', 'oc']);
    expect(settle(effects)).toEqual([{ kind: 'wake', at: null }]);
  });

  it('[FO3] happens in all partitions at once', () => {
    make({ partitions: 2 });
    const effects = add('oc');
    expect(assignments(effects).map(({ self }) => self.name)).toEqual([
      'shop/one/0/weur',
      'shop/one/0/oc/2',
      'shop/one/0/enam',
      'shop/one/1/weur',
      'shop/one/1/oc/2',
      'shop/one/1/enam',
    ]);
    expect(erased(confirmedByLeaders(remove('oc')))).toEqual(['oc/2', 'oc/2']);
    expect([followers(0), followers(1)]).toEqual([['enam'], ['enam']]);
  });

  it('[FO4] never names a replica as one was named that is gone, over restarts too', () => {
    make({ followers: ['enam', 'enam'] });
    settle(remove('enam'));
    settle(add('enam', 'another'));
    restart();
    settle(remove('enam'));
    settle(remove('enam'));
    settle(add('enam'));
    settle(add('oc'));
    expect(followers()).toEqual(['(enam/4)', '(oc/5)']);
  });

  it('[FO5] is refused in the region of the leader, where there is one, and beyond the bound', () => {
    make();
    expect(codeOf(() => add('weur'))).toBe('invalid-request');
    expect(codeOf(() => add('enam'))).toBe('follower-exists');
    expect(followers()).toEqual(['enam']);
    for (let i = 1; i < FOLLOWERS_MAX; i += 1) settle(add('enam', 'another'));
    expect(codeOf(() => add('oc'))).toBe('invalid-request');
    expect(followers()).toHaveLength(FOLLOWERS_MAX);
    settle(remove('enam'));
    settle(add('oc'));
  });

  it('[FO5] is put off while many that were removed are not gone', () => {
    make();
    for (let i = 0; i < FOLLOWERS_MAX; i += 1) {
      add('oc');
      remove('oc');
    }
    expect(codeOf(() => add('oc'))).toBe('unavailable');
    settle(alarm());
    settle(add('oc'));
  });

  it('[FO6] is possible while others join, and while the leader knows of no change', () => {
    make();
    add('oc');
    add('apac');
    add('oc', 'another');
    expect(followers()).toEqual(['enam', '(oc/2)', '(apac/3)', '(oc/4)']);
    expect(leadership().revision).toBe(4);
  });
});

describe('joining', () => {
  it('[FO7] makes a member of a follower that has caught up', () => {
    make();
    settle(add('oc'));
    const effects = joined('oc/2');
    expect(followers()).toEqual(['enam', 'oc/2']);
    expect(told(effects)).toEqual(['weur', 'enam', 'oc/2']);
    expect(leadership().revision).toBe(3);
  });

  it('[FO8] waits for the leader to know of the change before, is its turn then, and the next waits for it', () => {
    make();
    add('oc');
    const effects = add('apac');
    expect([told(joined('oc/2')), told(joined('apac/3'))]).toEqual([['weur'], ['weur']]);
    expect(followers()).toEqual(['enam', '(oc/2)', '(apac/3)']);
    const first = confirmedByLeaders(effects);
    expect(followers()).toEqual(['enam', 'oc/2', '(apac/3)']);
    confirmedByLeaders(first);
    expect(followers()).toEqual(['enam', 'oc/2', 'apac/3']);
  });

  it('[FO8] has no turn where it was removed meanwhile', () => {
    make();
    const effects = add('oc');
    joined('oc/2');
    confirmedByLeaders([...effects, ...remove('oc')]);
    expect(followers()).toEqual(['enam']);
  });

  it('[FO9] said again only tells the member once more that it is one', () => {
    make();
    settle(add('oc'));
    settle(joined('oc/2'));
    const again = joined('oc/2');
    expect(assignments(again).map(({ self, revision }) => [shortName(self), revision])).toEqual([
      ['oc/2', 3],
    ]);
    expect(settle(again)).toEqual([]);
    expect(leadership().revision).toBe(3);
  });

  it.each(['joined', 'unknown to the leader'] as const)(
    '[FO10] that it is %s: one that left, or whose database did, is told to erase itself, and nothing else changes',
    (kind) => {
      make();
      settle(add('oc'));
      settle(remove('oc'));
      expect(reported(kind, 'oc/2')).toEqual([
        { kind: 'erase', replica: { name: 'shop/one/0/oc/2', region: 'oc' } },
      ]);
      expect([followers(), leadership().revision]).toEqual([['enam'], 3]);
      settle(step({ kind: 'erase', now: 0 }));
      expect(erased(reported(kind, 'enam'))).toEqual(['enam']);
      expect(record()).toBeNull();
    },
  );

  it('[FO10] erases none that is named, or is about to be', () => {
    make();
    expect(reported('unknown to the leader', 'enam')).toEqual([]);
    begin();
    const settings: Settings = {
      leader: 'weur',
      followers: ['oc'],
      partitions: 1,
      durability: 'async',
      automatic_failover_ms: null,
    };
    step({ kind: 'create', database: 'shop', settings, incarnation: 'one', now: 0 });
    expect(reported('unknown to the leader', 'oc')).toEqual([]);
  });
});

describe('removing', () => {
  it('[FO11] takes the newest of the region, one that joins before a member', () => {
    make({ followers: ['enam', 'enam'] });
    settle(add('enam', 'another'));
    settle(joined('enam/3'));
    settle(add('enam', 'another'));
    expect(followers()).toEqual(['enam', 'enam/2', 'enam/3', '(enam/4)']);
    expect(erased(confirmedByLeaders(remove('enam')))).toEqual(['enam/4']);
    settle(alarm());
    const effects = remove('enam');
    expect(told(effects)).toEqual(['weur', 'enam', 'enam/2']);
    expect(erased(confirmedByLeaders(effects))).toEqual(['enam/3']);
    expect(record()?.settings.followers).toEqual(['enam', 'enam']);
    expect(codeOf(() => remove('oc'))).toBe('not-found');
    expect(codeOf(() => remove('weur'))).toBe('not-found');
  });

  it('[FO23] takes the one that is named, whoever is newer, and no other where there is none', () => {
    make({ followers: ['enam', 'enam', 'oc'] });
    settle(add('enam', 'another'));
    expect(codeOf(() => remove('enam', 'enam/4'))).toBe('not-found');
    expect(codeOf(() => remove('oc', 'enam'))).toBe('not-found');
    expect(codeOf(() => remove('enam', ''))).toBe('not-found');
    settle(remove('enam', 'enam'));
    expect(followers()).toEqual(['enam/2', 'oc', '(enam/3)']);
    expect(record()?.settings.followers).toEqual(['enam', 'enam', 'oc']);
  });

  it('[FO24] a member keeps its storage until its leader says that the others have what is needed', () => {
    make({ followers: ['enam', 'apac'], durability: 'semi-sync' });
    const effects = remove('apac');
    expect(erased([...effects, ...confirmedByLeaders(effects, 'not settled')])).toEqual([]);
    // Nor does it go because it asks, late or lost.
    for (const kind of ['joined', 'unknown to the leader'] as const)
      expect(reported(kind, 'apac')).toEqual([]);
    restart();
    const again = alarm();
    expect([told(again), erased(again)]).toEqual([['weur', 'enam'], []]);
    const settled = confirmedByLeaders(again);
    expect(erased(settled)).toEqual(['apac']);
    // What was not done then is done by the alarm, whoever else has not confirmed.
    restart();
    const last = alarm();
    expect([told(last), erased(last)]).toEqual([['enam'], ['apac']]);
    expect(settle(last)).toEqual([{ kind: 'wake', at: null }]);
  });

  it.each(['semi-sync', 'quorum', 'all'] as const)(
    '[FO12] leaves the last member that %s needs, whatever joins',
    (durability) => {
      make({ durability });
      settle(add('oc'));
      expect(codeOf(() => remove('enam'))).toBe('invalid-request');
      settle(remove('oc'));
      settle(add('oc'));
      settle(joined('oc/3'));
      settle(remove('enam'));
      expect(followers()).toEqual(['oc/3']);
    },
  );

  it('[FO12] leaves none where the durability needs none', () => {
    make();
    settle(remove('enam'));
    expect(followers()).toEqual([]);
  });

  it('[FO13] of a member is put off until the leader knows of the change before; one that joins may always go', () => {
    make({ followers: ['enam', 'apac'] });
    const effects = add('oc');
    expect(codeOf(() => remove('enam'))).toBe('unavailable');
    remove('oc');
    expect(codeOf(() => remove('enam'))).toBe('unavailable');
    // What the leader confirms is of the revision before: it does not know the newest yet.
    deliver(effects[1]!);
    expect(codeOf(() => remove('enam'))).toBe('unavailable');
    settle(alarm());
    remove('enam');
    expect(codeOf(() => remove('apac'))).toBe('unavailable');
  });
});

describe('what is outstanding', () => {
  it('[FO14] is tried again with back-off, over restarts too, while the database is found', () => {
    make();
    const [, , ...others] = add('oc');
    settle(others.slice(0, 1));
    restart();
    const first = alarm();
    expect(first[0]).toEqual({ kind: 'wake', at: 9000 + 10_000 });
    expect(told(first)).toEqual(['weur', 'enam']);
    const second = alarm();
    expect(second[0]).toEqual({ kind: 'wake', at: 9000 + 20_000 });
    expect(record()).not.toBeNull();
    expect(step({ kind: 'lookup', now: 0 })).toEqual([]);

    const third = remove('oc');
    expect(third[0]).toEqual({ kind: 'wake', at: 2000 + 5000 });
    expect([told(third), erased(third)]).toEqual([['weur', 'enam'], []]);
    expect(settle(third)).toEqual([{ kind: 'wake', at: null }]);
    expect(alarm()).toEqual([]);
  });

  it('[DI10] a confirmation of an older revision, or of a replica that was removed, changes nothing', () => {
    make();
    const older = add('oc');
    const newer = remove('oc');
    expect(settle(older)).toEqual([]);
    expect(told(alarm())).toEqual(['weur', 'enam']);
    expect(settle(newer)).toEqual([{ kind: 'wake', at: null }]);
    expect(settle([...older, ...newer])).toEqual([]);
    expect(alarm()).toEqual([]);
  });

  it('[DI11] erasing takes those that join and those that were removed as well', () => {
    make();
    settle(add('oc'));
    add('apac');
    remove('apac');
    const effects = step({ kind: 'erase', now: 0 });
    expect(erased(effects).toSorted()).toEqual(['apac/3', 'enam', 'oc/2', 'weur']);
    expect(told(effects)).toEqual([]);
    expect(add('me')).toEqual([]);
    expect(settle(effects)).toEqual([{ kind: 'forget' }]);
  });

  it('[FO15] nobody changes the followers of a database that is not ready', () => {
    expect([add('oc'), remove('oc')]).toEqual([[], []]);
    const settings: Settings = {
      leader: 'weur',
      followers: [],
      partitions: 1,
      durability: 'async',
      automatic_failover_ms: null,
    };
    step({ kind: 'create', database: 'shop', settings, incarnation: 'one', now: 0 });
    expect([add('oc'), remove('oc'), joined('oc')]).toEqual([[], [], []]);
  });
});
