import { type Lsn, LSN_ZERO } from '../lsn.ts';
import type { FollowerRef } from '../protocol/assignment.ts';
import type { Gone, Heard } from '../protocol/messages.ts';

/** How far one follower is, as far as this leader knows since it woke. Each has its own, so none waits for another. */
export interface Line {
  to: FollowerRef;
  /** What the follower has; a guess until it, or its relay, has answered. */
  applied: Lsn;
  isKnown: boolean;
  /** What it said itself that it has. Only this counts: a relay may tell of a time before the follower began anew. */
  confirmed: Lsn;
  /** It is where nothing follows in this log, and needs a snapshot; null where that is not so. */
  gone: Gone | null;
  /** What it has in its log as far as it has said, also where that counts for nothing because nothing follows it here. */
  holds: Lsn;
  /** Since when it wants to begin a copy and must not; null where it does not. */
  keepsSince: number | null;
  /** While it installs a snapshot, when it last said so; else null. It asks for what it needs, and what it has counts for nothing. */
  copiedAt: number | null;
  /** Of all that was sent to followers and asked by them, which was its last of each kind. */
  sentTurn: number;
  askedTurn: number;
  isSending: boolean;
  failures: number;
  /** What the follower found wrong with what it was sent last; null where nothing. */
  detail: string | null;
  notBefore: number;
  /** When something was sent last, and where the log ended then. */
  sentAt: number;
  endWhenSent: Lsn;
  /** The last entry that it was given, pushed or pulled; null before the first. */
  sentTo: Lsn | null;
  /** When it last came nearer to the end of the log, or was there. */
  progressAt: number;
  /** What it was told to be settled. */
  settledTold: Lsn;
  heard: Heard | null;
}

/** `end`: where the log ends, the best guess of what a follower has that has not been heard of. */
export function newLine(to: FollowerRef, end: Lsn): Line {
  return {
    to,
    applied: end,
    isKnown: false,
    confirmed: LSN_ZERO,
    gone: null,
    holds: LSN_ZERO,
    keepsSince: null,
    copiedAt: to.membership === 'joining' ? -Infinity : null,
    sentTurn: 0,
    askedTurn: 0,
    isSending: false,
    failures: 0,
    detail: null,
    notBefore: 0,
    sentAt: -Infinity,
    sentTo: null,
    endWhenSent: end,
    progressAt: -Infinity,
    settledTold: LSN_ZERO,
    heard: null,
  };
}

/** What it still needs of the log is after this; null where nobody knows. `end`: where the log ends. */
export function claimOf(line: Line, end: Lsn): Lsn | null {
  if (line.gone !== null) return end;
  return line.isKnown ? line.applied : null;
}

/** The follower says itself where it is, a place of this log. */
export function confirmed(line: Line, place: Lsn, now: number): void {
  progressed(line, place, now);
  line.confirmed = place;
  line.gone = null;
  line.holds = place;
  line.keepsSince = null;
  line.copiedAt = null;
  answers(line);
}

/** Where it says to be, nothing follows here. */
export function strayed(line: Line, gone: Gone): void {
  line.gone = gone;
  line.holds = gone.why === 'cut' ? gone.end.lsn : LSN_ZERO;
  line.isKnown = true;
  line.confirmed = LSN_ZERO;
  line.copiedAt = null;
  answers(line);
}

/** It is at `applied`, by whatever way that is known. */
export function progressed(line: Line, applied: Lsn, now: number): void {
  if (!line.isKnown || applied > line.applied) line.progressAt = now;
  line.applied = applied;
  line.isKnown = true;
}

/** It copies from `at` on: what it had is gone, or will be. */
export function copies(line: Line, at: Lsn, now: number): void {
  line.applied = at;
  line.isKnown = true;
  line.confirmed = LSN_ZERO;
  line.holds = LSN_ZERO;
  line.keepsSince = null;
  line.gone = null;
  line.copiedAt = now;
  answers(line);
}

function answers(line: Line): void {
  line.failures = 0;
  line.detail = null;
  line.notBefore = 0;
}
