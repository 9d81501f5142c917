/** What a user would pick instead: the same statements on D1, answered in the same form. */
interface Env {
  readonly DB: D1Database;
}

interface Statement {
  readonly sql: string;
  readonly params?: readonly unknown[];
}

type Answered = D1Result<Record<string, unknown>>;

type Body = Statement | { readonly statements: readonly Statement[] };

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const body = await request.json<Body>();
    const prepared = ('statements' in body ? body.statements : [body]).map(({ sql, params }) =>
      env.DB.prepare(sql).bind(...(params ?? [])),
    );
    const [only] = prepared;
    const done: Answered[] =
      prepared.length === 1 && only !== undefined ? [await only.run()] : await env.DB.batch(prepared);
    const results = done.map(({ results: rows, meta }) => ({
      columns: Object.keys(rows[0] ?? {}),
      rows: rows.map((row) => Object.values(row)),
      meta,
    }));
    return Response.json({ results, receipt: null });
  },
};
