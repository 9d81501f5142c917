import type { ReplicaAnswer } from '../protocol/messages.ts';
import type { DatabaseRecord } from '../protocol/directory.ts';
import { askOne, type Routing, type Served } from './asks.ts';
import { directed, partitionOf, patienceOf } from './directed.ts';
import type { Job, Work } from './job.ts';
import { lossIn, reachedBy } from './loss.ts';
import { rewinding } from './messages.ts';
import { read } from './read.ts';
import { stillOpen, write } from './write.ts';

/** How much longer than it may wait for its position a read may look for a leader. */
const READ_PATIENCE_MS = 1_000;
/** The only partition. */
const PARTITION = 0;

/**
 * The way of one request from the edge to the replicas and back: whom to ask, in which order, how often, and what
 * the caller is told. Decides everything and does nothing, so that the edge and the simulator run the same.
 * @throws Refusal `unavailable`; what `needOf` throws
 */
export function route(work: Work, record: DatabaseRecord): Routing<Served> {
  const { now, isRead, wait_ms, hold_ms } = work;
  const patience_ms = patienceOf(isRead ? wait_ms + READ_PATIENCE_MS : hold_ms);
  const isKeyed = !isRead && work.request !== null;
  return directed(record, { isKeyed, now, patience_ms }, (current, before) =>
    routeBy(leftOf(work, before.passed_ms), current, before.isOpen),
  );
}

/** What is left to do after so long: its waits have become shorter. */
function leftOf(work: Work, passed_ms: number): Work {
  if (passed_ms === 0) return work;
  const [wait_ms, hold_ms] = [work.wait_ms, work.hold_ms].map((ms) => Math.max(0, ms - passed_ms)) as [
    number,
    number,
  ];
  return { ...work, now: work.now + passed_ms, wait_ms, hold_ms };
}

function* routeBy(work: Work, record: DatabaseRecord, isOpen: boolean): Routing<Served> {
  const leadership = partitionOf(record, PARTITION);
  // In this order: the need opens the session of the record, and which candidate is first may depend on the session.
  const seen = work.needOf(record, leadership.partition);
  const candidates = work.isRead ? work.candidatesOf(leadership) : [];
  const job: Job = { ...work, record, leadership, seen, need: seen, candidates, isStale: false };
  const given = job.isRead ? yield* read(job) : yield* write(job, { route: 'leader', waited_ms: 0 });
  const answer = isOpen ? stillOpen(given) : given;
  const loss = lossIn(answer);
  // Its devices are told once, so their session must not bring up the loss again. If it is not set back now, they are told twice.
  if (loss !== null && job.user !== null) yield* askOne(rewinding(job, loss));
  return { leadership, answer: withToken(answer) };
}

/** The position of an answer that failed is for the token alone. */
function withToken(answer: ReplicaAnswer): ReplicaAnswer {
  return answer.kind === 'failed' ? { ...answer, position: reachedBy(answer) } : answer;
}
