import { setTimeout as pause } from 'node:timers/promises';
import { readCsv } from './csv.ts';
import { openDump } from './dump.ts';
import type { Source } from './item.ts';
import { Journal } from './journal.ts';
import { readJson } from './json.ts';
import { HELP, type Options, readOptions } from './options.ts';
import { ProgressBar, type Screen } from './progress.ts';
import { openRecords } from './records.ts';
import { Importer } from './run.ts';
import { Server } from './server.ts';
import { openSqlite } from './sqlite.ts';
import { Stopped } from './stopped.ts';

/** What an import needs of its surroundings. */
export interface Surroundings {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly screen: Screen;
  /** For what went wrong. */
  complain(text: string): void;
}

/** The exit code: 0, or 1 with the reason told. */
export async function importMain(surroundings: Surroundings): Promise<number> {
  const { args, environment, screen } = surroundings;
  try {
    const options = readOptions(args, environment);
    if (options === null) screen.write(HELP);
    if (options !== null) await importFile(options, screen);
    return 0;
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    surroundings.complain(`\n${error.message}\n`);
    return 1;
  }
}

async function importFile(options: Options, screen: Screen): Promise<void> {
  const { target, settings, restart } = options;
  const progress = new ProgressBar(screen, () => performance.now());
  const server = new Server(target, async (ms) => pause(ms));
  const source = await open(options);
  const state = await server.prepare(settings);
  if (state === 'created')
    progress.say(
      `Made the database ${target.database}${settings.followers.length > 0 ? ` with followers in ${settings.followers.join(', ')}` : ''}.`,
    );
  await new Importer({ source, server, target, journal: new Journal(options.file), progress, restart }).run();
}

function open(options: Options): Promise<Source> {
  const { file: path, table, primaryKey } = options;
  switch (options.format) {
    case 'sql':
      return openDump(path);
    case 'sqlite':
      return openSqlite(path);
    case 'json':
      return openRecords({ path, table, primaryKey, read: readJson });
    case 'csv':
      return openRecords({ path, table, primaryKey, read: readCsv });
  }
}
