import { decodeEntry } from '../../shared/log/entry.ts';
import { Log } from '../../shared/log/log.ts';
import { LSN_ZERO } from '../../shared/lsn.ts';
import { all } from '../../shared/ports.ts';
import { parseChange } from '../../shared/tables/change.ts';
import { replicaFiles } from '../http/contents.ts';
import type { Final } from '../simulator/history.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { finalState } from '../simulator/recorder.ts';
import { JOURNAL_TABLE, type LoggedEntry } from './journal.ts';

/** What one replica's file holds after the server's end. */
export interface ReplicaFile {
  readonly final: Final;
  readonly log: readonly LoggedEntry[];
  /** The journal's operations in the order of their rows. */
  readonly ops: readonly number[];
}

/** By region; each replica goes by the name of its region. Only while no server runs. */
export function readReplicas(storage: string, database: string): Map<string, ReplicaFile> {
  const files = [...replicaFiles(storage, database)];
  return new Map(files.map(([region, path]) => [region, readReplica(region, path)]));
}

function readReplica(region: string, path: string): ReplicaFile {
  const sql = new NodeSql({ path });
  try {
    const log = new Log(sql);
    const entries = log.readAfter(LSN_ZERO, { entries: Infinity, chars: Infinity }) ?? [];
    const ops = all(sql, `SELECT op FROM ${JOURNAL_TABLE} ORDER BY id`).map(([op]) => Number(op));
    return {
      final: finalState(region, log.position, sql),
      log: entries.map(({ end, text }) => ({
        position: { epoch: end.epoch, lsn: end.lsn },
        ops: journaledIn(text),
      })),
      ops,
    };
  } finally {
    sql.close();
  }
}

function journaledIn(text: string): number[] {
  return decodeEntry(text).changes.flatMap((line) => {
    const change = parseChange(line);
    if (change.kind !== 'insert' || change.table !== JOURNAL_TABLE) return [];
    return [Number((JSON.parse(change.after) as unknown[])[1])];
  });
}
