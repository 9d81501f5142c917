import { encodeEntry } from '../../shared/log/entry.ts';
import { Log } from '../../shared/log/log.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import { MESSAGE_VERSION } from '../../shared/protocol/messages.ts';
import type { Host } from './host.ts';
import type { Envelope } from './messages.ts';

const GHOST = 'the leader of the epoch before';

/**
 * What a leader whose epoch is over sends, if it has everything that the follower has and goes on writing: an entry that
 * fits the follower's chain in every way but its epoch.
 */
export function ghostMessage(
  follower: Host,
  { epoch, id, now }: { readonly epoch: number; readonly id: number; readonly now: number },
): Envelope {
  const { end } = new Log(follower.storage);
  const position = { epoch: toEpoch(epoch), lsn: toLsn(end.lsn + 1) };
  const schema = { sql: 'CREATE TABLE IF NOT EXISTS ghosts (id INTEGER PRIMARY KEY)', triggers: {} };
  const changes = [`\tschema\t${JSON.stringify(schema)}`];
  const text = encodeEntry({ position, time: now, previous: end.hash, request: null, changes });
  const batch = {
    version: MESSAGE_VERSION,
    epoch: position.epoch,
    text,
    gone: null,
    head: position,
    leader_now: now,
    settled: position.lsn,
    kept_after: toLsn(0),
    heard: null,
  };
  return { kind: 'call', id, from: GHOST, to: follower.self.name, call: { kind: 'append', batch }, op: null };
}
