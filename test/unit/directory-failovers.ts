import type { DirectoryEffect, Fence, Outcome, Ping, Reach } from '../../shared/directory/events.ts';
import { HASH_OF_NOTHING } from '../../shared/log/entry.ts';
import { EPOCH_FIRST, toEpoch, toLsn } from '../../shared/lsn.ts';
import { LEASE_VERSION } from '../../shared/protocol/directory.ts';
import type { FailoverWish, FenceReply } from '../../shared/protocol/directory.ts';
import type { ReplicaStatus } from '../../shared/protocol/status.ts';
import { shortName } from '../../shared/protocol/names.ts';
import type { Settings } from '../../shared/protocol/settings.ts';
import { begin, leadership, leaseReply, PREFIX, record, step } from './directory-steps.ts';

// Failovers of one directory, by a clock of their own.

let now = 0;

export function clock(): number {
  return now;
}

/** A database that is ready, by a directory that granted no lease for a long time. */
export function start(settings: Partial<Settings> = {}, runsFor = 1_000_000): void {
  begin();
  now = 1000;
  const all: Settings = {
    leader: 'weur',
    followers: ['enam', 'apac'],
    partitions: 1,
    durability: 'async',
    automatic_failover_ms: null,
    ...settings,
  };
  confirm(step({ kind: 'create', database: 'shop', settings: all, incarnation: 'one', now }));
  now += runsFor;
}

export function pass(ms: number): void {
  now += ms;
}

export function ref(short: string) {
  return { name: PREFIX + short, region: 'oc' as const };
}

/** All that is told is confirmed, and what comes of that. Gives what is left. */
export function confirm(effects: readonly DirectoryEffect[], only?: string): DirectoryEffect[] {
  return effects.flatMap((effect) => {
    if (effect.kind !== 'assign') return [effect];
    const { self, epoch, revision } = effect.assignment;
    if (only !== undefined && shortName(self) !== only) return [];
    const reply = { epoch, revision, isSettled: true };
    return confirm(step({ kind: 'assigned', replica: self.name, reply, now }), only);
  });
}

export function wish(some: Partial<FailoverWish> = {}): DirectoryEffect[] {
  const plain = {
    partition: 0,
    to: null,
    replica: null,
    mode: 'forced',
    accept_loss: false,
    epoch: null,
  } as const;
  return step({ kind: 'failover', wish: { ...plain, ...some }, now });
}

export function planned(to: FailoverWish['to'], replica: string | null = null): DirectoryEffect[] {
  return wish({ mode: 'planned', to, replica });
}

export function lease(short: string, epoch = 1, version = LEASE_VERSION) {
  const request = { version, replica: ref(short), epoch: toEpoch(epoch) };
  const effects = step({ kind: 'lease', request, now });
  return { effects, reply: leaseReply(request) };
}

function end(epoch: number, lsn: number) {
  return { epoch: toEpoch(epoch), lsn: toLsn(lsn), hash: HASH_OF_NOTHING };
}

export function handsOver(short: string, lsn: number, revision?: number): DirectoryEffect[] {
  const known = record()?.partitions[0];
  const epoch = known?.epoch ?? EPOCH_FIRST;
  return step({
    kind: 'report',
    report: {
      kind: 'handed over',
      replica: ref(short),
      epoch,
      revision: revision ?? known?.revision ?? 1,
      end: end(epoch, lsn),
    },
    now,
  });
}

/** What a replica says of itself once it is fenced: it knows the record's epoch, and is whole. */
export interface Says {
  readonly epoch?: number;
  readonly lsn?: number;
  /** The epoch of its last entry. */
  readonly end?: number;
  readonly heard?: number;
  readonly isWhole?: boolean;
  readonly fence?: number;
}

export function fenced(short: string, says: Says | 'unassigned' = {}): DirectoryEffect[] {
  const { epoch } = leadership();
  const fence: Fence = { partition: 0, replica: ref(short), epoch: toEpoch(epoch + 1) };
  return step({ kind: 'fenced', fence, reply: replyOf(says, epoch), now });
}

function replyOf(says: Says | 'unassigned', epoch: number): FenceReply {
  if (says === 'unassigned') return { kind: 'unassigned' };
  const known = says.epoch ?? epoch;
  return {
    kind: 'fenced',
    fence: toEpoch(says.fence ?? epoch + 1),
    epoch: toEpoch(known),
    revision: 1,
    end: end(says.end ?? known, says.lsn ?? 0),
    isWhole: says.isWhole ?? true,
    heard: toLsn(says.heard ?? 0),
  };
}

/** What the leader says when it is pinged. */
export function pinged(
  effects: readonly DirectoryEffect[],
  status: ReplicaStatus['kind'] | null,
): DirectoryEffect[] {
  return pingsOf(effects).flatMap((ping) => step({ kind: 'pinged', ping, status, now }));
}

export function reached(effects: readonly DirectoryEffect[], reaches: boolean | null): DirectoryEffect[] {
  return reachesOf(effects).flatMap((reach) => step({ kind: 'reached', reach, reaches, now }));
}

/** The leader does not answer, and somebody has asked for a forced failover; the second in which it may have been fenced is over. */
export function forced(some: Partial<FailoverWish> = {}): DirectoryEffect[] {
  const effects = pinged(wish(some), null);
  now += 1000;
  return effects;
}

export function timersOf(effects: readonly DirectoryEffect[]): number[] {
  return effects.flatMap((effect) => (effect.kind === 'timer' ? [effect.at] : []));
}

export function tick(at = now): DirectoryEffect[] {
  return step({ kind: 'tick', at, now });
}

export function alarmed(): DirectoryEffect[] {
  return step({ kind: 'alarm', now });
}

export function pingsOf(effects: readonly DirectoryEffect[]): Ping[] {
  return effects.flatMap((effect) => (effect.kind === 'ping' ? [effect.ping] : []));
}

export function reachesOf(effects: readonly DirectoryEffect[]): Reach[] {
  return effects.flatMap((effect) => (effect.kind === 'reaches' ? [effect.reach] : []));
}

export function fencesOf(effects: readonly DirectoryEffect[]): string[] {
  return effects.flatMap((effect) =>
    effect.kind === 'fence' ? [`${shortName(effect.fence.replica)}:${effect.fence.epoch}`] : [],
  );
}

export function outcomesOf(effects: readonly DirectoryEffect[]): Outcome[] {
  return effects.flatMap((effect) => (effect.kind === 'outcome' ? [effect.outcome] : []));
}
