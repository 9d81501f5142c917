import type { Position } from '../position.ts';
import { isLost } from '../protocol/lost.ts';
import type { Leadership } from '../protocol/assignment.ts';
import { MESSAGE_VERSION } from '../protocol/messages.ts';
import type { DatabaseRecord } from '../protocol/directory.ts';
import type { Durability } from '../protocol/settings.ts';
import { type Ask, askOne, type Routing, type Served } from './asks.ts';
import { directed, partitionOf, patienceOf } from './directed.ts';
import { TURNED_AWAY, UNKNOWN } from './failures.ts';
import { reachedBy } from './loss.ts';
import { LEADER_WAIT_MS } from './messages.ts';

/** A lost entry that is to be done again. */
export interface Redo {
  readonly partition: number;
  /** The entry's text. */
  readonly text: string;
  /** Where it was applied again before, as far as is known; null where it was not. */
  readonly applied: Position | null;
  readonly durability: Durability | null;
  readonly hold_ms: number;
  /** The asker's clock, in milliseconds. */
  readonly now: number;
}

/** @throws Refusal `unavailable` */
export function reapply(redo: Redo, record: DatabaseRecord): Routing<Served> {
  const patience = { isKeyed: false, now: redo.now, patience_ms: patienceOf(redo.hold_ms) };
  return directed(record, patience, (current) => reapplyAt(redo, partitionOf(current, redo.partition)));
}

/** The leader does it once at most, so it may be asked again where its answer was lost. */
function* reapplyAt({ text, applied, durability, hold_ms }: Redo, leadership: Leadership): Routing<Served> {
  const was_applied = applied !== null && !isLost(leadership, applied);
  const request = { version: MESSAGE_VERSION, text, was_applied, durability, hold_ms };
  const ask: Ask = { kind: 'reapply', to: leadership.leader, request, timeout_ms: LEADER_WAIT_MS };
  const first = yield* askOne(ask);
  if (first.kind === 'overloaded') return { leadership, answer: TURNED_AWAY };
  if (first.kind === 'answered') return { leadership, answer: first.answer };
  const second = yield* askOne(ask);
  const answer = second.kind === 'answered' ? second.answer : UNKNOWN;
  // What this one was refused for says nothing of the first, which may be on its way still.
  const isTold =
    answer.kind === 'done' || (answer.kind === 'failed' && answer.failure.code === 'outcome-unknown');
  return { leadership, answer: isTold ? answer : { ...UNKNOWN, position: reachedBy(answer) } };
}
