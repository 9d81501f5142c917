import type { Position } from '../position.ts';

/** A failover lost what a session had seen up to `lost`, all but what is up to `instead`. */
export interface Loss {
  readonly lost: Position;
  readonly instead: Position;
}

/**
 * What a session that was at `known` is at once it was told of a loss; `known` itself where that is not what was lost. Nothing else may ever
 * set a session back. One that has moved on from `lost`, in its epoch or to another, keeps what it has: it was not told of that.
 */
export function rewound(known: Position, { lost, instead }: Loss): Position {
  if (known.epoch !== lost.epoch || known.lsn > lost.lsn) return known;
  if (known.epoch === instead.epoch && known.lsn <= instead.lsn) return known;
  return instead;
}
