import { type Position, showPosition } from '../../../shared/position.ts';
import type { Append } from '../history.ts';
import { ACCOUNTS, areSameRows, BALANCE, type Effect, Model, type View } from '../model.ts';
import { onEachChain } from './chains.ts';
import { type Facts, succeeded } from './facts.ts';

interface ReadRows {
  readonly op: number;
  readonly position: Position;
  readonly views: readonly View[];
  /** For each view. */
  readonly rows: readonly (readonly (readonly unknown[])[])[];
}

/** What one replay of the log found. */
interface Replay {
  /** The reads whose rows are not those of the position they name, but of some other. */
  readonly ofAnother: readonly ReadRows[];
  /** Those whose rows are of no position at all. */
  readonly ofNone: readonly ReadRows[];
  /** The LSNs of the entries that could not have been made where they are. */
  readonly impossible: readonly number[];
}

/** Before the tables were made there is nothing that a read could look at. */
const LSN_OF_SETUP = 1;

function readsOf(facts: Facts): ReadRows[] {
  const reads: ReadRows[] = [];
  for (const { invoke, end } of succeeded(facts, 'read')) {
    const views = invoke.does.kind === 'read' ? invoke.does.views : [];
    // A read without views is of tables that the model does not know.
    if (views.length > 0) reads.push({ op: invoke.op, position: end.position, views, rows: end.rows ?? [] });
  }
  return reads;
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
    let isPossible = true;
    for (const effect of effectsOf(facts, entry)) isPossible = model.apply(effect) && isPossible;
    yield { lsn: entry.position.lsn, model, isPossible };
  }
}

function shows(model: Model, { views, rows }: ReadRows): boolean {
  return (
    rows.length === views.length && views.every((view, i) => areSameRows(rows[i] ?? [], model.view(view)))
  );
}

const replays = new WeakMap<Facts, Replay>();

/** Three predicates need it, and a history is long: it is done once. */
function replayOf(facts: Facts): Replay {
  const known = replays.get(facts);
  if (known !== undefined) return known;
  const replay = newReplay(facts);
  replays.set(facts, replay);
  return replay;
}

function newReplay(facts: Facts): Replay {
  const waiting = Map.groupBy<number, ReadRows>(readsOf(facts), ({ position }) => position.lsn);
  const misplaced: ReadRows[] = [];
  const impossible: number[] = [];
  for (const { lsn, model, isPossible } of states(facts)) {
    if (!isPossible) impossible.push(lsn);
    const here = waiting.get(lsn);
    if (here === undefined) continue;
    waiting.delete(lsn);
    for (const read of here) if (lsn < LSN_OF_SETUP || !shows(model, read)) misplaced.push(read);
  }
  // What is left names a position that the log does not have.
  misplaced.push(...[...waiting.values()].flat());
  const elsewhere = misplaced.length === 0 ? new Set<ReadRows>() : foundElsewhere(facts, misplaced);
  return {
    ofAnother: misplaced.filter((read) => elsewhere.has(read)),
    ofNone: misplaced.filter((read) => !elsewhere.has(read)),
    impossible,
  };
}

/** Those of `reads` whose rows are the model's at some position. */
function foundElsewhere(facts: Facts, reads: readonly ReadRows[]): Set<ReadRows> {
  const found = new Set<ReadRows>();
  for (const { lsn, model } of states(facts)) {
    if (lsn < LSN_OF_SETUP) continue;
    for (const read of reads) if (!found.has(read) && shows(model, read)) found.add(read);
  }
  return found;
}

/** A read's rows are those of exactly one position. */
export const T5 = onEachChain(function* (facts: Facts): Generator<string> {
  for (const { op, rows } of replayOf(facts).ofNone)
    yield `the rows of read ${op} are those of no position: ${JSON.stringify(rows)}`;
});

/** The token given out is the position that was read. */
export const T6 = onEachChain(function* (facts: Facts): Generator<string> {
  for (const { op, position } of replayOf(facts).ofAnother)
    yield `read ${op} says ${showPosition(position)}, and its rows are of another position`;
});

/** Nobody sees a transaction in part, and none is in the log in part. */
export const I11 = onEachChain(function* (facts: Facts): Generator<string> {
  const { ofAnother, ofNone, impossible } = replayOf(facts);
  // What a position shows is whole, or its entry is among the impossible.
  for (const { op, views, rows } of [...ofAnother, ...ofNone]) {
    const accounts = rows[views.indexOf('accounts')];
    if (accounts !== undefined) yield* wrongTotal(op, accounts);
    const pairs = rows[views.indexOf('pairs')];
    if (pairs !== undefined) yield* answersAlone(op, pairs);
  }
  for (const lsn of impossible) yield `entry ${lsn} did what could not be done at its position`;
});

function* wrongTotal(op: number, accounts: readonly (readonly unknown[])[]): Generator<string> {
  const total = accounts.reduce((sum, [, balance]) => sum + Number(balance), 0);
  if (total !== ACCOUNTS * BALANCE)
    yield `read ${op} saw ${total} in all accounts, which always hold ${ACCOUNTS * BALANCE}`;
}

function* answersAlone(op: number, pairs: readonly (readonly unknown[])[]): Generator<string> {
  const asked = new Set<unknown>();
  for (const [n, what] of pairs) {
    if (what === 'question') asked.add(n);
    else if (!asked.has(n)) yield `read ${op} saw an answer to ${String(n)}, and not the question`;
  }
}
