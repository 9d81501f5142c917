import { assert, present } from '../assert.ts';
import type { ChainEnd, Entry } from '../log/entry.ts';
import { all, first, run, type Sql } from '../ports.ts';
import { Applier } from './apply.ts';
import { type Change, parseChange, type RowChange } from './change.ts';
import { CopiedRange } from './copied-range.ts';
import { createRequests, keepRequest } from './requests.ts';
import { keepTrigger } from './roles.ts';
import { writeCounters } from './sequences.ts';
import { tableExists, userTables } from './schema.ts';
import type { CopiedRequest, CopyPlace, PiecePart, PieceRows, SnapshotStart } from './snapshot.ts';
import { wipe } from './wipe.ts';

/** What is stored with every step. The place's key or id has a row of its own, because it may be as large as a row. */
interface Stored {
  readonly end: ChainEnd;
  readonly stage: 'rows' | 'requests' | 'rest' | 'complete';
  readonly left: readonly string[];
  readonly tables: number;
  readonly rowsCopied: number;
}

export interface InstallProgress {
  /** Those that there were at the start. */
  readonly tables: number;
  readonly tablesCopied: number;
  readonly rowsCopied: number;
}

/**
 * A follower that takes over the leader's tables piece by piece while the log goes on.
 *
 * After each step its tables hold exactly the rows of the copied range (CopiedRange) as they were at `end`, so that a crash
 * loses one step at most and entries are applied as strictly as ever. Memory follows disk: when a step throws, its
 * transaction is undone and this object thrown away.
 */
export class Installation {
  readonly #sql: Sql;
  readonly #applier: Applier;
  readonly #range: CopiedRange;
  readonly #tables: number;
  #end: ChainEnd;
  #stage: 'requests' | 'rest' | 'complete';
  #afterRequest: string | null;
  #rowsCopied: number;

  private constructor(sql: Sql, stored: Stored, after: string | null) {
    this.#sql = sql;
    this.#applier = new Applier(sql, 'part of the rows');
    this.#range = new CopiedRange(stored.left, stored.stage === 'rows' ? after : null);
    this.#tables = stored.tables;
    this.#end = stored.end;
    this.#stage = stored.stage === 'rows' ? 'requests' : stored.stage;
    this.#afterRequest = stored.stage === 'requests' ? after : null;
    this.#rowsCopied = stored.rowsCopied;
  }

  /** As the last step left it; null where none is under way. Reads only. */
  static load(sql: Sql): Installation | null {
    if (first(sql, "SELECT 1 FROM sqlite_schema WHERE name = '_tidemark_installation'") === null) return null;
    const rows = new Map(all(sql, 'SELECT key, value FROM _tidemark_installation') as [string, string][]);
    const stored = JSON.parse(present(rows.get('progress'), 'the progress of an installation')) as Stored;
    return new Installation(sql, stored, rows.get('after') ?? null);
  }

  /** Drops what is here, an installation under way too, and makes the leader's tables as they were at `end`, empty. */
  static begin(sql: Sql, start: SnapshotStart, end: ChainEnd): Installation {
    createRequests(sql);
    wipe(sql);
    for (const text of start.schema) run(sql, text);
    for (const trigger of start.triggers) keepTrigger(sql, trigger);
    run(
      sql,
      'CREATE TABLE IF NOT EXISTS _tidemark_installation (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID',
    );
    const stage = start.tables.length === 0 ? 'requests' : 'rows';
    const stored: Stored = { end, stage, left: start.tables, tables: start.tables.length, rowsCopied: 0 };
    const made = new Installation(sql, stored, null);
    made.#store();
    return made;
  }

  /** The position of what is here, with the hash that the next entry must name. */
  get end(): ChainEnd {
    return this.#end;
  }

