import { toEpoch, toLsn } from '../lsn.ts';
import { all, first, run, type Sql } from '../ports.ts';
import { isAtLeast, type Position } from '../position.ts';

/** How far one user's devices have seen one database. A partition's position never goes back. */
export class Devices {
  readonly #sql: Sql;
  /** Equal to the table: written only after the row was. */
  readonly #seen: Map<number, Position>;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#seen = new Map(load(sql));
  }

  advance(partition: number, position: Position): void {
    const known = this.#seen.get(partition);
    if (known !== undefined && isAtLeast(known, position)) return this.#touch();
    if (known === undefined) run(this.#sql, CREATE);
    run(
      this.#sql,
      'INSERT OR REPLACE INTO _tidemark_seen (partition, epoch, lsn) VALUES (?, ?, ?)',
      partition,
      position.epoch,
      position.lsn,
    );
    this.#seen.set(partition, position);
  }

  seen(): readonly (readonly [partition: number, position: Position])[] {
    this.#touch();
    return [...this.#seen];
  }

  /** A replaced instance notices only at its storage that it was replaced; from memory it would answer with old positions. */
  #touch(): void {
    first(this.#sql, 'SELECT 1');
  }
}

const CREATE =
  'CREATE TABLE IF NOT EXISTS _tidemark_seen (partition INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, lsn INTEGER NOT NULL)';

function load(sql: Sql): [number, Position][] {
  if (first(sql, `SELECT 1 FROM sqlite_master WHERE name = '_tidemark_seen'`) === null) return [];
  return all(sql, 'SELECT partition, epoch, lsn FROM _tidemark_seen').map(([partition, epoch, lsn]) => [
    Number(partition),
    { epoch: toEpoch(Number(epoch)), lsn: toLsn(Number(lsn)) },
  ]);
}
