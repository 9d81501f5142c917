import { decodeEntry } from '../../shared/log/entry.ts';
import { Log } from '../../shared/log/log.ts';
import { present } from '../../shared/assert.ts';
import { all, type Sql } from '../../shared/ports.ts';
import type { Position } from '../../shared/position.ts';
import { loadAssigned } from '../../shared/protocol/assigned.ts';
import type { Assignment } from '../../shared/protocol/assignment.ts';
import { parseChange } from '../../shared/tables/change.ts';
import { keptLostEntries } from '../../shared/tables/lost-entries.ts';
import { replicaFiles } from '../http/contents.ts';
import type { Final } from '../simulator/history.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { finalState } from '../simulator/recorder.ts';
import { JOURNAL_TABLE, type LoggedEntry } from './journal.ts';

/** What one replica's file holds after the server's end. */
export interface ReplicaFile {
  readonly final: Final;
  readonly assignment: Assignment;
  readonly log: readonly LoggedEntry[];
  /** What failovers cut off and it has kept. */
  readonly kept: readonly LoggedEntry[];
  /** The journal's operations in the order of their rows. */
  readonly ops: readonly number[];
}

/** By region; each replica goes by the name of its region, and `states` are what it said of itself. Only while no server runs. */
export function readReplicas(
  storage: string,
  database: string,
  states: ReadonlyMap<string, string>,
): Map<string, ReplicaFile> {
  const files = [...replicaFiles(storage, database)];
  return new Map(
    files.map(([region, path]) => [region, readReplica(region, path, states.get(region) ?? null)]),
  );
}

function readReplica(region: string, path: string, state: string | null): ReplicaFile {
  const sql = new NodeSql({ path });
  try {
    const log = new Log(sql);
    const entries = log.readAfter(log.start.lsn, { entries: Infinity, chars: Infinity }) ?? [];
    const ops = all(sql, `SELECT op FROM ${JOURNAL_TABLE} ORDER BY id`).map(([op]) => Number(op));
    return {
      final: finalState(region, log.position, sql, state),
      assignment: present(loadAssigned(sql), 'an assignment').assignment,
      log: entries.map(({ end, text }) => ({
        position: { epoch: end.epoch, lsn: end.lsn },
        ops: journaledIn(decodeEntry(text).changes),
      })),
      kept: keptIn(sql),
      ops,
    };
  } finally {
    sql.close();
  }
}

const PAGE = 1_000;

function keptIn(sql: Sql): LoggedEntry[] {
  const kept: LoggedEntry[] = [];
  const nothing = { epoch: null, from_lsn: null, to_lsn: null, from_time: null, to_time: null };
  for (;;) {
    const after: Position | null = kept.at(-1)?.position ?? null;
    const next = keptLostEntries(sql, { ...nothing, user: null, table: null, after, limit: PAGE });
    if (next.length === 0) return kept;
    kept.push(...next.map(({ position, changes }) => ({ position, ops: journaledIn(changes) })));
  }
}

function journaledIn(changes: readonly string[]): number[] {
  return changes.flatMap((line) => {
    const change = parseChange(line);
    if (change.kind !== 'insert' || change.table !== JOURNAL_TABLE) return [];
    return [Number((JSON.parse(change.after) as unknown[])[1])];
  });
}
