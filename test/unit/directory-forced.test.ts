import { beforeEach, describe, expect, it } from 'vitest';
import { FENCE_WAIT_MS, LEASE_ENDS_MS } from '../../shared/limits.ts';
import { toEpoch } from '../../shared/lsn.ts';
import { codeOf, followers, leadership, record, restart, step, told } from './directory-steps.ts';
import {
  alarmed,
  clock,
  confirm,
  fenced,
  fencesOf,
  forced,
  handsOver,
  lease,
  outcomesOf,
  pass,
  pinged,
  pingsOf,
  planned,
  start,
  tick,
  timersOf,
  wish,
} from './directory-failovers.ts';

beforeEach(() => start());

const add = (region: 'oc' | 'me') =>
  step({ kind: 'add-follower', wish: { region, another: false }, now: clock() });
const remove = (region: 'oc' | 'apac') =>
  step({ kind: 'remove-follower', region, replica: null, now: clock() });

describe('a forced failover begins', () => {
  it('[FF1] only where the leader does not answer; one that has lost its storage does not lead', () => {
    const asked = wish();
    expect(pingsOf(asked)).toMatchObject([{ replica: { region: 'weur' } }]);
    expect(record()?.failovers).toEqual([]);
    const [outcome] = outcomesOf(pinged(asked, 'leader'));
    expect(outcome).toMatchObject({ kind: 'refused', failure: { code: 'failover-refused' } });
    expect(outcomesOf(pinged(wish(), 'follower'))).toHaveLength(1);
    expect(record()?.failovers).toEqual([]);
    expect(fencesOf(pinged(wish(), 'unassigned'))).toHaveLength(3);
    expect(record()?.failovers).toMatchObject([{ mode: 'forced', to: null, since: clock() }]);
  });

  it('[FF2] without asking where loss is accepted', () => {
    expect(fencesOf(wish({ accept_loss: true }))).toEqual(['weur:2', 'enam:2', 'apac:2']);
  });

  it('[FF3] by fencing all replicas, again every second until they answer, over restarts', () => {
    confirm(add('oc'));
    const effects = pinged(wish(), null);
    expect(fencesOf(effects)).toEqual(['weur:2', 'oc/2:2', 'enam:2', 'apac:2']);
    expect(timersOf(effects)).toEqual([clock() + 1000]);
    confirm(fenced('enam'));
    pass(1000);
    expect(fencesOf(tick())).toEqual(['weur:2', 'oc/2:2', 'apac:2']);
    restart();
    const again = step({ kind: 'lookup', now: clock() });
    expect(timersOf(again)).toEqual([clock()]);
    expect(fencesOf(alarmed())).toEqual(['weur:2', 'oc/2:2', 'enam:2', 'apac:2']);
    expect(record()?.failovers).toHaveLength(1);
  });

  it('[FF4] once: a second wish is refused, and one that accepts loss goes on with what the first knows', () => {
    start({ durability: 'quorum' });
    wish({ to: 'enam' });
    expect(codeOf(() => wish({ to: 'apac' }))).toBe('failover-refused');
    expect(codeOf(() => planned('apac'))).toBe('failover-refused');
    start({ durability: 'quorum' });
    forced();
    confirm(fenced('enam'));
    pass(LEASE_ENDS_MS + FENCE_WAIT_MS);
    confirm(tick());
    expect(codeOf(() => wish())).toBe('failover-refused');
    expect(codeOf(() => planned('apac'))).toBe('failover-refused');
    expect(leadership().epoch).toBe(1);
    const asked = wish({ accept_loss: true });
    expect([outcomesOf(asked), timersOf(asked)]).toEqual([[], [clock()]]);
    const effects = tick();
    expect([outcomesOf(effects), leadership().epoch]).toEqual([[{ kind: 'done', lost: null }], 2]);
  });

  it('[FF5] not to where nobody can lead, and nothing changes', () => {
    confirm(add('oc'));
    for (const to of ['weur', 'me', 'oc'] as const)
      expect(codeOf(() => wish({ to, accept_loss: true }))).toBe('failover-refused');
    expect(codeOf(() => wish({ partition: 7 }))).toBe('not-found');
    for (const accept_loss of [false, true])
      expect(codeOf(() => wish({ epoch: toEpoch(2), accept_loss }))).toBe('failover-refused');
    start({ followers: [] });
    expect(codeOf(() => wish({ accept_loss: true }))).toBe('failover-refused');
    expect(record()?.failovers).toEqual([]);
  });
});

