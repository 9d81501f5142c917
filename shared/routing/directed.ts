import { assert } from '../assert.ts';
import { isNewer, type Leadership } from '../protocol/assignment.ts';
import type { Misdirected, ReplicaAnswer } from '../protocol/messages.ts';
import type { DatabaseRecord } from '../protocol/directory.ts';
import { refuse } from '../failure.ts';
import { askOne, type Routing, replyAt, type Served } from './asks.ts';
import { NOT_SERVED, unavailable } from './failures.ts';

const PAUSE_MS_MIN = 50;
/** So often the directory is asked who leads while nobody does. */
const PAUSE_MS_MAX = 400;

/** Longer than a directory waits for replicas, where it must first finish making the database. */
const LOOK_UP_MS = 15_000;
/** For a request that has its answer already, and may get a better one. */
const SECOND_LOOK_MS = 2_000;

const PATIENCE_MS_MIN = 2_000;
const PATIENCE_MS_MAX = 10_000;
assert(
  PATIENCE_MS_MIN >= PAUSE_MS_MIN + 2 * PAUSE_MS_MAX,
  'a request waits for a planned failover, which takes a few messages',
);

/** How long a request may look for a leader that is willing to lead. */
export interface Patience {
  /** Whether the request has an id: one whose outcome nobody knows may then be tried again, as it is applied once at most. */
  readonly isKeyed: boolean;
  /** The asker's clock when the request had come, in milliseconds. */
  readonly now: number;
  readonly patience_ms: number;
}

export function patienceOf(wanted_ms: number): number {
  return Math.min(Math.max(wanted_ms, PATIENCE_MS_MIN), PATIENCE_MS_MAX);
}

/** What an attempt has to know of those before it. */
export interface Before {
  /** How long the request has been here. */
  readonly passed_ms: number;
  /** Whether one of them may have applied the request: then nothing but its answer says that it was not. */
  readonly isOpen: boolean;
}

/** One try with a record. */
type Attempt = (record: DatabaseRecord, before: Before) => Routing<Served>;

/**
 * Tries until whoever leads by the record agrees. Who says that it is not the one has applied nothing, so it is safe to ask another, also for a
 * write without a request id: the record was stale, or a failover runs, or who leads by the newest record was not told yet. In the
 * end the request is `unavailable`, and never left open. One that was not served for another reason was not applied either: the leader of the
 * record may be gone for good, and not say so, so a newer leader is asked where there is one. So is it for a write with a request id of which
 * nobody knows what became: the id lives and is lost with the write.
 * @throws Refusal `unavailable`; what `attempt` throws
 */
export function* directed(start: DatabaseRecord, patience: Patience, attempt: Attempt): Routing<Served> {
  const served = yield* tryOn(
    yield* attempt(start, { passed_ms: 0, isOpen: false }),
    start,
    patience,
    attempt,
  );
  if (isOutdated(served)) yield* askOne({ kind: 'forget', database: start.database });
  return served;
}

function* tryOn(
  first: Served,
  { database, ...start }: DatabaseRecord,
  { isKeyed, now, patience_ms }: Patience,
  attempt: Attempt,
): Routing<Served> {
  let served = first;
  let { incarnation } = start;
  // The pauses count by themselves as well: a clock that is set back must not make anyone wait for ever.
  let paused_ms = 0;
  let passed_ms = 0;
  // The first look-up is at once, because mostly the record is only stale.
  let pause_ms = 0;
  // Whoever turns out to lead after all patience is over is asked as well: an attempt at a leader that is gone may have taken all of it.
  let isLast = false;
  for (;;) {
    const isOpen = isKeyed && isUnknown(served.answer);
    const hasAnswer = isOpen || isUnserved(served.answer);
    if (!hasAnswer && !isMisdirected(served.answer)) return served;
    if (pause_ms > 0 && !hasAnswer) {
      if (passed_ms + pause_ms > patience_ms) return { ...served, answer: NOT_SERVED };
      yield* askOne({ kind: 'pause', ms: pause_ms });
      paused_ms += pause_ms;
    }
    const timeout_ms = hasAnswer ? SECOND_LOOK_MS : LOOK_UP_MS;
    const turn = yield [{ kind: 'look-up', database, mayBeRecent: pause_ms > 0, timeout_ms }];
    passed_ms = Math.max(passed_ms, paused_ms, turn.now - now);
    const fresh = replyAt(turn, 0);
    if (fresh.kind !== 'record') return hasAnswer ? served : refuse(unavailable());
    const { record } = fresh;
    const leadership = partitionOf(record, served.leadership.partition);
    const isNews = record.incarnation !== incarnation || isNewer(leadership, served.leadership);
    if (hasAnswer && (!isNews || isLast)) return served;
    isLast = passed_ms >= patience_ms;
    if (leadership.successor === null && (isNews || pause_ms > 0)) {
      served = yield* attempt(record, { passed_ms, isOpen });
      ({ incarnation } = record);
    } else if (hasAnswer) return served;
    pause_ms = isNews || pause_ms === 0 ? PAUSE_MS_MIN : Math.min(2 * pause_ms, PAUSE_MS_MAX);
  }
}

/** @throws Refusal `unavailable` */
export function partitionOf({ partitions }: DatabaseRecord, partition: number): Leadership {
  return partitions.find((one) => one.partition === partition) ?? refuse(unavailable());
}

/** Whoever answers may know of followers that this record has not, and nobody else would tell. */
function isOutdated({ leadership, answer }: Served): boolean {
  return answer.kind === 'done' && answer.revision > leadership.revision;
}

export function isMisdirected(answer: ReplicaAnswer): answer is Misdirected {
  return answer.kind === 'unassigned' || answer.kind === 'not-leader' || answer.kind === 'unknown-version';
}

/** Whether it may have been applied, and nobody can say where. */
function isUnknown(answer: ReplicaAnswer): boolean {
  const failure = answer.kind === 'failed' ? answer.failure : null;
  return failure?.code === 'outcome-unknown' && failure.position === undefined;
}

/** Whether it was not applied for want of a leader that answers, as far as can be told. */
function isUnserved(answer: ReplicaAnswer): boolean {
  if (answer.kind !== 'failed') return false;
  return answer.failure.code === 'unavailable' || answer.failure.code === 'behind';
}
