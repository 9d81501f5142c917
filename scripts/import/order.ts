import type { Heading } from './statements.ts';

/** What a survey of a script keeps: one heading for each run of inserts into one table. */
export type Seen = Heading;

/** In which reading of the file a statement is sent. */
export interface Levels {
  readonly count: number;
  of(heading: Heading): number;
}

const IN_ORDER: Levels = { count: 1, of: () => 0 };

/**
 * Foreign keys cannot be turned off on the platform, and a dump may hold children before parents. Then the
 * rows are sent by level: tables that refer to nothing, then those that refer to them, and so on; tables
 * and unique keys come before them, triggers, views and the rest last, as in a dump. A script that changes rows otherwise is never reordered.
 */
export function levelsOf(seen: readonly Seen[]): Levels {
  const parents = parentsOf(seen);
  if (!childrenFirst(seen, parents) && !keysLast(seen)) return IN_ORDER;
  if (dependsOnOrder(seen)) return IN_ORDER;
  const levels = rank(parents);
  const last = 2 + Math.max(0, ...levels.values());
  return { count: last + 1, of: (heading) => levelOf(heading, levels, last) };
}

function levelOf(heading: Heading, levels: ReadonlyMap<string, number>, last: number): number {
  switch (heading.kind) {
    case 'create-table':
    case 'drop':
      return 0;
    case 'insert':
      return heading.table === 'sqlite_sequence' ? last : 1 + (levels.get(heading.table) ?? 0);
    case 'create-trigger':
      return last;
    case 'other':
      return makesKey(heading) ? 0 : last;
  }
}

/** A unique index may be what a foreign key refers to: without it even the parents' rows are refused. */
function makesKey(heading: Heading): boolean {
  return heading.kind === 'other' && heading.words[0] === 'CREATE' && heading.words[1] === 'UNIQUE';
}

/** True where a statement's effect depends on the rows that are there when it runs. */
function dependsOnOrder(seen: readonly Seen[]): boolean {
  const made = new Set<string>();
  /** Tables whose rows set off a trigger from here on. */
  const watched = new Set<string>();
  for (const heading of seen) {
    if (heading.kind === 'create-table') made.add(heading.table);
    if (heading.kind === 'create-trigger') watched.add(heading.table);
    if (heading.kind === 'insert' && watched.has(heading.table)) return true;
    if (heading.kind === 'drop' && made.has(heading.name)) return true;
    if (heading.kind === 'other' && changesRows(heading.words)) return true;
  }
  return false;
}

function changesRows([first, second, third]: readonly [string, string, string]): boolean {
  return first !== 'CREATE' && !(first === 'DELETE' && second === 'FROM' && third === 'SQLITE_SEQUENCE');
}

/** Foreign keys, and a unique index that is made only after rows. */
function keysLast(seen: readonly Seen[]): boolean {
  if (!seen.some((heading) => heading.kind === 'create-table' && heading.references.length > 0)) return false;
  return (
    seen.some(makesKey) &&
    seen.findLastIndex(makesKey) > seen.findIndex((heading) => heading.kind === 'insert')
  );
}

/** Child → the other tables that it refers to, of the tables that the script makes. */
function parentsOf(seen: readonly Seen[]): Map<string, Set<string>> {
  const parents = new Map<string, Set<string>>();
  for (const heading of seen)
    if (heading.kind === 'create-table') parents.set(heading.table, new Set(heading.references));
  for (const [table, named] of parents)
    for (const parent of named) if (parent === table || !parents.has(parent)) named.delete(parent);
  return parents;
}

function childrenFirst(seen: readonly Seen[], parents: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  const begun = new Set<string>();
  for (const heading of seen) {
    if (heading.kind !== 'insert') continue;
    for (const [child, named] of parents) if (named.has(heading.table) && begun.has(child)) return true;
    begun.add(heading.table);
  }
  return false;
}

/** Each table's level: one more than its parents'. Where tables refer to each other, the first of them goes first. */
export function rank(parents: ReadonlyMap<string, ReadonlySet<string>>): Map<string, number> {
  const levels = new Map<string, number>();
  const waiting = new Set(parents.keys());
  for (let level = 0; waiting.size > 0; level++) {
    const ready = [...waiting].filter((table) =>
      [...(parents.get(table) ?? [])].every((parent) => !waiting.has(parent)),
    );
    const [stuck] = waiting;
    for (const table of ready.length > 0 ? ready : stuck === undefined ? [] : [stuck])
      levels.set(table, level);
    for (const table of levels.keys()) waiting.delete(table);
  }
  return levels;
}