describe('a forced failover ends', () => {
  it('[FF6] with the greatest position: all are told, the new leader first, and the old one joins', () => {
    forced();
    fenced('enam', { lsn: 4, heard: 9 });
    const effects = fenced('apac', { lsn: 6, heard: 8 });
    expect(told(effects)).toEqual(['apac', 'weur', 'enam']);
    expect(leadership()).toMatchObject({
      epoch: 2,
      revision: 2,
      leader: { region: 'apac' },
      history: [{ epoch: 2, after: { epoch: 1, lsn: 6 }, heard: 9, mode: 'forced', at: clock() }],
    });
    expect(followers()).toEqual(['enam', '(weur)']);
    expect(outcomesOf(effects)).toEqual([{ kind: 'done', lost: { epoch: 1, from_lsn: 7, to_lsn: 9 } }]);
    confirm(effects);
    expect([alarmed(), record()?.failovers]).toEqual([[], []]);
    const weur = { name: 'shop/one/0/weur', region: 'weur' } as const;
    const joined = (epoch: number) =>
      step({
        kind: 'report',
        report: { kind: 'joined', replica: weur, epoch: toEpoch(epoch) },
        now: clock(),
      });
    // What it had caught up with in the epoch before may be cut off: it is told of this one.
    expect(told(joined(1))).toEqual(['weur']);
    expect(followers()).toEqual(['enam', '(weur)']);
    confirm(joined(2));
    expect(followers()).toEqual(['enam', 'weur']);
  });

  it('[FF22] not within the first second without the old leader, which knows best what is lost', () => {
    pinged(wish(), null);
    fenced('enam', { lsn: 4 });
    fenced('apac', { lsn: 4 });
    pass(999);
    tick();
    expect(leadership().epoch).toBe(1);
    pass(1);
    tick();
    expect(leadership().epoch).toBe(2);

    start();
    wish({ accept_loss: true });
    fenced('enam', { lsn: 4 });
    fenced('apac', { lsn: 4 });
    const [outcome] = outcomesOf(fenced('weur', { lsn: 9 }));
    expect(outcome).toEqual({ kind: 'done', lost: { epoch: 1, from_lsn: 5, to_lsn: 9 } });
  });

  it('[FF7] not before every member has answered, or was waited for: the silent one may be the furthest', () => {
    start({ followers: ['enam', 'apac', 'oc'] });
    forced();
    fenced('enam', { lsn: 4 });
    fenced('oc', { lsn: 4 });
    pass(FENCE_WAIT_MS - 1001);
    tick();
    expect(leadership().epoch).toBe(1);
    pass(1);
    tick();
    expect(leadership().epoch).toBe(2);
  });

  it('[FF13] after who does not know the epoch was told of it: until then what it has may be of another branch', () => {
    forced();
    fenced('enam', { lsn: 1 });
    pass(1000);
    fenced('apac', { epoch: 1, lsn: 3, isWhole: false });
    expect(leadership().epoch).toBe(1);
    confirm(fenced('apac', { lsn: 3 }));
    // The second: the new leader is gone before it knew, and so is the word to enam.
    start();
    forced();
    fenced('apac', { lsn: 5 });
    fenced('enam', { lsn: 5 });
    const leader = leadership().leader.region;
    expect(leader).toBe('enam');
    forced();
    fenced('enam', 'unassigned');
    fenced('apac', { epoch: 1, lsn: 9 });
    expect(leadership().epoch).toBe(2);
    pass(1000);
    const again = tick();
    expect([told(again).includes('apac'), fencesOf(again)]).toEqual([true, ['weur:3', 'apac:3']]);
    expect(fencesOf(confirm(again)).filter((one) => one === 'apac:3').length).toBeGreaterThan(1);
    fenced('apac', { lsn: 5 });
    expect(leadership()).toMatchObject({ epoch: 3, leader: { region: 'apac' } });
  });

  it('[FF13] one whose end an earlier failover has cut off does not count, whatever it says', () => {
    start({ durability: 'quorum', followers: ['enam', 'apac', 'oc', 'me'] });
    forced();
    for (const short of ['enam', 'apac', 'oc', 'me']) confirm(fenced(short, { lsn: 5 }));
    expect(leadership()).toMatchObject({ epoch: 2, leader: { region: 'enam' } });
    forced();
    pass(LEASE_ENDS_MS + FENCE_WAIT_MS);
    fenced('apac', { lsn: 8, end: 1 });
    fenced('oc', { lsn: 8, end: 1 });
    expect(leadership().epoch).toBe(2);
    fenced('me', { lsn: 6 });
    tick();
    expect(leadership().epoch).toBe(2);
  });

  it.each(['quorum', 'all'] as const)(
    '[FF9] with %s only once so many have answered that one has all that was acknowledged',
    (durability) => {
      start({ durability, followers: ['enam', 'apac', 'oc', 'me'] });
      forced();
      fenced('enam', { lsn: 4 });
      pass(LEASE_ENDS_MS + FENCE_WAIT_MS);
      tick();
      expect(leadership().epoch).toBe(durability === 'all' ? 2 : 1);
      if (durability === 'all') return;
      fenced('oc', { lsn: 5 });
      expect(leadership().epoch).toBe(1);
      expect(record()?.failovers[0]?.detail).toContain('1 more of apac, me, weur');
      fenced('me', { lsn: 2 });
      expect(leadership().leader.region).toBe('oc');
    },
  );

  it('[FF14] what is missing is waited for, ever less often, for as long as it takes', () => {
    start({ durability: 'quorum' });
    const waits: number[] = [];
    let [at] = timersOf(pinged(wish(), null));
    fenced('enam');
    while (at !== undefined && waits.length < 12) {
      const wait = at - clock();
      waits.push(wait);
      pass(wait);
      [at] = timersOf(tick(at));
    }
    expect(waits.slice(0, 4)).toEqual([1000, 1000, 1000, 2000]);
    expect(waits.at(-1)).toBe(60_000);
    expect(waits.toSorted((a, b) => a - b)).toEqual(waits);
    restart();
    expect(fencesOf(alarmed())).toHaveLength(3);
    fenced('enam', { lsn: 1 });
    pass(LEASE_ENDS_MS);
    fenced('apac', { lsn: 3 });
    expect(leadership().leader.region).toBe('apac');
  });

  it('[FF11] with the old leader where only it has everything; then nothing is lost, and it goes on in the new epoch', () => {
    start({ durability: 'quorum' });
    forced();
    fenced('enam', { lsn: 3 });
    const effects = [...fenced('weur', { lsn: 5 })];
    pass(FENCE_WAIT_MS);
    effects.push(...tick());
    expect(outcomesOf(effects)).toEqual([{ kind: 'done', lost: null }]);
    expect([leadership().leader.region, leadership().epoch, followers()]).toEqual([
      'weur',
      2,
      ['enam', 'apac'],
    ]);
    expect(lease('weur', 2).reply.kind).toBe('granted');
  });

  it('[FF15] and the one that was asked for leads next where it was not the furthest, without any further loss', () => {
    forced({ to: 'enam' });
    fenced('enam', { lsn: 3 });
    const effects = fenced('apac', { lsn: 5 });
    expect(leadership().leader.region).toBe('apac');
    expect(record()?.failovers).toMatchObject([{ mode: 'planned', to: 'enam' }]);
    const begun = confirm(effects, 'apac');
    expect(leadership().successor?.region).toBe('enam');
    expect(begun).not.toEqual([]);
    handsOver('apac', 6);
    expect([leadership().leader.region, leadership().epoch]).toEqual(['enam', 3]);
    // Among equals it is chosen at once.
    start();
    forced({ to: 'apac' });
    fenced('enam', { lsn: 3 });
    fenced('apac', { lsn: 3 });
    expect([leadership().leader.region, record()?.failovers]).toEqual(['apac', []]);
  });

  it('[FF16] after a change of members that did not settle, it hears enough of both the sets that may have counted', () => {
    start({ durability: 'quorum', followers: ['enam', 'apac', 'oc'] });
    const removing = remove('oc');
    forced();
    // Of weur, enam and apac, two are enough; of the four before, they are too.
    fenced('enam', { lsn: 1 });
    expect(leadership().epoch).toBe(1);
    fenced('apac', { lsn: 1 });
    expect(leadership().epoch).toBe(2);
    expect(told(removing)).toContain('weur');

    start({ durability: 'quorum' });
    remove('apac');
    forced();
    const late = () => {
      pass(LEASE_ENDS_MS + FENCE_WAIT_MS);
      return tick();
    };
    // It may be alone with what the leader and apac have: so apac is asked, although it left.
    fenced('enam', { lsn: 1 });
    expect([fencesOf(late()), leadership().epoch]).toEqual([['weur:2', 'apac:2'], 1]);
    fenced('apac', { lsn: 2 });
    expect(leadership().epoch).toBe(1);
    start({ durability: 'quorum' });
    remove('apac');
    forced();
    fenced('enam', { lsn: 2 });
    fenced('apac', { lsn: 2 });
    expect(leadership().leader.region).toBe('enam');
  });

  it('[FF17] once the leader says that it is settled, the newest members alone count', () => {
    start({ durability: 'quorum' });
    confirm(remove('apac'));
    forced();
    pass(LEASE_ENDS_MS + FENCE_WAIT_MS);
    fenced('enam', { lsn: 1 });
    expect(leadership().leader.region).toBe('enam');
  });

  it('[FF17] and it is asked until it says so', () => {
    start({ durability: 'quorum' });
    const effects = add('oc');
    confirm(effects);
    const report = {
      kind: 'joined',
      replica: { name: 'shop/one/0/oc/3', region: 'oc' },
      epoch: leadership().epoch,
    } as const;
    const joined = step({
      kind: 'report',
      report: { ...report, replica: { name: 'shop/one/0/oc/2', region: 'oc' } },
      now: clock(),
    });
    const { epoch, revision } = leadership();
    for (const replica of ['weur', 'enam', 'apac', 'oc/2'])
      step({
        kind: 'assigned',
        replica: `shop/one/0/${replica}`,
        reply: { epoch, revision, isSettled: false },
        now: clock(),
      });
    expect(told(joined)).toContain('oc/2');
    expect(told(alarmed())).toEqual(['weur']);
    confirm(alarmed());
    expect(alarmed()).toEqual([]);
  });

  it('[FF18] what was fenced for another epoch, or comes late, changes nothing', () => {
    forced();
    fenced('enam', { fence: 1 });
    fenced('apac', { fence: 1 });
    pass(FENCE_WAIT_MS);
    tick();
    expect(leadership().epoch).toBe(1);
    fenced('enam');
    confirm(fenced('apac'));
    expect(leadership().epoch).toBe(2);
    expect(fenced('apac')).toEqual([]);
    expect(leadership().epoch).toBe(2);
  });
});
