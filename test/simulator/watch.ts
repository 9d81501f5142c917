import type { FollowerEvent } from '../../shared/follower/follower.ts';
import { Log } from '../../shared/log/log.ts';
import { LSN_ZERO } from '../../shared/lsn.ts';
import { digest } from '../../shared/tables/digest.ts';
import type { ReplicaRef } from '../../shared/protocol/assignment.ts';
import type { Batch, CopyReply } from '../../shared/protocol/messages.ts';
import type { Position } from '../../shared/position.ts';
import { type Core, copyProgress, isCopying, logStart, positionOf } from './core.ts';
import type { Boot, Happening } from './history.ts';
import type { Gate } from './gate.ts';
import { applied, capturedSince, digestAt, digestIfDue, labelOf, membersIn, sent } from './recorder.ts';
import type { Storage } from './storage.ts';

/** How a replica was before a step. */
export interface Before {
  readonly position: Position;
  readonly copied: string | null;
}

/** More than any workload's entry has. */
const ENTRY_BYTES_MOST = 1_000_000;

interface WatchParts {
  readonly replica: string;
  readonly storage: Storage;
  readonly gate: Gate;
  readonly record: (happening: Happening) => void;
}

/** Writes down what becomes of one replica, from step to step and from life to life. */
export class Watch {
  readonly #parts: WatchParts;
  #durable: { readonly lsn: number; readonly isCopied: boolean } = { lsn: 0, isCopied: false };
  #start = 0;
  #lastChange = 0;
  #revision = 0;

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** `isCopy`: what comes next is a piece of a snapshot. */
  before(core: Core, isCopy: boolean): Before {
    return { position: positionOf(core), copied: isCopy ? copyProgress(this.#parts.storage) : null };
  }

  booted(core: Core, after: Boot['after']): void {
    const { replica, storage, record } = this.#parts;
    if (core.role === 'none') return;
    const position = positionOf(core);
    const copying = isCopying(core);
    record({ event: 'boot', replica, role: core.role, position, after, copying });
    this.#start = logStart(storage);
    this.told(core);
    if (after === 'assignment') this.#durable = { lsn: position.lsn, isCopied: copying };
    else if (after !== 'rollback' && !copying) record(digestAt(replica, position, storage));
  }

  /** It knows a leadership: another than before, or again. */
  told(core: Core): void {
    if (core.role === 'none') return;
    const { replica, record } = this.#parts;
    const { assignment } = core.assigned;
    if (assignment.revision === this.#revision) return;
    this.#revision = assignment.revision;
    record({ event: 'assigned', replica, ...membersIn(assignment, assignment.durability) });
  }

  /** A leader made a step for `op`. */
  led(core: Core, { position: before }: Before, op: number | null): void {
    const { replica, storage, record } = this.#parts;
    const position = positionOf(core);
    if (position.lsn === before.lsn) return;
    const { bytes, last } = capturedSince(storage, this.#lastChange, position.lsn);
    this.#lastChange = last;
    // What was cut as soon as it was made can be measured no more.
    const isCut = logStart(storage) >= position.lsn;
    record({ event: 'append', replica, position, op, bytes: isCut ? ENTRY_BYTES_MOST : bytes });
    this.#takeDigest(position);
    this.#wasCut();
  }

  /** A follower made a step on the entries that an event brought, if it brought any. */
  followed(core: Core, { position: before }: Before, event: FollowerEvent): void {
    const { replica, record } = this.#parts;
    const after = positionOf(core);
    if (after.lsn === before.lsn) return;
    for (const apply of applied(replica, textOf(event), { before, after })) record(apply);
    this.#takeDigest(after);
    this.#wasCut();
  }

  /** A follower took what the leader gave it of a snapshot, or not. */
  copied(core: Core, { copied: before }: Before, reply: CopyReply): void {
    const { replica, storage, record } = this.#parts;
    const after = copyProgress(storage);
    if (after === before) return;
    const position = positionOf(core);
    if (after !== null) {
      record({ event: reply.kind === 'start' ? 'copy-begins' : 'copy-piece', replica, position });
      return;
    }
    const { hash } = new Log(storage).end;
    record({ event: 'install', replica, position, hash, sha256: digest(storage) });
    this.#start = logStart(storage);
    // What is durable next is so in another way, at the same position perhaps.
    this.#durable = { lsn: -1, isCopied: true };
  }

  /** A leader answered with what ends a snapshot: so its tables are to be told from others' at its position. */
  gave(core: Core, reply: CopyReply): void {
    if (reply.kind !== 'piece' || reply.piece?.at(-1)?.kind !== 'rest') return;
    const { replica, storage, gate, record } = this.#parts;
    const taken = digestAt(replica, positionOf(core), storage);
    gate.hold(() => record(taken));
  }

  sent(to: ReplicaRef, batch: Batch): void {
    const event = sent(this.#parts.replica, labelOf(to), batch);
    if (event !== null) this.#parts.record(event);
  }

  durable(core: Core): void {
    const { replica, record } = this.#parts;
    const position = positionOf(core);
    const isCopied = isCopying(core);
    if (position.lsn === this.#durable.lsn && isCopied === this.#durable.isCopied) return;
    this.#durable = { lsn: position.lsn, isCopied };
    record({ event: isCopied ? 'copied' : 'durable', replica, position });
  }

  erased(): void {
    const { replica, record } = this.#parts;
    record({ event: 'erased', replica });
    this.#durable = { lsn: LSN_ZERO, isCopied: false };
    this.#start = 0;
    this.#lastChange = 0;
    this.#revision = 0;
  }

  #wasCut(): void {
    const { replica, storage, record } = this.#parts;
    const after = logStart(storage);
    if (after > this.#start) record({ event: 'cut', replica, after });
    this.#start = after;
  }

  #takeDigest(position: Position): void {
    const { replica, storage, gate, record } = this.#parts;
    const taken = digestIfDue(replica, position, storage);
    if (taken !== null) gate.hold(() => record(taken));
  }
}

/** The entries that an event brings. */
function textOf(event: FollowerEvent): string | null {
  if (event.kind === 'append') return event.batch.text;
  return event.kind === 'pulled' && event.reply.kind === 'batch' ? event.reply.batch.text : null;
}