  get place(): CopyPlace {
    if (this.#range.place !== null) return this.#range.place;
    return this.#stage === 'requests' ? { kind: 'requests', after: this.#afterRequest } : { kind: 'rest' };
  }

  get progress(): InstallProgress {
    const place = this.#range.place;
    const left = place === null ? 0 : 1 + place.next.length;
    return { tables: this.#tables, tablesCopied: this.#tables - left, rowsCopied: this.#rowsCopied };
  }

  /** Whether all that the leader had at `end` is here. */
  get isComplete(): boolean {
    return this.#range.place === null && this.#stage === 'complete';
  }

  /**
   * One step: the entries behind `end` in order, as far as they concern the copied range, then what was read for `place`
   * at the new `end`. Null: entries only. @throws DivergenceError or SqlError; then nothing may stay.
   */
  advance(entries: readonly Entry[], end: ChainEnd, piece: PieceRows | null): void {
    this.#apply(entries);
    // Where the entries changed the place, what was read for the old one is not what comes next.
    for (const part of piece ?? []) if (!this.#take(part)) break;
    this.#end = end;
    this.#store();
  }

  /** Takes the progress away: the tables are those of a replica at `end`. */
  finish(): void {
    assert(this.isComplete, 'an installation ends when all is copied');
    run(this.#sql, 'DROP TABLE _tidemark_installation');
  }

  #apply(entries: readonly Entry[]): void {
    let rows: RowChange[][] = [];
    for (const entry of entries) {
      rows.push([]);
      for (const change of entry.changes.map(parseChange)) {
        if (change.kind !== 'schema') {
          rows.at(-1)?.push(change);
          continue;
        }
        this.#applyRows(rows);
        this.#applySchema(change);
        rows = [[]];
      }
    }
    this.#applyRows(rows);
    for (const { request, position, time } of entries)
      if (request !== null) keepRequest(this.#sql, request, { lsn: position.lsn, time, in: 'log' });
  }

  #applyRows(entries: readonly (readonly RowChange[])[]): void {
    const changes = this.#range.restrict(this.#sql, entries);
    if (changes.some(({ length }) => length > 0)) this.#applier.applyChanges(changes);
  }

  #applySchema(change: Extract<Change, { kind: 'schema' }>): void {
    const before = userTables(this.#sql);
    this.#applier.applyChanges([[change]]);
    if (change.schema.sql !== null) this.#range.follow(before, userTables(this.#sql));
  }

  /** Whether the part is what comes next; only then it is taken. */
  #take(part: PiecePart): boolean {
    const { place } = this;
    switch (part.kind) {
      case 'rows':
        if (place.kind !== 'rows' || place.table !== part.table || place.after !== part.after) return false;
        this.#takeRows(part);
        return true;
      case 'requests':
        if (place.kind !== 'requests' || place.after !== part.after) return false;
        this.#takeRequests(part);
        return true;
      case 'rest':
        if (place.kind !== 'rest') return false;
        this.#takeRest(part);
        return true;
    }
  }

  #takeRows({ table, images, key }: Extract<PiecePart, { kind: 'rows' }>): void {
    const rows = images === '' ? [] : images.split('\n');
    this.#applier.insertRows(table, rows);
    this.#rowsCopied += rows.length;
    this.#range.extend(key);
  }

  #takeRequests({ requests, isLast }: Extract<PiecePart, { kind: 'requests' }>): void {
    for (const request of requests) insertRequest(this.#sql, request);
    this.#afterRequest = requests.at(-1)?.id ?? this.#afterRequest;
    if (isLast) this.#stage = 'rest';
  }

  /** The rows moved the counters as they came; now they are set to what they are. */
  #takeRest({ sequences, statistics }: Extract<PiecePart, { kind: 'rest' }>): void {
    writeCounters(this.#sql, sequences);
    if (tableExists(this.#sql, 'sqlite_stat1')) {
      run(this.#sql, 'DELETE FROM sqlite_stat1');
      for (const image of statistics)
        run(this.#sql, "INSERT INTO sqlite_stat1 VALUES (?1->>'$[0]', ?1->>'$[1]', ?1->>'$[2]')", image);
      // SQLite reads them when it analyzes.
      if (statistics.length > 0) run(this.#sql, 'ANALYZE sqlite_schema');
    }
    this.#stage = 'complete';
  }

  #store(): void {
    const { place } = this;
    const stage = place.kind === 'rest' ? this.#stage : place.kind;
    const left = place.kind === 'rows' ? [place.table, ...place.next] : [];
    const stored: Stored = {
      end: this.#end,
      stage,
      left,
      tables: this.#tables,
      rowsCopied: this.#rowsCopied,
    };
    const after = place.kind === 'rest' ? null : place.after;
    run(
      this.#sql,
      "INSERT OR REPLACE INTO _tidemark_installation VALUES ('progress', ?)",
      JSON.stringify(stored),
    );
    if (after === null) run(this.#sql, "DELETE FROM _tidemark_installation WHERE key = 'after'");
    else run(this.#sql, "INSERT OR REPLACE INTO _tidemark_installation VALUES ('after', ?)", after);
  }
}

function insertRequest(sql: Sql, { id, fingerprint, answer, lsn, time }: CopiedRequest): void {
  run(
    sql,
    'INSERT OR REPLACE INTO _tidemark_requests (id, fingerprint, answer, lsn, time, in_log) VALUES (?, ?, ?, ?, ?, 1)',
    id,
    fingerprint,
    answer,
    lsn,
    time,
  );
}
