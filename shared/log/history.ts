import { type Epoch, EPOCH_FIRST, type Lsn, LSN_ZERO } from '../lsn.ts';
import type { Position } from '../position.ts';
import type { ChainEnd } from './entry.ts';

/** How an epoch came to begin. */
export type FailoverMode = 'planned' | 'forced' | 'automatic';

/** A failover: from here on the log goes on after `after`, whatever older epochs hold beyond it. */
export interface EpochBegin {
  readonly epoch: Epoch;
  readonly after: ChainEnd;
  readonly mode: FailoverMode;
  /** When, by the directory's clock in milliseconds. */
  readonly at: number;
  /** How far the leader before was at least, as far as those had heard who were asked: entries after `after` up to here are lost. */
  readonly heard: Lsn;
}

/** Every epoch but the first, in their order; of very many, not all: see `withEpoch`. */
export type History = readonly EpochBegin[];

/** Each is kept by every replica and every isolate. */
export const HISTORY_MAX = 100;

/** That a position was cut off by a failover, and the position up to which everything of its epoch stayed. */
export interface CutOff {
  readonly by: EpochBegin;
  readonly after: Position;
}

/**
 * Whether a failover has cut `position` off; null where it is on the chain of the newest epoch in `history`, or of a newer epoch than that.
 *
 * A position is cut off by the failovers to epochs after its own, where one of them began after a lesser LSN. LSNs
 * alone would not tell: the new leader gives the same ones again.
 */
export function cutOff(history: History, { epoch, lsn }: Position): CutOff | null {
  const newest = history.at(-1);
  if (newest === undefined || newest.epoch <= epoch) return null;
  let by: EpochBegin | null = null;
  for (const begin of history)
    if (begin.epoch > epoch && begin.after.lsn < lsn && (by === null || begin.after.lsn < by.after.lsn))
      by = begin;
  return by === null ? null : { by, after: { epoch: by.after.epoch, lsn: by.after.lsn } };
}

/** Before every entry: whoever is given it has been given nothing. */
export const NOWHERE: Position = { epoch: EPOCH_FIRST, lsn: LSN_ZERO };

/**
 * The position of the entry at `lsn`, in a log of the newest epoch in `history`; NOWHERE for one so old that nobody can say. An LSN with
 * the epoch of a later entry would name none, and be taken for further than what it is before.
 */
export function positionAt(history: History, lsn: Lsn): Position {
  const [oldest, next] = history;
  const isToldAsOne = history.length >= HISTORY_MAX && next !== undefined && lsn <= next.after.lsn;
  if (lsn === LSN_ZERO || isToldAsOne) return NOWHERE;
  const began = history.findLast(({ after }) => after.lsn < lsn);
  if (began !== undefined) return { epoch: began.epoch, lsn };
  if (oldest === undefined || oldest.after.epoch === EPOCH_FIRST) return { epoch: EPOCH_FIRST, lsn };
  return lsn === oldest.after.lsn ? { epoch: oldest.after.epoch, lsn } : NOWHERE;
}

/**
 * With one more epoch. Beyond HISTORY_MAX one goes: the oldest that tells nothing which a later one does not tell as well, because that began after no
 * greater LSN. Where each tells something of its own, their LSNs go up, and what goes on is behind them all: then the oldest two become one, with
 * the lesser LSN. A session, or a log, from so long ago may then be told that it was cut off where it was not, and never the other way round.
 */
export function withEpoch(history: History, begin: EpochBegin): History {
  const all = [...history, begin];
  if (all.length <= HISTORY_MAX) return all;
  const needless = all.findIndex(({ after }, i) =>
    all.slice(i + 1).some((later) => later.after.lsn <= after.lsn),
  );
  if (needless >= 0) return all.toSpliced(needless, 1);
  const [oldest, next, ...rest] = all;
  return oldest === undefined || next === undefined ? all : [{ ...next, after: oldest.after }, ...rest];
}
