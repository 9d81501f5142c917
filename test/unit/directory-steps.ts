import { Directory } from '../../shared/directory/directory.ts';
import type { DirectoryEffect, DirectoryEvent } from '../../shared/directory/events.ts';
import { EPOCH_FIRST } from '../../shared/lsn.ts';
import { Refusal } from '../../shared/failure.ts';
import type { Assignment, Leadership } from '../../shared/protocol/assignment.ts';
import type {
  DatabaseRecord,
  LeaseReply,
  LeaseRequest,
  ReplicaReport,
} from '../../shared/protocol/directory.ts';
import { shortName } from '../../shared/protocol/names.ts';
import type { Settings } from '../../shared/protocol/settings.ts';
import type { Region } from '../../shared/regions.ts';
import { NodeSql } from '../simulator/node-sql.ts';

// One directory, and what is done with it.

export const PREFIX = 'shop/one/0/';

let sql = new NodeSql();
let directory = new Directory(sql);

/** A directory that has never made a database, or one over storage that was made before. */
export function begin(storage = new NodeSql()): void {
  sql = storage;
  restart();
}

/** Memory is lost; the disk is kept. */
export function restart(): void {
  directory = new Directory(sql);
}

export function record(): DatabaseRecord | null {
  return directory.record();
}

export function leaseReply(request: LeaseRequest): LeaseReply {
  return directory.leaseReply(request);
}

export function createReply(settings: Settings): string | null {
  return directory.createReply(settings, 'another')?.kind ?? null;
}

export function step(event: DirectoryEvent): DirectoryEffect[] {
  try {
    return sql.transaction(() => directory.step(event));
  } catch (error) {
    if (!(error instanceof Refusal)) restart();
    throw error;
  }
}

/** Whether what the leader had is at as many of its followers as the database asks. */
type Settled = 'settled' | 'not settled';

/** What a replica was told or asked, done and confirmed. */
export function deliver(effect: DirectoryEffect): DirectoryEffect[] {
  if (effect.kind === 'erase') return step({ kind: 'erased', replica: effect.replica.name });
  return effect.kind === 'assign' ? confirm(effect.assignment, 'settled') : [];
}

/** All that is to be told is told, what comes of that too; gives what is left to do. */
export function settle(effects: readonly DirectoryEffect[]): DirectoryEffect[] {
  return effects
    .flatMap(deliver)
    .flatMap((effect) => (effect.kind === 'assign' || effect.kind === 'erase' ? settle([effect]) : [effect]));
}

/** What comes of it that the leaders confirm what they are told. */
export function confirmedByLeaders(
  effects: readonly DirectoryEffect[],
  how: Settled = 'settled',
): DirectoryEffect[] {
  return assignments(effects)
    .filter(({ self, leader }) => self.name === leader.name)
    .flatMap((assignment) => confirm(assignment, how));
}

function confirm({ self, epoch, revision }: Assignment, how: Settled): DirectoryEffect[] {
  const reply = { epoch, revision, isSettled: how === 'settled' };
  return step({ kind: 'assigned', replica: self.name, reply, now: 0 });
}

export function make(settings: Partial<Settings> = {}): void {
  const all: Settings = {
    leader: 'weur',
    followers: ['enam'],
    partitions: 1,
    durability: 'async',
    automatic_failover_ms: null,
    ...settings,
  };
  settle(step({ kind: 'create', database: 'shop', settings: all, incarnation: 'one', now: 0 }));
}

export function add(region: Region, another: 'first' | 'another' = 'first'): DirectoryEffect[] {
  return step({ kind: 'add-follower', wish: { region, another: another === 'another' }, now: 1000 });
}

export function remove(region: Region, replica: string | null = null): DirectoryEffect[] {
  return step({ kind: 'remove-follower', region, replica, now: 2000 });
}

export function joined(short: string): DirectoryEffect[] {
  return reported('joined', short);
}

export function reported(
  kind: Exclude<ReplicaReport['kind'], 'handed over'>,
  short: string,
): DirectoryEffect[] {
  const replica = { name: PREFIX + short, region: 'oc' } as const;
  const epoch = record()?.partitions[0]?.epoch ?? EPOCH_FIRST;
  return step({ kind: 'report', report: { kind, replica, epoch }, now: 3000 });
}

export function alarm(): DirectoryEffect[] {
  return step({ kind: 'alarm', now: 9000 });
}

export function leadership(partition = 0): Leadership {
  const found = record()?.partitions[partition];
  if (found === undefined) throw new Error('the database is not there');
  return found;
}

/** Members as they are, those that join in brackets. */
export function followers(partition = 0): string[] {
  return leadership(partition).followers.map((ref) =>
    ref.membership === 'member' ? shortName(ref) : `(${shortName(ref)})`,
  );
}

export function assignments(effects: readonly DirectoryEffect[]): Assignment[] {
  return effects.flatMap((effect) => (effect.kind === 'assign' ? [effect.assignment] : []));
}

export function told(effects: readonly DirectoryEffect[]): string[] {
  return assignments(effects).map(({ self }) => shortName(self));
}

export function erased(effects: readonly DirectoryEffect[]): string[] {
  return effects.flatMap((effect) => (effect.kind === 'erase' ? [shortName(effect.replica)] : []));
}

export function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Refusal) return error.failure.code;
    throw error;
  }
  return 'nothing was refused';
}
