import { type Position, showPosition } from '../../../shared/position.ts';
import type { Append } from '../history.ts';
import { ACCOUNTS, BALANCE, type Effect, Model, type View } from '../model.ts';
import { type Facts, succeeded } from './facts.ts';

interface ReadRows {
  readonly op: number;
  readonly position: Position;
  readonly views: readonly View[];
  /** As JSON, to be compared. */
  readonly rows: string;
}

function readsOf(facts: Facts): ReadRows[] {
  return [...succeeded(facts, 'read')].map(({ invoke, end }) => {
    const { does } = invoke;
    const views = does.kind === 'read' ? does.views : [];
    return { op: invoke.op, position: end.position, views, rows: JSON.stringify(end.rows) };
  });
}

function effectsOf(facts: Facts, { op }: Append): readonly Effect[] {
  const does = op === null ? undefined : facts.operations.get(op)?.invoke.does;
  return does?.kind === 'write' ? does.effects : [];
}

/** The model at every position from the beginning, one after the other; the same object each time. */
function* states(
  facts: Facts,
): Generator<{ readonly lsn: number; readonly model: Model; readonly isPossible: boolean }> {
  const model = new Model();
  yield { lsn: 0, model, isPossible: true };
  for (const entry of facts.entries) {
    const isPossible = effectsOf(facts, entry)
      .map((effect) => model.apply(effect))
      .every(Boolean);
    yield { lsn: entry.position.lsn, model, isPossible };
  }
}

function show(model: Model, views: readonly View[]): string {
  return JSON.stringify(views.map((view) => model.view(view)));
}

/** Before the tables were made there is nothing that a read could look at. */
const LSN_OF_SETUP = 1;

/** The reads whose rows are not those of the position they name. */
function misplaced(facts: Facts): ReadRows[] {
  const waiting = Map.groupBy<number, ReadRows>(readsOf(facts), ({ position }) => position.lsn);
  const found: ReadRows[] = [];
  for (const { lsn, model } of states(facts)) {
    const here = waiting.get(lsn) ?? [];
    waiting.delete(lsn);
    found.push(...here.filter(({ views, rows }) => lsn < LSN_OF_SETUP || show(model, views) !== rows));
  }
  // What is left names a position that the log does not have.
  return [...found, ...[...waiting.values()].flat()];
}

function existsSomewhere(facts: Facts, { views, rows }: ReadRows): boolean {
  return states(facts).some(({ lsn, model }) => lsn >= LSN_OF_SETUP && show(model, views) === rows);
}

/** A read's rows are those of exactly one position. */
export function* T5(facts: Facts): Generator<string> {
  for (const read of misplaced(facts)) {
    if (!existsSomewhere(facts, read))
      yield `the rows of read ${read.op} are those of no position: ${read.rows}`;
  }
}

/** The token given out is the position that was read. */
export function* T6(facts: Facts): Generator<string> {
  for (const read of misplaced(facts)) {
    if (existsSomewhere(facts, read))
      yield `read ${read.op} says ${showPosition(read.position)}, and its rows are of another position`;
  }
}

/** Nobody sees a transaction in part, and none is in the log in part. */
export function* I11(facts: Facts): Generator<string> {
  for (const { op, views, rows } of readsOf(facts)) {
    const accounts = (JSON.parse(rows) as [number, number][][])[views.indexOf('accounts')];
    if (accounts === undefined) continue;
    const total = accounts.reduce((sum, [, balance]) => sum + balance, 0);
    if (total !== ACCOUNTS * BALANCE)
      yield `read ${op} saw ${total} in all accounts, which always hold ${ACCOUNTS * BALANCE}`;
  }
  for (const { lsn, isPossible } of states(facts)) {
    if (!isPossible) yield `entry ${lsn} did what could not be done at its position`;
  }
}
