import { DurableObject } from 'cloudflare:workers';
import { bytesToHex } from '@noble/hashes/utils.js';
import { Hono } from 'hono';
import { toEpoch, toLsn } from '../shared/lsn.ts';
import { sha256Of } from '../shared/sha256.ts';
import { moveForward, NOTHING_SEEN, type Seen } from '../shared/session/token.ts';
import { within } from '../workers/deadline.ts';
import { CREATE_TABLE } from './bodies.ts';
import { has, isStep, type Step, STEP_KEYS, STEP_SCOPE } from './steps.ts';

interface Env {
  readonly LADDER: DurableObjectNamespace<Ladder>;
}

interface Statement {
  readonly sql: string;
  readonly params?: readonly SqlStorageValue[];
}

interface Message {
  readonly statements: readonly Statement[];
  readonly need: Seen;
  readonly wait_ms: number;
  readonly isCounted: boolean;
  readonly isChained: boolean;
}

interface Reply {
  readonly kind: 'done';
  readonly body: string;
  readonly position: { readonly epoch: number; readonly lsn: number };
}

type ChangeRow = [number, number, string, number, number];

const CAPTURE = `${CREATE_TABLE};
CREATE TABLE changes (id INTEGER PRIMARY KEY, time INTEGER, line TEXT);
CREATE TRIGGER capture AFTER INSERT ON bench BEGIN
  INSERT INTO changes (time, line) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), 'bench' || json_array(NEW.id, NEW.name, NEW.note));
END`;
const COUNT = 'SELECT id, time, line, changes(), last_insert_rowid() FROM changes WHERE id > ? ORDER BY id';

export class Ladder extends DurableObject {
  #lastChange = 0;
  #hash = '';
  #lsn = 1;

  capture(): void {
    this.ctx.storage.sql.exec(CAPTURE);
  }

  query(statement: Statement): string {
    const result = this.ctx.storage.transactionSync(() => this.#run(statement));
    return JSON.stringify({ results: [result], receipt: null });
  }

  execute({ statements, isCounted, isChained }: Message): Reply {
    const results = this.ctx.storage.transactionSync(() =>
      statements.map((statement) => {
        const result = this.#run(statement);
        if (isCounted) this.#count(isChained);
        return result;
      }),
    );
    this.#lsn += 1;
    return {
      kind: 'done',
      body: JSON.stringify({ results, receipt: null }),
      position: { epoch: 1, lsn: this.#lsn },
    };
  }

  #run({ sql, params }: Statement): unknown {
    const cursor = this.ctx.storage.sql.exec(sql, ...(params ?? []));
    const rows = [...cursor.raw()];
    const meta = { rows_read: cursor.rowsRead, rows_written: cursor.rowsWritten, duration_ms: 0 };
    return { columns: cursor.columnNames, rows, meta };
  }

  #count(isChained: boolean): void {
    for (const [id, time, line] of this.ctx.storage.sql.exec(COUNT, this.#lastChange).raw<ChangeRow>()) {
      this.#lastChange = id;
      const entry = `1\t1\t${this.#lsn}\t${time}\t${this.#hash}\n${line}`;
      if (isChained) this.#hash = bytesToHex(sha256Of(entry).subarray(0, 16));
    }
  }
}

const WAIT_MS = 7000;
const OPTIONS = [
  'tidemark-consistency',
  'tidemark-durability',
  'tidemark-max-staleness',
  'prefer',
  'tidemark-user',
  'idempotency-key',
];
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

async function serve(request: Request, env: Env, step: Step): Promise<Response> {
  // Steps that only read share the bare step's rows; each that captures has an object of its own.
  const stub = env.LADDER.getByName(has(step, 'captured') ? step : 'bare');
  if (step === 'bare') return bareAnswer(await stub.query(await request.json<Statement>()));
  const isChecked = has(step, 'incoming');
  const need = isChecked ? readIncoming(request.headers) : NOTHING_SEEN;
  const message: Message = {
    statements: [isChecked ? await readExactly(request) : await request.json<Statement>()],
    need,
    wait_ms: WAIT_MS,
    isCounted: has(step, 'counted'),
    isChained: has(step, 'chained'),
  };
  const call = stub.execute(message) as Promise<Reply>;
  const reply = has(step, 'deadline') ? await within(WAIT_MS, call) : await call;
  if (!has(step, 'outgoing')) return bareAnswer(reply.body);
  const { epoch, lsn } = reply.position;
  const seen = moveForward(need, 0, { epoch: toEpoch(epoch), lsn: toLsn(lsn) });
  return new Response(reply.body, {
    headers: {
      'Content-Type': 'application/json',
      'Tidemark-Request-Id': crypto.randomUUID(),
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Expose-Headers': 'Tidemark-Session, Tidemark-Request-Id, Retry-After',
      'Tidemark-Session': STEP_KEYS.sign(STEP_SCOPE, seen),
    },
  });
}

function bareAnswer(body: string): Response {
  return new Response(body, { headers: { 'content-type': 'application/json' } });
}

function readIncoming(headers: Headers): Seen {
  sha256Of(headers.get('authorization') ?? '');
  for (const name of OPTIONS) headers.get(name);
  const token = headers.get('tidemark-session');
  return token === null ? NOTHING_SEEN : STEP_KEYS.verify(token, STEP_SCOPE);
}

async function readExactly(request: Request): Promise<Statement> {
  return JSON.parse(UTF_8.decode(await request.arrayBuffer())) as Statement;
}

function stepOf(word: string | undefined): Step {
  if (word !== undefined && isStep(word)) return word;
  throw new Error(`${word} is not a step`);
}

/** As many layers and routes before the one that is meant as Tidemark has. */
const router = new Hono<{ Bindings: Env; Variables: { requestId: string } }>();
router.use(async (c, next) => {
  c.set('requestId', '');
  await next();
});
router.get('/healthz', (c) => c.text(''));
router.use(async (_, next) => next());
router.get('/v1/databases/:database', (c) => c.text(''));
router.post('/v1/databases/:database/query', (c) => serve(c.req.raw, c.env, stepOf(c.req.param('database'))));
router.post('/v1/databases/:database/capture', async (c) => {
  await c.env.LADDER.getByName(c.req.param('database')).capture();
  return c.json(null);
});

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, , , word, what] = new URL(request.url).pathname.split('/');
    const step = stepOf(word);
    if (has(step, 'routed') || what === 'capture') return router.fetch(request, env);
    return serve(request, env, step);
  },
};
