/**
 * One line of an entry: what it did to one row, or one schema statement. Three fields parted by tabs:
 *
 *     table as JSON \t image before \t image after        before empty: insert; after empty: delete
 *     (empty)       \t schema       \t {"sql":…,"triggers":…}
 *
 * An image is a JSON array made by SQLite (schema.ts says of which columns); numbers in it are exact, a blob is
 * {"x":"hex"}. Images stay text here: only SQLite may read the values.
 */
export type Change =
  | { readonly kind: 'insert'; readonly table: string; readonly after: string }
  | { readonly kind: 'update'; readonly table: string; readonly before: string; readonly after: string }
  | { readonly kind: 'delete'; readonly table: string; readonly before: string }
  | { readonly kind: 'schema'; readonly schema: SchemaChange };

export type RowChange = Exclude<Change, { kind: 'schema' }>;

export interface SchemaChange {
  /** What a follower runs; null where only triggers changed, which followers keep but do not run. */
  readonly sql: string | null;
  /** Triggers that are new or changed, by name; null for one that is gone. */
  readonly triggers: Readonly<Record<string, KeptTrigger | null>>;
}

export interface KeptTrigger {
  readonly table: string;
  readonly sql: string;
}

const SCHEMA_MARKER = '\tschema\t';

/** The table under which sqlite_sequence's rows travel: images of [name, seq]. */
export const SEQUENCE_TABLE = 'sqlite_sequence';

export function schemaLine(schema: SchemaChange): string {
  return SCHEMA_MARKER + JSON.stringify(schema);
}

export function rowLine(table: string, before: string, after: string): string {
  return `${JSON.stringify(table)}\t${before}\t${after}`;
}

/** Neighbouring lines are mostly of one table. */
let lastName = { json: '""', name: '' };

function tableNamed(json: string): string {
  if (json !== lastName.json) lastName = { json, name: JSON.parse(json) as string };
  return lastName.name;
}

export function parseChange(line: string): Change {
  if (line.startsWith(SCHEMA_MARKER)) {
    return { kind: 'schema', schema: JSON.parse(line.slice(SCHEMA_MARKER.length)) as SchemaChange };
  }
  const first = line.indexOf('\t');
  const second = line.indexOf('\t', first + 1);
  const table = tableNamed(line.slice(0, first));
  const before = line.slice(first + 1, second);
  const after = line.slice(second + 1);
  if (before === '') return { kind: 'insert', table, after };
  if (after === '') return { kind: 'delete', table, before };
  return { kind: 'update', table, before, after };
}
