import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { quoted } from '../../scripts/import/lexer.ts';
import { importMain } from '../../scripts/import/main.ts';

/** What to do with one query instead of answering it. */
export type Fault = 'refuse' | 'lose-answer' | 'none';

interface StatementBody {
  readonly sql: string;
  readonly params?: readonly unknown[];
}

type QueryBody = StatementBody | { readonly statements: readonly StatementBody[] };

/** The HTTP contract over a plain node:sqlite database, as far as an import uses it, with faults on demand. */
export class FakeServer {
  readonly database = new DatabaseSync(':memory:');
  readonly bodies: string[] = [];
  readonly requestIds: string[] = [];
  settings: unknown = null;
  fault: (query: number) => Fault = () => 'none';
  url = '';
  #lsn = 0;
  #queries = 0;
  readonly #kept = new Map<string, { readonly text: string; readonly answer: string }>();
  readonly #http = createServer((request, response) => void this.#handle(request, response));

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#http.listen(0, '127.0.0.1', resolve));
    const address = this.#http.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    this.url = `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
    this.database.close();
  }

  all(sql: string): unknown[][] {
    const prepared = this.database.prepare(sql);
    prepared.setReadBigInts(true);
    return prepared.all().map((row) => Object.values(row));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const piece of request) text += String(piece);
    const path = (request.url ?? '').replace('/v1/databases/shop', '');
    if (request.headers.authorization !== 'Bearer secret')
      return reply(response, 401, { code: 'unauthorized', detail: 'Wrong key.' });
    if (path === '/replication')
      return reply(response, 200, { partitions: [{ leader: { lsn: this.#lsn } }] });
    if (path === '/query') return this.#query(request, response, text);
    if (request.method === 'PUT') this.settings = JSON.parse(text);
    return this.settings === null
      ? reply(response, 404, { code: 'database-not-found', detail: 'None.' })
      : reply(response, request.method === 'PUT' ? 201 : 200, {});
  }

  #query(request: IncomingMessage, response: ServerResponse, text: string): void {
    const fault = this.fault(this.#queries++);
    if (fault === 'refuse')
      return reply(response, 503, { code: 'unavailable', detail: 'No leader just now.' });
    const id = String(request.headers['idempotency-key']);
    this.bodies.push(text);
    this.requestIds.push(id);
    const kept = this.#kept.get(id);
    if (kept !== undefined && kept.text !== text)
      return reply(response, 422, {
        code: 'idempotency-conflict',
        detail: 'The key was given to another body.',
      });
    const answer = kept?.answer ?? this.#run(text);
    if (answer.startsWith('{"code"')) return reply(response, 409, JSON.parse(answer));
    this.#kept.set(id, { text, answer });
    if (fault === 'lose-answer') response.destroy();
    else reply(response, 200, JSON.parse(answer));
  }

  #run(text: string): string {
    const { database } = this;
    database.exec('BEGIN');
    try {
      const body = JSON.parse(text, keepReal) as QueryBody;
      for (const { sql, params } of 'sql' in body ? [body] : body.statements)
        database.prepare(sql).run(...(params ?? []).map(bound));
      database.exec('COMMIT');
      return JSON.stringify({ results: [], receipt: { lsn: ++this.#lsn } });
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      const detail = (error as Error).message;
      return JSON.stringify({ code: /constraint/i.test(detail) ? 'constraint' : 'sql-error', detail });
    }
  }
}

/** A REAL keeps its fraction: 1.0 must not become 1 on the way. */
function keepReal(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' && /^-?\d+$/.test(context?.source ?? '') ? BigInt(value) : value;
}

function bound(param: unknown): SQLInputValue {
  if (typeof param === 'object' && param !== null && 'base64' in param)
    return Buffer.from(String(param.base64), 'base64');
  if (typeof param === 'object' && param !== null && 'integer' in param) return BigInt(String(param.integer));
  return param as SQLInputValue;
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, {
      'content-type': 'application/json',
      ...(status === 503 ? { 'retry-after': '0' } : {}),
    })
    .end(JSON.stringify(body));
}

export interface Imported {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs the whole command against the server. */
export async function runImport(
  server: FakeServer,
  file: string,
  ...more: readonly string[]
): Promise<Imported> {
  let output = '';
  let errors = '';
  const code = await importMain({
    args: [file, '--database', 'shop', '--url', server.url, '--key', 'secret', ...more],
    environment: {},
    screen: { isTTY: false, columns: 80, write: (text) => void (output += text) },
    complain: (text) => void (errors += text),
  });
  return { code, output, errors };
}

/** A directory that is gone afterwards. */
export function scratch(): { readonly path: (name: string) => string; readonly remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'import-'));
  return {
    path: (name) => join(directory, name),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Everything in a database, types included, as text that can be compared. */
export function contents(database: DatabaseSync): string[] {
  const lines: string[] = [];
  const rows = (sql: string): unknown[] =>
    database
      .prepare(sql)
      .all()
      .map((row) => JSON.stringify(row));
  lines.push(
    ...rows("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name").map(
      String,
    ),
  );
  for (const { name } of database
    .prepare(
      "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name <> 'sqlite_schema' ORDER BY name",
    )
    .all()) {
    const table = quoted(String(name));
    const columns = database
      .prepare('SELECT name FROM pragma_table_xinfo(?) ORDER BY cid')
      .all(String(name))
      .map((row) => quoted(String(row['name'])));
    const cells = columns.map(
      (column) => `typeof(${column}) || ':' || ifnull(hex(${column}), '') || ':' || ifnull(${column}, '')`,
    );
    lines.push(
      ...database
        .prepare(`SELECT ${cells.join(" || '|' || ")} AS line FROM ${table}`)
        .all()
        .map((row) => `${table} ${String(row['line'])}`)
        .toSorted(),
    );
  }
  return lines;
}

export function executed(path: string): DatabaseSync {
  const database = new DatabaseSync(':memory:', { enableForeignKeyConstraints: false });
  database.exec(readFileSync(path, 'utf8'));
  return database;
}
