import { beforeEach, describe, expect, it } from 'vitest';
import { PLANNED_MS } from '../../shared/limits.ts';
import type { Settings } from '../../shared/protocol/settings.ts';
import {
  assignments,
  codeOf,
  createReply,
  followers,
  leadership,
  record,
  restart,
  step,
  told,
} from './directory-steps.ts';
import {
  alarmed,
  clock,
  confirm,
  forced,
  handsOver,
  lease,
  outcomesOf,
  pass,
  pinged,
  planned,
  ref,
  start,
  tick,
  timersOf,
  wish,
} from './directory-failovers.ts';

beforeEach(() => start());

const leaderNow = () => leadership().leader.region;

describe('a planned failover', () => {
  it('[PF1] tells the leader its successor, and nobody else yet', () => {
    const effects = planned('enam');
    expect(told(effects)).toEqual(['weur']);
    expect(assignments(effects)[0]).toMatchObject({ epoch: 1, revision: 2, successor: { region: 'enam' } });
    expect(record()?.failovers).toMatchObject([
      { partition: 0, mode: 'planned', to: 'enam', since: clock() },
    ]);
    expect(lease('weur').reply).toEqual({ kind: 'granted', ms: 10_000 });
  });

  it('[PF2] is over when the leader has handed over: the old leader is a member, and the new one is told first', () => {
    confirm(planned('enam'));
    const effects = handsOver('weur', 7);
    expect(told(effects)).toEqual(['enam', 'apac', 'weur']);
    expect(outcomesOf(effects)).toEqual([{ kind: 'done', lost: null }]);
    expect(leadership()).toMatchObject({
      epoch: 2,
      revision: 3,
      leader: { region: 'enam' },
      successor: null,
      history: [{ epoch: 2, after: { epoch: 1, lsn: 7 }, heard: 7, mode: 'planned', at: clock() }],
    });
    expect(followers()).toEqual(['apac', 'weur']);
    expect(record()?.settings).toMatchObject({ leader: 'enam', followers: ['apac', 'weur'] });
    expect(record()?.failovers).toEqual([]);
    expect(lease('weur').reply).toEqual({ kind: 'ended', epoch: 2 });
    expect(lease('enam', 2).reply.kind).toBe('granted');
    confirm(effects);
    expect(alarmed()).toEqual([]);
  });

  it('[PF2] there and back again, over a restart', () => {
    confirm(planned('enam'));
    restart();
    confirm(handsOver('weur', 7));
    confirm(planned('weur'));
    confirm(handsOver('enam', 9));
    expect([leaderNow(), leadership().epoch, followers()]).toEqual(['weur', 3, ['apac', 'enam']]);
    expect(leadership().history.map(({ after }) => [after.epoch, after.lsn])).toEqual([
      [1, 7],
      [2, 9],
    ]);
  });

  it('[PF3] what an older revision handed over counts for nothing, and who reports it is told again', () => {
    confirm(planned('enam'));
    pass(PLANNED_MS);
    confirm(tick());
    const late = handsOver('weur', 7, 2);
    expect(told(late)).toEqual(['weur']);
    confirm(planned('apac'));
    expect(told(handsOver('weur', 7, 2))).toEqual(['weur']);
    expect(told(handsOver('enam', 7))).toEqual(['enam']);
    expect(leaderNow()).toBe('weur');
    confirm(handsOver('weur', 8));
    expect(leaderNow()).toBe('apac');
    // Told again until it knows.
    expect(told(handsOver('weur', 8, 4))).toEqual(['weur']);
    expect(leadership().epoch).toBe(2);
  });

  it('[PF4] is given up where the leader has not handed over in time, by the timer or by the alarm, and the leader goes on', () => {
    for (const late of [tick, alarmed]) {
      start();
      const [at] = timersOf(confirm(planned('enam')));
      expect(at).toBeLessThanOrEqual(clock() + PLANNED_MS);
      pass(PLANNED_MS - 1);
      expect(outcomesOf(tick())).toEqual([]);
      if (late === alarmed) restart();
      pass(1);
      const effects = late();
      expect(outcomesOf(effects)).toMatchObject([{ kind: 'refused', failure: { code: 'unavailable' } }]);
      expect(assignments(effects)[0]).toMatchObject({ epoch: 1, revision: 3, successor: null });
      confirm(effects);
      expect([alarmed(), record()?.failovers]).toEqual([[], []]);
    }
  });

  it('[PF5] the one who has to know is told every second', () => {
    const [at] = timersOf(planned('enam'));
    expect(at).toBe(clock() + 1000);
    pass(1000);
    expect(told(tick(at))).toEqual(['weur']);
    pass(1000);
    confirm(tick());
    const decided = handsOver('weur', 1);
    expect(told(decided)[0]).toBe('enam');
    pass(1000);
    expect(told(tick())).toEqual(['enam']);
    confirm(decided);
    pass(1000);
    expect(told(tick())).toEqual([]);
  });

  it('[PF6] takes the follower that is named, else the first member of the region', () => {
    start({ followers: ['enam', 'enam', 'oc'] });
    expect(assignments(planned('enam'))[0]?.successor?.name).toMatch(/enam$/);
    start({ followers: ['enam', 'enam', 'oc'] });
    confirm(planned('enam', 'enam/2'));
    confirm(handsOver('weur', 1));
    expect(followers()).toEqual(['enam', 'oc', 'weur']);
    // The leader's region has another one, which may lead where it is meant.
    expect(codeOf(() => planned('enam'))).toBe('failover-refused');
    expect(codeOf(() => planned('enam', 'enam/2'))).toBe('failover-refused');
    expect(assignments(planned('enam', 'enam'))[0]?.successor?.name).toMatch(/enam$/);
  });

  it('[PF7] is refused to where nobody can lead, and for a partition that is not there; nothing changes', () => {
    confirm(step({ kind: 'add-follower', wish: { region: 'oc', another: false }, now: clock() }));
    const { revision } = leadership();
    expect(codeOf(() => planned('weur'))).toBe('failover-refused');
    expect(codeOf(() => planned('me'))).toBe('failover-refused');
    expect(codeOf(() => planned('enam', 'enam/2'))).toBe('failover-refused');
    expect(codeOf(() => planned('oc'))).toBe('failover-refused');
    expect(codeOf(() => planned(null))).toBe('invalid-request');
    expect(codeOf(() => wish({ replica: 'enam' }))).toBe('invalid-request');
    expect(codeOf(() => wish({ partition: 1, mode: 'planned', to: 'enam' }))).toBe('not-found');
    expect(leadership().revision).toBe(revision);
  });

  it('[PF8] while one runs there is no other, nobody is added or removed, and who joins waits', () => {
    confirm(step({ kind: 'add-follower', wish: { region: 'oc', another: false }, now: clock() }));
    confirm(planned('enam'));
    expect(codeOf(() => planned('apac'))).toBe('failover-refused');
    const { revision } = leadership();
    expect(
      codeOf(() => step({ kind: 'add-follower', wish: { region: 'me', another: false }, now: clock() })),
    ).toBe('unavailable');
    expect(codeOf(() => step({ kind: 'remove-follower', region: 'apac', replica: null, now: clock() }))).toBe(
      'unavailable',
    );
    const joining = () =>
      step({
        kind: 'report',
        report: { kind: 'joined', replica: ref('oc/2'), epoch: leadership().epoch },
        now: clock(),
      });
    expect(told(joining())).toEqual([]);
    expect(leadership().revision).toBe(revision);
    confirm(handsOver('weur', 1));
    expect(followers()).toEqual(['apac', '(oc/2)', 'weur']);
    confirm(joining());
    expect(followers()).toEqual(['apac', 'oc/2', 'weur']);
  });

  it('[PF9] a creation that is repeated finds the database, after a failover and other changes too', () => {
    const settings: Settings = {
      leader: 'weur',
      followers: ['apac', 'enam'],
      partitions: 1,
      durability: 'async',
      automatic_failover_ms: null,
    };
    confirm(planned('enam'));
    confirm(handsOver('weur', 1));
    confirm(step({ kind: 'configure', automatic_failover_ms: 9000, now: clock() }));
    expect(createReply(settings)).toBe('existed');
    const now = { ...settings, leader: 'enam', followers: ['weur', 'apac'] } as const;
    expect(createReply({ ...now, automatic_failover_ms: 9000 })).toBe('existed');
    expect(createReply(now)).toBe('differs');
    restart();
    expect(createReply(settings)).toBe('existed');
  });

  it('[PF10] a forced one takes its place where the leader is silent, and only there', () => {
    confirm(planned('enam'));
    expect(outcomesOf(pinged(wish(), 'leader'))).toMatchObject([
      { kind: 'refused', failure: { code: 'failover-refused' } },
    ]);
    expect(record()?.failovers[0]?.mode).toBe('planned');
    const effects = forced();
    expect(outcomesOf(effects)).toMatchObject([{ kind: 'refused', failure: { code: 'failover-refused' } }]);
    expect(record()?.failovers).toMatchObject([{ mode: 'forced' }]);
    // What it hands over now comes too late.
    expect(told(handsOver('weur', 3))).toEqual(['weur']);
    expect(leadership().epoch).toBe(1);
  });

  it('[PF13] is of one partition: the others go on, and may have one of their own', () => {
    start({ partitions: 2 });
    confirm(wish({ mode: 'planned', to: 'apac', partition: 1 }));
    expect(leadership(0)).toMatchObject({ revision: 1, successor: null });
    expect(lease('weur').reply.kind).toBe('granted');
    confirm(planned('enam'));
    expect(record()?.failovers.map(({ partition, to }) => [partition, to])).toEqual([
      [1, 'apac'],
      [0, 'enam'],
    ]);
    confirm(handsOver('weur', 5));
    expect([leadership(0).epoch, leadership(1).epoch]).toEqual([2, 1]);
    expect(record()?.failovers).toHaveLength(1);
    const effects = step({ kind: 'alarm', now: clock() + PLANNED_MS });
    expect(outcomesOf(effects)).toHaveLength(1);
    expect(record()?.failovers).toEqual([]);
  });

  it('[PF11] erasing the database ends it', () => {
    confirm(planned('enam'));
    expect(outcomesOf(step({ kind: 'erase', now: clock() }))).toEqual([{ kind: 'absent' }]);
    expect(record()).toBeNull();
    pass(PLANNED_MS);
    expect([tick(), handsOver('weur', 1, 2).map(({ kind }) => kind)]).toEqual([[], ['erase']]);
  });
});
