import { refuse } from '../failure.ts';

/** The view that users see in place of SQLite's own schema table; it leaves out what Tidemark made. */
export const SCHEMA_VIEW = '_tidemark_schema';
/** What the view reads. */
export const SCHEMA_VIEW_TABLES: ReadonlySet<string> = new Set(['sqlite_schema', '_tidemark_triggers']);
/** Tidemark's triggers on users' tables have names that start so. */
export const CAPTURE_PREFIX = '_tidemark_capture_';

const RESERVED = /^_(?:tidemark|cf)_/i;
const SCHEMA_TABLE = /^sqlite_(?:master|schema)$/i;
const TEMPORARY_SCHEMA = /^sqlite_temp_(?:master|schema)$/i;
const STATISTICS = /^sqlite_stat\d$/i;
const PRAGMA_FUNCTION = /^pragma_(.+)$/i;

/** Those that describe one named object. The rest would list Tidemark's tables, or the machine. */
const PRAGMA_FUNCTIONS: ReadonlySet<string> = new Set([
  'table_info',
  'table_xinfo',
  'index_list',
  'index_info',
  'index_xinfo',
  'foreign_key_list',
]);

/** Whether only Tidemark or the platform may make or touch an object of this name. */
export function isReservedName(name: string): boolean {
  return RESERVED.test(name);
}

export function isSchemaTable(name: string): boolean {
  return SCHEMA_TABLE.test(name);
}

/** @throws Refusal where a user's statement may not mention this name at all. */
export function checkName(name: string): void {
  const first = name[0];
  // Nearly every name ends here: the others start with _, s or p.
  if (first !== '_' && first !== 's' && first !== 'S' && first !== 'p' && first !== 'P') return;
  if (RESERVED.test(name)) refuseReserved(name);
  if (TEMPORARY_SCHEMA.test(name)) refuseName(name, 'there are no temporary tables');
  if (STATISTICS.test(name)) refuseName(name, 'the statistics that ANALYZE gathers are not shown');
  const pragma = PRAGMA_FUNCTION.exec(name)?.[1]?.toLowerCase();
  if (pragma === undefined || PRAGMA_FUNCTIONS.has(pragma)) return;
  refuseName(
    name,
    `of the pragma_ functions, ${[...PRAGMA_FUNCTIONS].join(', ')} may be used; for a list of tables read sqlite_master`,
  );
}

export function refuseReserved(name: string): never {
  return refuseName(
    name,
    'names that start with _tidemark_ or _cf_ are reserved; choose another name (a string goes in single quotes)',
  );
}

function refuseName(name: string, why: string): never {
  return refuse({ code: 'sql-not-allowed', detail: `${name}: ${why}` });
}

/** SQLite's words with the names that the user knows. */
export function publicMessage(message: string): string {
  return message.includes(SCHEMA_VIEW) ? message.replaceAll(SCHEMA_VIEW, 'sqlite_master') : message;
}
