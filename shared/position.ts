import type { Epoch, Lsn } from './lsn.ts';

/**
 * A place in a partition's log. An LSN alone is not an identity, because two leaders may have given it
 * twice; with the epoch it names one entry for ever.
 */
export interface Position {
  readonly epoch: Epoch;
  readonly lsn: Lsn;
}

/** Negative, zero or positive as `a` is before, at or after `b` on one chain. */
export function comparePositions(a: Position, b: Position): number {
  return a.epoch - b.epoch || a.lsn - b.lsn;
}

export function isAtLeast(position: Position, need: Position): boolean {
  return comparePositions(position, need) >= 0;
}

export function laterOf(a: Position, b: Position): Position {
  return isAtLeast(a, b) ? a : b;
}

/** `1:42`, for logs and transcripts. */
export function showPosition(position: Position): string {
  return `${position.epoch}:${position.lsn}`;
}
