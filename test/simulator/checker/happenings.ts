import { type Hash, HASH_OF_NOTHING } from '../../../shared/log/entry.ts';
import { toEpoch, toLsn } from '../../../shared/lsn.ts';
import type { Position } from '../../../shared/position.ts';
import type { Durability } from '../../../shared/protocol/settings.ts';
import type { Ack, Final, Happening, Invoke, Ok } from '../history.ts';
import { type Effect, Model, type View } from '../model.ts';

export const at = (lsn: number, epoch = 1): Position => ({ epoch: toEpoch(epoch), lsn: toLsn(lsn) });
export const hash = (lsn: number) => (lsn === 0 ? HASH_OF_NOTHING : (`hash ${lsn}` as Hash));
export const accounts = new Model().view('accounts');

const asks = {
  event: 'invoke',
  client: 'c',
  session: 's',
  consistency: 'session',
  bound_ms: 1_000,
  user: null,
  staleness_ms_max: null,
  durability: null,
} as const;

export function write(
  op: number,
  need: Position | null,
  effects: readonly Effect[],
  key: string | null = null,
): Invoke {
  return { ...asks, op, need, does: { kind: 'write', key, reusesKey: false, effects } };
}

export function read(op: number, need: Position | null, ...views: View[]): Invoke {
  return { ...asks, op, need, does: { kind: 'read', views } };
}

export const ok = (op: number, position: Position, rows: Ok['rows'] = []): Ok => ({
  event: 'ok',
  op,
  position,
  token: position,
  rows,
  staleness_ms: 60_000,
});
export const ack = (replica: string, op: number, position: Position, key: string | null = null): Ack => ({
  event: 'ack',
  replica,
  op,
  position,
  key,
  body: 'body' as Hash,
  durability: replica === 'weur' ? 'async' : null,
  shows: 'settled',
  isFromHalf: false,
});
export const boot = (
  replica: string,
  lsn: number,
  after: 'assignment' | 'crash' | 'rollback' = 'assignment',
): Happening => ({
  event: 'boot',
  replica,
  role: replica === 'weur' ? 'leader' : 'follower',
  position: at(lsn),
  after,
  copying: false,
});
export const append = (lsn: number, op: number | null = lsn): Happening => ({
  event: 'append',
  replica: 'weur',
  position: at(lsn),
  op,
  bytes: 100,
});
export const apply = (lsn: number, last = lsn): Happening => ({
  event: 'apply',
  replica: 'enam',
  position: at(last),
  hash: hash(lsn),
  previous: hash(lsn - 1),
  by: 1,
});
export const durable = (replica: string, lsn: number): Happening => ({
  event: 'durable',
  replica,
  position: at(lsn),
});
export const digest = (replica: string, lsn: number, sha256: string): Happening => ({
  event: 'digest',
  replica,
  position: at(lsn),
  sha256,
});

export function final(replica: string, more: Partial<Final> = {}): Final {
  const log = [1, 2, 3].map((lsn) => [1, lsn, hash(lsn), hash(lsn - 1)] as const);
  return {
    event: 'final',
    replica,
    position: at(3),
    sha256: 'three',
    quick_check: 'ok',
    foreign_keys_broken: 0,
    state: replica === 'weur' ? 'leader' : 'streaming',
    start: { lsn: 0, hash: HASH_OF_NOTHING },
    log_bytes: 300,
    log_rows_left: 0,
    log,
    ...more,
  };
}

/** weur leads enam, and both know it. */
export function led(durability: Durability): Happening[] {
  const members = { epoch: 1, revision: 1, durability, leader: 'weur', members: ['enam'], joining: [] };
  return [
    { event: 'members', ...members },
    { event: 'assigned', replica: 'weur', ...members },
  ];
}

/** enam copies a snapshot that is whole at `lsn`. */
export const copy = (lsn: number, sha256: string): Happening[] => [
  { event: 'copy-begins', replica: 'enam', position: at(1) },
  { event: 'copied', replica: 'enam', position: at(1) },
  { event: 'copy-piece', replica: 'enam', position: at(lsn) },
  { event: 'install', replica: 'enam', position: at(lsn), hash: hash(lsn), sha256 },
  durable('enam', lsn),
];
