import { DurableObject } from 'cloudflare:workers';
import { toEpoch, toLsn } from '../shared/lsn.ts';
import { all, first, run } from '../shared/ports.ts';
import { isAtLeast, type Position } from '../shared/position.ts';
import type { SessionRpc } from '../shared/protocol/messages.ts';
import type { ObjectsEnv } from './env.ts';
import { StorageSql } from './sql.ts';

/** How far one user's devices have seen one database. A partition's position never goes back. */
export class Session extends DurableObject<ObjectsEnv> implements SessionRpc {
  readonly #sql: StorageSql;
  /** Equal to the table: written only after the row was. */
  readonly #seen: Map<number, Position>;

  constructor(ctx: DurableObjectState, env: ObjectsEnv) {
    super(ctx, env);
    this.#sql = new StorageSql(ctx);
    this.#seen = new Map(load(this.#sql));
  }

  async advance(partition: number, position: Position): Promise<void> {
    const known = this.#seen.get(partition);
    if (known !== undefined && isAtLeast(known, position)) return this.#touch();
    if (known === undefined) {
      run(
        this.#sql,
        'CREATE TABLE IF NOT EXISTS _tidemark_seen (partition INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, lsn INTEGER NOT NULL)',
      );
    }
    run(
      this.#sql,
      'INSERT OR REPLACE INTO _tidemark_seen (partition, epoch, lsn) VALUES (?, ?, ?)',
      partition,
      position.epoch,
      position.lsn,
    );
    this.#seen.set(partition, position);
  }

  async seen(): Promise<readonly (readonly [partition: number, position: Position])[]> {
    this.#touch();
    return [...this.#seen];
  }

  /** A replaced instance notices only at its storage that it was replaced; from memory it would answer with old positions. */
  #touch(): void {
    first(this.#sql, 'SELECT 1');
  }
}

function load(sql: StorageSql): [number, Position][] {
  if (first(sql, `SELECT 1 FROM sqlite_master WHERE name = '_tidemark_seen'`) === null) return [];
  return all(sql, 'SELECT partition, epoch, lsn FROM _tidemark_seen').map(([partition, epoch, lsn]) => [
    Number(partition),
    { epoch: toEpoch(Number(epoch)), lsn: toLsn(Number(lsn)) },
  ]);
}
