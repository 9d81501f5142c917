import { toEpoch, toLsn } from '../lsn.ts';
import { all, first, run, type Sql } from '../ports.ts';
import { comparePositions, isAtLeast, type Position } from '../position.ts';
import { type Loss, rewound } from './rewind.ts';

/** Epochs of which a partition's position is kept. Beyond that the oldest goes: its user was gone for as many failovers. */
const EPOCHS_MAX = 8;

/**
 * How far one user's devices have seen one database: of each partition, how far in each of its last epochs. Never goes back, but where what was
 * seen was lost in a failover and a device was told so. A position of an older epoch stays beside a newer one: it may be lost, and
 * were it replaced, nobody would be told.
 */
export class Devices {
  readonly #sql: Sql;
  /** By partition, the newest first. Equal to the table: written only after the row was. */
  readonly #seen: Map<number, readonly Position[]>;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#seen = load(sql);
  }

  advance(partition: number, position: Position): void {
    const known = this.#of(partition).find(({ epoch }) => epoch === position.epoch);
    if (known !== undefined && isAtLeast(known, position)) return this.#touch();
    if (this.#seen.size === 0) run(this.#sql, CREATE);
    this.#put(partition, position);
    for (const old of this.#of(partition).slice(EPOCHS_MAX)) this.#drop(partition, old);
  }

  /** What was seen up to `lost` is lost. What the devices have seen since stays. */
  rewind(partition: number, loss: Loss): void {
    const known = this.#of(partition).find(({ epoch }) => epoch === loss.lost.epoch);
    const now = known === undefined ? known : rewound(known, loss);
    if (known === undefined || now === undefined || now === known) return this.#touch();
    this.#drop(partition, known);
    this.advance(partition, now);
  }

  /** Of each partition the newest position first, and then those of older epochs. */
  seen(): readonly (readonly [partition: number, position: Position])[] {
    this.#touch();
    return [...this.#seen].flatMap(([partition, positions]) =>
      positions.map((position) => [partition, position] as const),
    );
  }

  #of(partition: number): readonly Position[] {
    return this.#seen.get(partition) ?? [];
  }

  #put(partition: number, position: Position): void {
    const { epoch, lsn } = position;
    run(
      this.#sql,
      'INSERT OR REPLACE INTO _tidemark_seen (partition, epoch, lsn) VALUES (?, ?, ?)',
      partition,
      epoch,
      lsn,
    );
    this.#seen.set(partition, newestFirst([...this.#without(partition, position), position]));
  }

  #drop(partition: number, position: Position): void {
    run(this.#sql, 'DELETE FROM _tidemark_seen WHERE partition = ? AND epoch = ?', partition, position.epoch);
    this.#seen.set(partition, this.#without(partition, position));
  }

  #without(partition: number, { epoch }: Position): readonly Position[] {
    return this.#of(partition).filter((position) => position.epoch !== epoch);
  }

  /** A replaced instance notices only at its storage that it was replaced; from memory it would answer with old positions. */
  #touch(): void {
    first(this.#sql, `SELECT 1 FROM sqlite_master WHERE name = '_tidemark_seen'`);
  }
}

/** Without a rowid, because a key of two columns would else be an index of its own: a second row for each write. */
const CREATE =
  'CREATE TABLE IF NOT EXISTS _tidemark_seen (partition INTEGER, epoch INTEGER, lsn INTEGER NOT NULL, PRIMARY KEY (partition, epoch)) WITHOUT ROWID';

function load(sql: Sql): Map<number, readonly Position[]> {
  const seen = new Map<number, readonly Position[]>();
  if (first(sql, `SELECT 1 FROM sqlite_master WHERE name = '_tidemark_seen'`) === null) return seen;
  for (const row of all(sql, 'SELECT partition, epoch, lsn FROM _tidemark_seen')) {
    const [partition, epoch, lsn] = row.map(Number) as [number, number, number];
    const position = { epoch: toEpoch(epoch), lsn: toLsn(lsn) };
    seen.set(partition, newestFirst([...(seen.get(partition) ?? []), position]));
  }
  return seen;
}

function newestFirst(positions: readonly Position[]): readonly Position[] {
  return positions.toSorted((a, b) => comparePositions(b, a));
}
