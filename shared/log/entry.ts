import { bytesToHex } from '@noble/hashes/utils.js';
import { type Epoch, type Lsn, toEpoch, toLsn } from '../lsn.ts';
import type { Position } from '../position.ts';
import { sha256Of } from '../sha256.ts';

declare const hashBrand: unique symbol;

/** The first 128 bits of the SHA-256 of an entry's text, in hex: 32 characters. */
export type Hash = string & { readonly [hashBrand]: true };

/** A request id as the log keeps it, so that it survives a failover with its entry. */
export interface RecordedRequest {
  readonly id: string;
  readonly fingerprint: string;
  /** The first answer's body, byte for byte. */
  readonly answer: string;
}

/** Where a transaction came from, as far as its entry tells. */
export interface Origin {
  readonly request: RecordedRequest | null;
  /** Whose write it was; null where nobody was named. */
  readonly user: string | null;
}

/**
 * One committed transaction. Its text is the one form in which it is stored, sent and hashed:
 *
 *     format \t epoch \t lsn \t time \t previous [\t {"request":…,"user":…}]
 *     one line a change (tables/change.ts)
 *
 * JSON text has no raw tab or newline, so both can part fields and lines; an entry has no empty line, so
 * an empty line parts entries. Values stay text: as JavaScript numbers, 64-bit integers would be rounded.
 */
export interface Entry extends Origin {
  readonly position: Position;
  /** The leader's clock when the last change was made, in milliseconds. */
  readonly time: number;
  /** The hash of the entry before this one. */
  readonly previous: Hash;
  readonly changes: readonly string[];
}

export const ENTRY_FORMAT = 1;
const ENTRY_SEPARATOR = '\n\n';

/** What the first entry of a log follows. */
export const HASH_OF_NOTHING = '0'.repeat(32) as Hash;

/** A log in a form that this code does not know. Nothing was applied. */
export class EntryFormatError extends Error {
  override readonly name = 'EntryFormatError';
}

export function hashOf(text: string): Hash {
  return bytesToHex(sha256Of(text).subarray(0, 16)) as Hash;
}

export function encodeEntry(entry: Entry): string {
  const { position, time, previous } = entry;
  const head = `${ENTRY_FORMAT}\t${position.epoch}\t${position.lsn}\t${time}\t${previous}`;
  return `${head}${extraOf(entry)}\n${entry.changes.join('\n')}`;
}

/** What is not known is left out, so that an entry without either is as short as can be. */
function extraOf({ request, user }: Origin): string {
  if (request === null && user === null) return '';
  return `\t${JSON.stringify({ ...(request === null ? {} : { request }), ...(user === null ? {} : { user }) })}`;
}

function originOf(extra: string | undefined): Origin {
  const { request = null, user = null } = JSON.parse(extra ?? '{}') as Partial<Origin>;
  return { request, user };
}

/** @throws EntryFormatError for a format that this code does not know, or text that is no entry. */
export function decodeEntry(text: string): Entry {
  const [head = '', ...changes] = text.split('\n');
  const [format, epoch, lsn, time, previous, extra] = head.split('\t');
  if (format !== String(ENTRY_FORMAT)) {
    throw new EntryFormatError(
      `log format ${format} is unknown here (known: ${ENTRY_FORMAT}): upgrade this replica`,
    );
  }
  if (previous?.length !== HASH_OF_NOTHING.length || changes.length === 0) {
    throw new EntryFormatError('the text is not an entry');
  }
  return {
    position: { epoch: toEpoch(Number(epoch)), lsn: toLsn(Number(lsn)) },
    time: Number(time),
    previous: previous as Hash,
    ...originOf(extra),
    changes,
  };
}

export function joinEntries(texts: readonly string[]): string {
  return texts.join(ENTRY_SEPARATOR);
}

export function splitEntries(text: string): string[] {
  return text.split(ENTRY_SEPARATOR);
}

/** A place in the log together with the hash that the next entry must name. */
export interface ChainEnd {
  readonly epoch: Epoch;
  readonly lsn: Lsn;
  readonly hash: Hash;
}
