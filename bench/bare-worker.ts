import { DurableObject } from 'cloudflare:workers';

/**
 * The limit: a Worker and one object that parse the same body, run the same statement and answer in the
 * same form. No token, no guard, no log, no exact integers.
 */
interface Env {
  readonly BARE: DurableObjectNamespace<Bare>;
}

interface Statement {
  readonly sql: string;
  readonly params?: readonly SqlStorageValue[];
}

type Body = Statement | { readonly statements: readonly Statement[] };

const BULK = 'INSERT INTO bench SELECT value->>0, value->>1, value->>2 FROM json_each(?)';

export class Bare extends DurableObject {
  query(body: Body): string {
    const statements = 'statements' in body ? body.statements : [body];
    const results = this.ctx.storage.transactionSync(() =>
      statements.map((statement) => this.#run(statement)),
    );
    return JSON.stringify({ results, receipt: null });
  }

  bulk(rows: string): string {
    return JSON.stringify({ written: this.ctx.storage.sql.exec(BULK, rows).rowsWritten });
  }

  #run({ sql, params }: Statement): unknown {
    const begun = Date.now();
    const cursor = this.ctx.storage.sql.exec(sql, ...(params ?? []));
    const rows = [...cursor.raw()];
    const meta = {
      rows_read: cursor.rowsRead,
      rows_written: cursor.rowsWritten,
      duration_ms: Date.now() - begun,
    };
    return { columns: cursor.columnNames, rows, meta };
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const object = env.BARE.get(env.BARE.idFromName('bare'));
    const answer =
      new URL(request.url).pathname === '/bulk'
        ? await object.bulk(await request.text())
        : await object.query(await request.json<Body>());
    return new Response(answer, { headers: { 'content-type': 'application/json' } });
  },
};
