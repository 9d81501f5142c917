/**
 * One bound parameter, exact: a bigint binds as INTEGER, a number as REAL, bytes as BLOB.
 * (JSON's form of these is in ../protocol/bodies.ts.)
 */
export type SqlParam = string | number | bigint | null | Uint8Array;

/** One statement as a user sent it. */
export interface Statement {
  readonly sql: string;
  readonly params: readonly SqlParam[];
}
