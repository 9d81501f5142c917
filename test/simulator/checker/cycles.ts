import { onEachChain } from './chains.ts';
import type { Facts } from './facts.ts';
import { Dependencies } from './dependencies.ts';
import { type ListRead, type Lists, listsOf } from './lists.ts';

/** Appends, reads that saw them or did not, and sessions agree on one order in which all of it happened, on each chain. */
export const CYC = onEachChain(function* (facts: Facts): Generator<string> {
  const lists = listsOf(facts);
  if (lists.appends.size === 0 && lists.reads.size === 0) return;
  const wrong = [...lists.reads.values()].flat().flatMap((read) => [...wrongWith(read, lists)]);
  yield* wrong;
  // Where reads do not agree on the order of the values, what follows from that order follows from nothing.
  const cycle = wrong.length > 0 ? null : new Dependencies(facts, lists).cycle();
  if (cycle !== null) yield cycle;
});

/** What a read alone shows to be wrong: without an order of the values there is none of the operations. */
function* wrongWith({ read, list, values }: ListRead, { appends, longest }: Lists): Generator<string> {
  const { op } = read.invoke;
  const most = longest.get(list);
  const wrong = values.findIndex((value, i) => value !== most?.values[i]);
  if (wrong !== -1) {
    yield `read ${op} saw ${show(values[wrong])} as number ${wrong + 1} of list ${list}, and read ${most?.read.invoke.op} saw ${show(most?.values[wrong])} there`;
    return;
  }
  // What all reads have in common is said once, of the longest.
  if (most?.read !== read) return;
  if (new Set(values).size < values.length)
    yield `read ${op} saw a value twice in list ${list}: ${values.join(' ')}`;
  for (const value of values) {
    const writer = appends.get(list)?.get(value);
    if (writer === undefined) yield `read ${op} saw ${show(value)} in list ${list}, which nobody appended`;
    else if (writer.end?.event === 'fail')
      yield `read ${op} saw ${show(value)} in list ${list}, and operation ${writer.invoke.op}, which appended it, failed`;
  }
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
