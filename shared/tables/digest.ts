import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { all, first, type Sql } from '../ports.ts';
import { SEQUENCE_TABLE } from './change.ts';
import { imageSql } from './images.ts';
import { COUNTING_SQL } from './requests.ts';
import { quoteName, readLayout, userSchema, userTables } from './schema.ts';

/**
 * SHA-256 of all that replicas at one position must share: the schema, every row with its types and exact values, the
 * counters of AUTOINCREMENT, and the request ids with their answers. Reads every row.
 */
export function digest(sql: Sql): string {
  const hash = sha256.create();
  const line = (...fields: readonly (string | null)[]) =>
    void hash.update(utf8ToBytes(`${JSON.stringify(fields)}\n`));

  // Whether SQLite's table of the counters is there tells only what this replica once had: it cannot be dropped.
  const schema = userSchema(sql).filter(({ name }) => name !== SEQUENCE_TABLE);
  for (const { type, name, table, sql: text } of schema) line('schema', type, name, table, text);
  for (const table of userTables(sql)) {
    line('table', table);
    const layout = readLayout(sql, table);
    const key = layout.key.map((column) => `t.${quoteName(column)}`).join(', ');
    const rows = sql.exec(`SELECT ${imageSql(layout, 't')} FROM ${quoteName(table)} AS t ORDER BY ${key}`);
    for (const [image] of rows) hash.update(utf8ToBytes(`${image as string}\n`));
  }
  if (first(sql, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'") !== null) {
    for (const [image] of all(sql, 'SELECT json_array(name, seq) FROM sqlite_sequence ORDER BY name'))
      line('sequence', image as string);
  }
  const requests = sql.exec(
    `SELECT id, fingerprint, answer FROM _tidemark_requests WHERE in_log AND ${COUNTING_SQL} ORDER BY id`,
  );
  for (const [id, fingerprint, answer] of requests)
    line('request', id as string, fingerprint as string, answer as string);
  return bytesToHex(hash.digest());
}
