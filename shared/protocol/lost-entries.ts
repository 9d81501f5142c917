import { base64 } from '@scure/base';

import { type Change, parseChange } from '../tables/change.ts';
import { comparePositions, showPosition } from '../position.ts';
import type { LostEntry } from '../lost-entry.ts';

/** A lost entry and the short names of the replicas that keep it. */
export interface HeldEntry extends LostEntry {
  readonly replicas: readonly string[];
}

/** What one replica keeps. */
export interface Holding {
  readonly replica: string;
  readonly entries: readonly LostEntry[];
}

/** By position, each once: several replicas may have been on the branch that was cut off. */
export function mergeHoldings(holdings: readonly Holding[]): readonly HeldEntry[] {
  const merged = new Map<string, HeldEntry>();
  for (const { replica, entries } of holdings)
    for (const entry of entries) {
      const key = showPosition(entry.position);
      const known = merged.get(key);
      const replicas = [...(known?.replicas ?? []), replica];
      // Not every holder need have heard that it was applied again.
      const applied = known?.applied ?? entry.applied;
      merged.set(key, { ...(known ?? entry), applied, replicas });
    }
  return [...merged.values()].toSorted((a, b) => comparePositions(a.position, b.position));
}

/** As the caller is told of it: rows in the contract's forms, without their columns' names, which a later schema may have changed; the rowid stands before them where no column is it. */
export function heldEntryJson({ changes, ...entry }: HeldEntry): string {
  const fields = JSON.stringify(entry).slice(0, -1);
  return `${fields},"changes":[${changes.map((line) => changeJson(parseChange(line))).join(',')}]}`;
}

function changeJson(change: Change): string {
  switch (change.kind) {
    case 'schema':
      return JSON.stringify({ kind: 'schema', sql: change.schema.sql });
    case 'insert':
      return `{"kind":"insert",${tableJson(change)},"after":${imageJson(change.after)}}`;
    case 'update':
      return `{"kind":"update",${tableJson(change)},"before":${imageJson(change.before)},"after":${imageJson(change.after)}}`;
    case 'delete':
      return `{"kind":"delete",${tableJson(change)},"before":${imageJson(change.before)}}`;
  }
}

function tableJson({ table }: { readonly table: string }): string {
  return `"table":${JSON.stringify(table)}`;
}

/** A string, a number, a literal, or a blob as the log has it. Between them an image has only brackets and commas. */
const CELL = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|\{"x":"([0-9a-fA-F]*)"\}/g;

/** The image as it is, but for blobs and for integers that a JSON number cannot hold. */
function imageJson(image: string): string {
  return image.replace(CELL, (cell, hex: string | undefined) => {
    if (hex !== undefined) return `{"base64":"${base64.encode(bytesOf(hex))}"}`;
    return /^-?\d+$/.test(cell) && !Number.isSafeInteger(Number(cell)) ? `{"integer":"${cell}"}` : cell;
  });
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}
