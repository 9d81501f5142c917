import type { HistoryEvent } from '../history.ts';
import { type Facts, gather, type Operation } from './facts.ts';
import { appendsOf, valuesByList } from './lists.ts';
import type { RegisterOperation, Value } from './register-operation.ts';
import { registerOperations } from './registers.ts';

/**
 * One operation on one register, for checkers of linearizability. `v`: of a write what it writes, of a cas
 * `[from, to]`. `out`: of a read what it saw (null: nothing), of a cas whether it matched. `call` and `ret` are places
 * in the history, so that no two are equal. `unknown`: it may have happened at any time after `call`, or never.
 */
export interface RegisterLine {
  readonly client: string;
  readonly f: 'read' | 'write' | 'cas';
  readonly k: string;
  readonly v: number | readonly [from: number, to: number] | null;
  readonly call: number;
  readonly ret: number | null;
  readonly out: Value;
  readonly unknown: boolean;
}

/** What LIN judges, as JSON lines, by register and then by time of call. */
export function toRegisterLines(history: readonly HistoryEvent[]): string {
  const operations = [...registerOperations(gather(history)).values()].flat();
  return operations
    .flatMap(registerLines)
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
}

function registerLines({ client, key, call, ret, does }: RegisterOperation): RegisterLine[] {
  const unknown = ret === Infinity;
  const times = { call, ret: unknown ? null : ret };
  if (does.kind === 'read')
    return [{ client, f: 'read', k: key, v: null, ...times, out: does.value ?? null, unknown }];
  return does.effects.map((effect, i) => {
    if (effect[0] === 'set')
      return { client, f: 'write', k: key, v: effect[2], ...times, out: null, unknown };
    const v = [effect[2], effect[3]] as const;
    return { client, f: 'cas', k: key, v, ...times, out: does.matched[i] ?? null, unknown };
  });
}

type ElleStep =
  | readonly ['append', list: string, value: number]
  | readonly ['r', list: string, values: readonly unknown[] | null];

/** elle-cli makes keywords of `type`, `f` and the first word of each step, so they are plain words here. */
interface ElleLine {
  readonly index: number;
  readonly type: 'invoke' | 'ok' | 'fail' | 'info';
  readonly process: number;
  readonly f: 'txn';
  readonly value: readonly ElleStep[];
  /** Nanoseconds. */
  readonly time: number;
}

const NS_IN_MS = 1_000_000;

/**
 * The history of the lists for `elle-cli --model list-append --consistency-models strong-session-serializable`: one
 * JSON array, the only JSON that it reads. A process is one client up to its first operation without a known end, as
 * in Jepsen; and each eventual read is a process of its own, for nothing orders it by session.
 */
export function toElleJson(history: readonly HistoryEvent[]): string {
  const facts = gather(history);
  const lists = [...new Set([...facts.operations.values()].flatMap(listsTouched))].toSorted();
  const start = history[0]?.t ?? 0;
  const lines: ElleLine[] = [];
  const processOf = processes(facts);
  for (const event of history) {
    if (event.event !== 'invoke' && event.event !== 'ok' && event.event !== 'fail' && event.event !== 'info')
      continue;
    const operation = facts.operations.get(event.op);
    if (operation === undefined || !isOfLists(operation)) continue;
    if (event.event !== 'invoke' && event !== operation.end) continue;
    lines.push({
      index: lines.length,
      type: event.event,
      process: processOf(event.op),
      f: 'txn',
      value: stepsOf(operation, event.event === 'ok' ? 'as it ended' : 'as asked', lists),
      time: (event.t - start) * NS_IN_MS,
    });
  }
  return `[${lines.map((line) => JSON.stringify(line)).join(',\n')}]\n`;
}

function isOfLists(operation: Operation): boolean {
  const { does } = operation.invoke;
  return does.kind === 'read' ? does.views.includes('lists') : appendsOf(operation).length > 0;
}

function listsTouched(operation: Operation): string[] {
  return [...appendsOf(operation).map(([list]) => list), ...(valuesByList(operation)?.keys() ?? [])];
}

/** A read is one of every list. */
function stepsOf(
  operation: Operation,
  when: 'as asked' | 'as it ended',
  lists: readonly string[],
): ElleStep[] {
  if (operation.invoke.does.kind === 'write')
    return appendsOf(operation).map(([list, value]) => ['append', list, value]);
  const seen = when === 'as it ended' ? valuesByList(operation) : null;
  return lists.map((list) => ['r', list, seen === null ? null : (seen.get(list) ?? [])]);
}

/** The process of each operation. A client that goes on while an operation is open, or ended unknown, goes on as another. */
function processes(facts: Facts): (op: number) => number {
  const found = new Map<number, number>();
  const clients = new Map<string, { readonly process: number; readonly last: Operation }>();
  let processesMade = 0;
  for (const operation of facts.operations.values()) {
    if (!isOfLists(operation)) continue;
    const { op, client, consistency } = operation.invoke;
    const known = clients.get(client);
    const isFree =
      known !== undefined && known.last.end?.event !== 'info' && known.last.endedAt < operation.invokedAt;
    const isAlone = consistency === 'eventual';
    const process = isFree && !isAlone ? known.process : processesMade++;
    found.set(op, process);
    if (!isAlone) clients.set(client, { process, last: operation });
  }
  return (op) => found.get(op) ?? -1;
}
