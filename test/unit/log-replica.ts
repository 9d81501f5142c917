import { LOG_LIMITS, type LogLimits } from '../../shared/limits.ts';
import { type ChainEnd, encodeEntry, hashOf, type Origin } from '../../shared/log/entry.ts';
import { createLog, Log } from '../../shared/log/log.ts';
import type { StoredEntry } from '../../shared/log/tail.ts';
import { type Epoch, EPOCH_FIRST, toLsn } from '../../shared/lsn.ts';
import { all, first, run } from '../../shared/ports.ts';
import { NodeSql } from '../simulator/node-sql.ts';

export const ALL = { entries: Infinity, chars: Infinity };

const TABLES = ['changes', 'entries', 'segments', 'segment_parts'] as const;

/** One log over one storage, which is written to as the cores do. */
export class LogReplica {
  readonly sql = new NodeSql();
  readonly #limits: LogLimits;
  log: Log;

  constructor(limits: LogLimits = LOG_LIMITS) {
    this.#limits = limits;
    createLog(this.sql);
    this.log = new Log(this.sql, limits);
  }

  /** What a crash or an eviction leaves. */
  reload(): void {
    this.log = new Log(this.sql, this.#limits);
  }

  /** Writes an entry as a leader. */
  write(
    lines: readonly string[],
    time: number,
    origin: Partial<Origin> = {},
    epoch: Epoch = EPOCH_FIRST,
  ): StoredEntry {
    return this.sql.transaction(() => {
      for (const line of lines)
        run(this.sql, 'INSERT INTO _tidemark_changes (time, line) VALUES (?, ?)', time, line);
      const captured = this.log.capture();
      captured.expectMore();
      return this.log.close(epoch, captured.read(), { request: null, user: null, ...origin });
    });
  }

  /** Does `work`, and then all is as before. */
  rollBack(work: () => void): void {
    try {
      this.sql.transaction(() => {
        work();
        throw new Rollback();
      });
    } catch (error) {
      if (!(error instanceof Rollback)) throw error;
    }
    this.reload();
  }

  count(table: (typeof TABLES)[number], where = 'true'): number {
    return first(this.sql, `SELECT count(*) FROM _tidemark_${table} WHERE ${where}`)?.[0] as number;
  }

  get rows(): number {
    return TABLES.reduce((sum, table) => sum + this.count(table), 0);
  }

  /** All that is stored, for a look at whether something changed. */
  get content(): unknown {
    return [...TABLES, 'log_start' as const].map((table) =>
      all(this.sql, `SELECT * FROM _tidemark_${table} ORDER BY 1, 2`),
    );
  }
}

class Rollback extends Error {}

/** What a leader elsewhere would write after `end`. */
export function entryAfter(
  end: ChainEnd,
  {
    epoch,
    time,
    changes,
  }: { readonly epoch: Epoch; readonly time: number; readonly changes: readonly string[] },
): StoredEntry {
  const position = { epoch, lsn: toLsn(end.lsn + 1) };
  const text = encodeEntry({ position, time, previous: end.hash, request: null, user: null, changes });
  return { end: { ...position, hash: hashOf(text) }, text, time };
}

export function texts(entries: readonly StoredEntry[] | null): string[] | null {
  return entries?.map((entry) => entry.text) ?? null;
}
