import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../shared/failure.ts';
import { type ChainEnd, decodeEntry } from '../../shared/log/entry.ts';
import { Log } from '../../shared/log/log.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import { all } from '../../shared/ports.ts';
import { parseChange } from '../../shared/tables/change.ts';
import { applyAgain } from '../../shared/tables/reapply.ts';
import { beginLeading } from '../../shared/tables/roles.ts';
import { rollBack, type RolledBack } from '../../shared/tables/rollback.ts';
import { whyNotUndone } from '../../shared/tables/undo.ts';
import type { Step } from '../differential/harness.ts';
import { scenarios } from '../differential/random-sql.ts';
import { NodeSql } from '../simulator/node-sql.ts';
import { keepAllLost } from './rollback.contract.ts';
import { TableReplica } from './table-replica.ts';

const runs = Number(process.env['FUZZ_RUNS'] ?? 20);
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_123);

const SCHEMA = /^(?:CREATE|DROP|ALTER)/;

const isSchema = ({ statements }: Step) => statements.some(({ sql }) => SCHEMA.test(sql));
const isCounter = ({ statements }: Step) => statements.some(({ sql }) => sql.includes('sqlite_sequence'));

/**
 * Without what cannot be undone: the schema is made first and stays, and mostly no table has AUTOINCREMENT. Whatever is done to the tables of one
 * scenario fits those of another, and many transactions fail, so what is done in several is done to one.
 */
const undoable = fc
  .tuple(
    fc.array(scenarios, { minLength: 4, maxLength: 12, size: 'max' }),
    fc.nat(4).map((n) => n === 0),
  )
  .map(([all, hasCounters]): readonly Step[] => {
    const plain = all.map((steps) =>
      steps.map((step) => ({
        ...step,
        statements: step.statements.map(({ sql, params }) => ({
          sql: sql.replace(' AUTOINCREMENT', hasCounters ? ' AUTOINCREMENT' : ''),
          params,
        })),
      })),
    );
    const rows = plain.flat().filter((step) => !isSchema(step) && !isCounter(step));
    return [...(plain[0] ?? []).filter(isSchema), ...rows];
  });
const workloads = fc.oneof({ weight: 4, arbitrary: undoable }, { weight: 1, arbitrary: scenarios });

class Undone extends Error {}

const counts = { entries: 0, undoable: 0, undone: 0, applied: 0 };
/** Why what should have been possible was not; shown with FUZZ_SHOW. */
const reasons = new Map<string, number>();

function count(reason: string): void {
  const alike = reason.replaceAll(/\bt\d\b/g, 't');
  reasons.set(alike, (reasons.get(alike) ?? 0) + 1);
}

interface Place {
  readonly end: ChainEnd;
  readonly digest: string;
}

/** Undoes the last entry, does it again, looks each time, and takes all that back. */
function undoLast(replica: TableReplica<NodeSql>, before: Place, lines: readonly string[]): void {
  const isUndoable = whyNotUndone(replica.sql, lines.map(parseChange)) === null;
  const after = replica.digest;
  counts.entries += 1;
  counts.undoable += isUndoable ? 1 : 0;
  try {
    replica.sql.transaction(() => {
      const from = { to: before.end, lostBy: toEpoch(2) };
      const done = rollBack(replica.sql, replica.log, from, { entries: 1, chars: 1 });
      if (!isUndoable) expect(done.kind).toBe('impossible');
      if (isUndoable && done.kind === 'impossible') count(done.reason);
      if (done.kind !== 'done') throw new Undone();
      expect(replica.digest).toBe(before.digest);
      expect(replica.end).toStrictEqual(before.end);
      counts.undone += 1;
      applyLast(replica, lines);
      expect(replica.digest).toBe(after);
      counts.applied += 1;
      throw new Undone();
    });
  } catch (error) {
    if (error instanceof Refusal) count(error.message);
    else if (!(error instanceof Undone)) throw error;
  }
  replica.reload();
}

function applyLast(replica: TableReplica<NodeSql>, lines: readonly string[]): void {
  beginLeading(replica.sql);
  const captured = new Log(replica.sql).capture();
  applyAgain(replica.sql, lines);
  captured.expectMore();
  expect(effective(captured.lines())).toStrictEqual(effective(lines));
}

/** A row that names itself is changed once more by its own key, into what it is. */
function effective(lines: readonly string[]): string[] {
  const isEffective = (line: string) => {
    const change = parseChange(line);
    return change.kind !== 'update' || change.before !== change.after;
  };
  return lines.filter(isEffective).toSorted();
}

function play(steps: readonly Step[], chunk: number, from: number): void {
  const replica = new TableReplica(new NodeSql()).lead();
  try {
    const places = [{ end: replica.end, digest: replica.digest }];
    const texts: string[] = [];
    for (const { statements } of steps) {
      const before = { end: replica.end, digest: replica.digest };
      const entry = replica.tryWrite(statements);
      if (entry === null) continue;
      undoLast(replica, before, decodeEntry(entry.text).changes);
      texts.push(entry.text);
      places.push({ end: replica.end, digest: replica.digest });
    }
    const at = Math.floor(from * places.length);
    const to = places[at];
    if (to === undefined) return;
    replica.follow();
    let done: RolledBack;
    do {
      done = replica.sql.transaction(() =>
        rollBack(
          replica.sql,
          replica.log,
          { to: to.end, lostBy: toEpoch(2) },
          { entries: chunk, chars: 4000 },
        ),
      );
      const here = places[replica.end.lsn];
      expect(replica.end).toStrictEqual(here?.end);
      expect(replica.digest).toBe(here?.digest);
      replica.reload();
      expect(replica.end).toStrictEqual(here?.end);
    } while (done.kind === 'more');
    if (done.kind === 'impossible') keepAllLost(replica, to.end);
    if (at < texts.length) expect(replica.lostTexts).toStrictEqual(texts.slice(at));
    if (done.kind === 'done') expect(replica.end.lsn).toBe(to.end.lsn);
    const rest = replica.log.readAfter(toLsn(0), { entries: Infinity, chars: Infinity });
    expect(rest?.map(({ text }) => text)).toStrictEqual(texts.slice(0, replica.end.lsn));
    expect(all(replica.sql, 'PRAGMA quick_check')).toStrictEqual([['ok']]);
  } finally {
    replica.sql.close();
  }
}

describe(`random rollbacks: FUZZ_SEED=${seed} FUZZ_RUNS=${runs} npx vitest run test/unit/rollback-random.test.ts`, () => {
  it(
    '[RB1] what was rolled back is what it was before, or nothing was undone',
    () => {
      fc.assert(
        fc.property(
          workloads,
          fc.integer({ min: 1, max: 6 }),
          fc.double({ min: 0, max: 0.999, noNaN: true }),
          play,
        ),
        { numRuns: runs, seed },
      );
      if (process.env['FUZZ_SHOW']) console.log(counts, [...reasons]);
      expect(counts.undone / counts.undoable).toBeGreaterThan(0.95);
      expect(counts.applied / counts.undone).toBeGreaterThan(0.95);
    },
    Math.max(60_000, runs * 2000),
  );
});
