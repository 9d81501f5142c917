declare const lsnBrand: unique symbol;
declare const epochBrand: unique symbol;

/** An entry's number in its partition's log. Dense: the entry after n is n + 1. 0 is the empty log. */
export type Lsn = number & { readonly [lsnBrand]: true };

/** The number of a leadership; the first is 1. */
export type Epoch = number & { readonly [epochBrand]: true };

export const LSN_ZERO = 0 as Lsn;
export const EPOCH_FIRST = 1 as Epoch;

/** @throws RangeError unless `value` is a whole number from 0 that a double holds exactly. */
export function toLsn(value: number): Lsn {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an LSN: ${value}`);
  return value as Lsn;
}

/** @throws RangeError unless `value` is a whole number from 1 that a double holds exactly. */
export function toEpoch(value: number): Epoch {
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`not an epoch: ${value}`);
  return value as Epoch;
}

export function lsnAfter(lsn: Lsn): Lsn {
  return toLsn(lsn + 1);
}
