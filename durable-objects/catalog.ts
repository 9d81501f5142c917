import { DurableObject } from 'cloudflare:workers';
import { all, first, run } from '../shared/ports.ts';
import type { CatalogRpc } from '../shared/protocol/rpc.ts';
import type { ObjectsEnv } from './env.ts';
import { StorageSql } from './sql.ts';

/** The names of all databases, in one object. Only listing asks it; a database is found through its own directory. */
export class Catalog extends DurableObject<ObjectsEnv> implements CatalogRpc {
  readonly #sql: StorageSql;

  constructor(ctx: DurableObjectState, env: ObjectsEnv) {
    super(ctx, env);
    this.#sql = new StorageSql(ctx);
  }

  async add(database: string): Promise<void> {
    run(this.#sql, 'CREATE TABLE IF NOT EXISTS _tidemark_databases (name TEXT PRIMARY KEY) WITHOUT ROWID');
    run(this.#sql, 'INSERT OR IGNORE INTO _tidemark_databases (name) VALUES (?)', database);
  }

  async remove(database: string): Promise<void> {
    if (this.#isEmpty()) return;
    run(this.#sql, 'DELETE FROM _tidemark_databases WHERE name = ?', database);
  }

  async list(): Promise<readonly string[]> {
    if (this.#isEmpty()) return [];
    return all(this.#sql, 'SELECT name FROM _tidemark_databases ORDER BY name').map(([name]) => String(name));
  }

  /** No database was ever made, so there is no table yet; asking leaves none behind. */
  #isEmpty(): boolean {
    return first(this.#sql, `SELECT 1 FROM sqlite_master WHERE name = '_tidemark_databases'`) === null;
  }
}
