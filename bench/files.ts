import { globSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface LogBytes {
  /** In the object that needs most for a row: the one with one row an entry. */
  readonly most: number;
  readonly least: number;
}

/** Bytes in the log's tables for each row of the measured table, over a Worker's objects after the runtime has ended; null where there are none. */
export function logBytesPerRow(directory: string, worker: string): LogBytes | null {
  const found = globSync(join(directory, '**', `*${worker}*Replica*`, '*.sqlite'))
    .map(measure)
    .filter((bytes) => bytes !== null);
  return found.length === 0 ? null : { most: Math.max(...found), least: Math.min(...found) };
}

function measure(path: string): number | null {
  const database = new DatabaseSync(path);
  try {
    const payload = database
      .prepare(
        "SELECT name, sum(payload) AS bytes, sum(ncell) AS rows FROM dbstat WHERE pagetype = 'leaf' GROUP BY name",
      )
      .all();
    const ofLog = payload.filter(({ name }) =>
      /^_tidemark_(segments|segment_parts|changes|entries)$/.test(String(name)),
    );
    const bytes = ofLog.reduce((total, row) => total + Number(row['bytes']), 0);
    const overflow = database
      .prepare(
        "SELECT sum(payload) AS bytes FROM dbstat WHERE pagetype = 'overflow' AND name LIKE '\\_tidemark\\_%' ESCAPE '\\'",
      )
      .get();
    const rows = Number(payload.find(({ name }) => name === 'bench')?.['rows'] ?? 0);
    return rows === 0 ? null : (bytes + Number(overflow?.['bytes'] ?? 0)) / rows;
  } finally {
    database.close();
  }
}
