import type { LogLimits } from '../limits.ts';
import { joinEntries } from '../log/entry.ts';
import type { Log } from '../log/log.ts';
import type { Epoch } from '../lsn.ts';
import type { Sql } from '../ports.ts';
import type { CopyReply, CopyRequest } from '../protocol/messages.ts';
import { type PieceBound, readPiece, readStart } from '../tables/snapshot.ts';
import type { Fanout } from './fanout.ts';
import type { Lines } from './lines.ts';

export interface CopiesParts {
  readonly sql: Sql;
  readonly epoch: Epoch;
  readonly log: Log;
  readonly lines: Lines;
  readonly fanout: Fanout;
  readonly limits: LogLimits;
  /** Whether nobody else can lead at this time. */
  readonly isLeading: (now: number) => boolean;
}

/** A leader that was asked for something so recently, in milliseconds, will be again. */
const BUSY_MS = 1_000;

/** Gives followers their snapshots, piece by piece. */
export class Copies {
  readonly #parts: CopiesParts;
  /** When the last request came. */
  #executedAt = -Infinity;

  constructor(parts: CopiesParts) {
    this.#parts = parts;
  }

  /** The leader has other work. */
  executed(now: number): void {
    this.#executedAt = now;
  }

  /** The next piece of a snapshot: what was logged since the last one, and the next rows as they are now. */
  next({ follower, has, from }: CopyRequest, now: number): CopyReply {
    const { sql, epoch, log, lines, fanout, isLeading } = this.#parts;
    // What is no place of this log nobody needs.
    const holds = from === null && has !== null && fanout.mayHold(has);
    if (holds && lines.mustKeep(follower, has.lsn, now)) return { kind: 'keep' };
    const { end } = log;
    fanout.copies(follower, from?.end.lsn ?? null, now);
    const { pause_ms, ...bound } = this.#pace(now);
    if (from === null) return { kind: 'start', epoch, start: readStart(sql), end, pause_ms };
    const entries = fanout.entriesAfter(from.end);
    if (entries === null) return { kind: 'gone' };
    const reached = entries.at(-1)?.end ?? from.end;
    return {
      kind: 'piece',
      epoch,
      from,
      pause_ms,
      text: entries.length === 0 ? null : joinEntries(entries.map((entry) => entry.text)),
      end: reached,
      piece: reached.lsn === end.lsn ? readPiece(sql, from.place, bound) : null,
      leader_now: now,
      is_leased: isLeading(now),
    };
  }

  /** Where others are served as well, pieces are small, and so far apart that others are served between them. */
  #pace(now: number): { readonly pause_ms: number } & PieceBound {
    const { limits, lines } = this.#parts;
    const isBusy = now - this.#executedAt < BUSY_MS;
    const { pieceRowsMax: rows, pieceCharsMax: chars, pieceBusyPart: part, piecePauseMs } = limits;
    if (!isBusy) return { rows, chars, pause_ms: 1 };
    const pause_ms = piecePauseMs * lines.copying;
    return { rows: Math.ceil(rows / part), chars: Math.ceil(chars / part), pause_ms };
  }
}
