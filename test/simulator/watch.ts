import type { FollowerEvent } from '../../shared/follower/events.ts';
import { Log } from '../../shared/log/log.ts';
import { EPOCH_FIRST, LSN_ZERO, toLsn } from '../../shared/lsn.ts';
import { digest } from '../../shared/tables/digest.ts';
import type { ReplicaRef } from '../../shared/protocol/assignment.ts';
import type { Batch, CopyReply } from '../../shared/protocol/messages.ts';
import type { Position } from '../../shared/position.ts';
import { type Core, copyProgress, isCopying, isRollingBack, logStart, positionOf } from './core.ts';
import type { Boot, Happening } from './history.ts';
import type { Gate } from './gate.ts';
import {
  applied,
  capturedSince,
  digestAt,
  digestIfDue,
  labelOf,
  lastChange,
  membersIn,
  sent,
} from './recorder.ts';
import type { Run } from './runs.ts';
import type { Storage } from './storage.ts';

/** How a replica was before a step. */
export interface Before {
  readonly position: Position;
  readonly copied: string | null;
}

/** More than any workload's entry has. */
const ENTRY_BYTES_MOST = 1_000_000;

const NOTHING = { epoch: EPOCH_FIRST, lsn: LSN_ZERO, isCopied: false };

interface WatchParts {
  readonly replica: string;
  readonly storage: Storage;
  readonly gate: Gate;
  readonly record: (happening: Happening) => void;
}

/** Writes down what becomes of one replica, from step to step and from life to life. */
export class Watch {
  readonly #parts: WatchParts;
  #durable: { readonly epoch: number; readonly lsn: number; readonly isCopied: boolean } = NOTHING;
  #start = 0;
  #lastChange = 0;

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
    this.#lastChange = lastChange(storage);
    this.told(core);
    if (after === 'assignment') this.#durable = { ...position, isCopied: copying };
    else if (after !== 'rollback' && !copying) record(digestAt(replica, position, storage));
  }

  /** It is what another epoch makes of it. */
  becomes(core: Core): void {
    const { storage } = this.#parts;
    this.#start = logStart(storage);
    this.#lastChange = lastChange(storage);
    this.#toldOfEpoch(core);
  }

  /** It takes nothing any more from before this epoch. */
  fenced(epoch: number): void {
    const { replica, gate, record } = this.#parts;
    gate.hold(() => record({ event: 'fence', replica, epoch }));
  }

  /** It knows a leadership: another than before, or again. */
  told(core: Core): void {
    if (core.role !== 'none') this.#parts.record(this.#assigned(core));
  }

  /**
   * Of another epoch. Written down with what it does next, which leaves when that is on disk: what it had answered before, as what it was then,
   * left before.
   */
  #toldOfEpoch(core: Core): void {
    const { gate, record } = this.#parts;
    if (core.role === 'none') return;
    const assigned = this.#assigned(core);
    gate.hold(() => record(assigned));
  }

  #assigned({ assigned }: Exclude<Core, { role: 'none' }>): Happening {
    const { assignment } = assigned;
    const members = membersIn(assignment, assignment.durability);
    return { event: 'assigned', replica: this.#parts.replica, ...members };
  }

  /** A leader made a step, and these entries in it. */
  led(core: Core, runs: readonly Run[]): void {
    const { replica, storage, record } = this.#parts;
    const [first, last] = [runs[0], runs.at(-1)];
    if (first === undefined || last === undefined) return;
    const { epoch } = positionOf(core);
    const captured = capturedSince(storage, this.#lastChange, { from: first.lsn, to: last.lsn });
    this.#lastChange = captured.last;
    // What was cut as soon as it was made can be measured no more.
    const isCut = logStart(storage) >= last.lsn;
    const bytes = isCut ? ENTRY_BYTES_MOST : captured.bytes;
    for (const { lsn, op } of runs) {
      const position = { epoch, lsn: toLsn(lsn) };
      record({ event: 'append', replica, position, op, bytes });
    }
    this.#takeDigest(positionOf(core));
    this.#wasCut();
  }

  /** A follower made a step on the entries that an event brought, if it brought any. */
  followed(core: Core, { position: before }: Before, event: FollowerEvent): void {
    const { replica, record } = this.#parts;
    const after = positionOf(core);
    if (after.lsn < before.lsn) return this.#rolledBack(core);
    if (after.lsn === before.lsn) return;
    for (const apply of applied(replica, batchOf(event), { before, after })) record(apply);
    this.#takeDigest(after);
    this.#wasCut();
  }

  #rolledBack(core: Core): void {
    const { replica, storage, gate, record } = this.#parts;
    const position = positionOf(core);
    record({ event: 'truncate', replica, position });
    if (isRollingBack(core)) return;
    const taken = digestAt(replica, position, storage);
    gate.hold(() => record(taken));
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
    this.#durable = { ...NOTHING, lsn: -1, isCopied: true };
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
    const { epoch, lsn } = this.#durable;
    if (position.lsn === lsn && position.epoch === epoch && isCopied === this.#durable.isCopied) return;
    this.#durable = { ...position, isCopied };
    record({ event: isCopied ? 'copied' : 'durable', replica, position });
  }

  erased(): void {
    const { replica, record } = this.#parts;
    record({ event: 'erased', replica });
    this.#durable = NOTHING;
    this.#start = 0;
    this.#lastChange = 0;
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

/** What an event brings. */
function batchOf(event: FollowerEvent): Batch | null {
  if (event.kind === 'append') return event.batch;
  return event.kind === 'pulled' && event.reply.kind === 'batch' ? event.reply.batch : null;
}
