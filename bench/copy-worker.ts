import { DurableObject } from 'cloudflare:workers';
import { CREATE_ITEMS, FILL_ITEMS } from './bodies.ts';

/** Tables copied from one bare object to another, as fast as simple code does it: what an install is measured against. */
interface Env {
  readonly COPY: DurableObjectNamespace<Copy>;
}

interface Piece {
  /** Rows as `[[id, name, note], …]`. */
  readonly rows: string;
  /** The last key; null at the end. */
  readonly last: number | null;
}

const READ =
  'SELECT id, json_array(id, name, note) FROM items WHERE id > ? ORDER BY id LIMIT CAST(? AS INTEGER)';
const WRITE = 'INSERT INTO items SELECT value->>0, value->>1, value->>2 FROM json_each(?)';

export class Copy extends DurableObject<Env> {
  fill(rows: number): void {
    this.#make();
    this.ctx.storage.sql.exec(FILL_ITEMS, 1, rows);
  }

  read(after: number, rows: number): Piece {
    const images: string[] = [];
    let last = after;
    for (const [id, image] of this.ctx.storage.sql.exec(READ, after, rows).raw<[number, string]>()) {
      images.push(image);
      last = id;
    }
    return { rows: `[${images.join(',')}]`, last: images.length < rows ? null : last };
  }

  async copy(from: string, rows: number): Promise<void> {
    this.#make();
    const source = this.env.COPY.getByName(from);
    for (let after: number | null = 0; after !== null;) {
      const piece: Piece = await source.read(after, rows);
      this.ctx.storage.sql.exec(WRITE, piece.rows);
      after = piece.last;
    }
    await this.ctx.storage.sync();
  }

  count(): number {
    return this.ctx.storage.sql.exec<{ rows: number }>('SELECT count(*) AS rows FROM items').one().rows;
  }

  async erase(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  #make(): void {
    for (const text of CREATE_ITEMS) this.ctx.storage.sql.exec(text);
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const rows = Number(searchParams.get('rows'));
    const source = env.COPY.getByName('source');
    const target = env.COPY.getByName(searchParams.get('to') ?? 'target');
    if (pathname === '/fill') await source.fill(rows);
    if (pathname === '/copy') await target.copy('source', rows);
    if (pathname === '/erase') await target.erase();
    return Response.json({ count: pathname === '/copy' ? await target.count() : null });
  },
};
