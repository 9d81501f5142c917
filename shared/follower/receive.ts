import {
  type ChainEnd,
  decodeEntry,
  type Entry,
  EntryFormatError,
  hashOf,
  splitEntries,
} from '../log/entry.ts';
import type { StoredEntry } from '../log/tail.ts';

export interface ReceivedEntry extends StoredEntry {
  readonly entry: Entry;
}

export type Received =
  | { readonly kind: 'next'; readonly entries: readonly ReceivedEntry[] }
  /** The first entry is not the one that follows what is here. */
  | { readonly kind: 'gap' }
  | { readonly kind: 'refused'; readonly detail: string };

/**
 * What of a batch follows `end`: entries that are here already are passed over, for a message may come twice.
 * Each must be the next by LSN, name the hash of the one before, and be of no older epoch. Reads only.
 */
export function receive(text: string, end: ChainEnd): Received {
  const entries: ReceivedEntry[] = [];
  let { epoch, lsn, hash } = end;
  try {
    for (const entryText of splitEntries(text)) {
      const entry = decodeEntry(entryText);
      const { position } = entry;
      if (position.lsn <= lsn) continue;
      if (position.lsn !== lsn + 1)
        return entries.length === 0
          ? { kind: 'gap' }
          : refused(position.lsn, 'does not follow the one before it');
      if (entry.previous !== hash)
        return refused(position.lsn, 'does not name the hash of the one before it');
      if (position.epoch < epoch) return refused(position.lsn, 'is of an older epoch than the one before it');
      ({ epoch, lsn } = position);
      hash = hashOf(entryText);
      entries.push({ end: { epoch, lsn, hash }, text: entryText, time: entry.time, entry });
    }
  } catch (error) {
    if (error instanceof EntryFormatError) return { kind: 'refused', detail: error.message };
    throw error;
  }
  return { kind: 'next', entries };
}

function refused(lsn: number, what: string): Received {
  return { kind: 'refused', detail: `entry ${lsn} ${what}` };
}
