import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { isRegion, type Region } from '../../shared/regions.ts';
import { knownAdminKey } from '../admin-key.ts';
import type { NewDatabase, Target } from './server.ts';
import { Stopped } from './stopped.ts';

export const HELP = `Imports a file into a database.

  npm run import -- FILE --database NAME [options]

FILE is one of
  .sql             a dump or any script of SQL statements
  .sqlite .db      an SQLite file: its schema and all its rows
  .json            an array of objects: one table, whose columns and types come from the rows
  .csv             the same, with a first line of column names

Options
  --database NAME        the database; made if there is none
  --leader REGION        for a database that is made: its leader's region
  --followers A,B        for a database that is made: its followers' regions
  --table NAME           for .json and .csv: the table to make (default: the file's name)
  --primary-key A,B      for .json and .csv: the columns of its primary key
  --url URL              default: TIDEMARK_URL, else http://127.0.0.1:8787
  --key KEY              default: TIDEMARK_ADMIN_KEY, else the local server's, from .dev.vars
  --restart              forget how far an earlier import of this file came, and send everything again
  --help                 this text

An import that broke off goes on where it stopped when the same command is run again within a day; no row
is added twice. Its journal is a small file beside FILE and is removed at the end.
`;

export interface Options {
  readonly file: string;
  readonly format: 'sql' | 'sqlite' | 'json' | 'csv';
  readonly target: Target;
  readonly settings: NewDatabase;
  readonly table: string;
  readonly primaryKey: readonly string[];
  readonly restart: boolean;
}

const FORMATS: Readonly<Record<string, Options['format']>> = {
  sql: 'sql',
  sqlite: 'sqlite',
  sqlite3: 'sqlite',
  db: 'sqlite',
  json: 'json',
  csv: 'csv',
};

/** Null asks for the help text. @throws Stopped */
export function readOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Options | null {
  const { values, positionals } = parsed(args);
  if (values.help === true) return null;
  const [file, more] = positionals;
  if (file === undefined || more !== undefined)
    throw new Stopped('Give one file to import. --help tells more.');
  const format = FORMATS[/\.(\w+)$/.exec(file)?.[1]?.toLowerCase() ?? ''];
  if (format === undefined)
    throw new Stopped(`${file} is none of .sql, .sqlite, .db, .json and .csv. Unpack or convert it first.`);
  if (!existsSync(file)) throw new Stopped(`There is no file ${file}.`);
  if (values.database === undefined) throw new Stopped('Say into which database: --database NAME.');
  const url = values.url ?? environment['TIDEMARK_URL'] ?? 'http://127.0.0.1:8787';
  if (!URL.canParse(url)) throw new Stopped(`${url} is not a URL.`);
  return {
    file,
    format,
    target: {
      url,
      key: values.key ?? requiredKey(url, environment),
      database: values.database,
    },
    settings: {
      leader: values.leader === undefined ? null : region(values.leader),
      followers: list(values.followers).map(region),
    },
    table: values.table ?? (file.split(/[/\\]/).at(-1) ?? file).replace(/\.\w+$/, ''),
    primaryKey: list(values['primary-key']),
    restart: values.restart === true,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        database: { type: 'string' },
        leader: { type: 'string' },
        followers: { type: 'string' },
        table: { type: 'string' },
        'primary-key': { type: 'string' },
        url: { type: 'string' },
        key: { type: 'string' },
        restart: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new Stopped(`${(error as Error).message}. --help tells more.`);
  }
}

function list(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function region(text: string): Region {
  if (!isRegion(text)) throw new Stopped(`${text} is not a region. --help tells more.`);
  return text;
}

/** The key kept for the local server goes to the local server only: another one must not learn it. */
function requiredKey(url: string, environment: Readonly<Record<string, string | undefined>>): string {
  const isLocal = ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
  const key = isLocal ? knownAdminKey() : (environment['TIDEMARK_ADMIN_KEY'] ?? null);
  if (key !== null && key !== '') return key;
  throw new Stopped(
    'There is no admin key: give --key or TIDEMARK_ADMIN_KEY, or start the local server once.',
  );
}
