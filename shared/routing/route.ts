import { refuse } from '../failure.ts';
import type { DatabaseRecord, Misdirected, ReplicaAnswer } from '../protocol/messages.ts';
import { askOne, type Routing, type Served } from './asks.ts';
import { unavailable } from './failures.ts';
import type { Job, Work } from './job.ts';
import { read } from './read.ts';
import { write } from './write.ts';

/**
 * The way of one request from the edge to the replicas and back: whom to ask, in which order, how often, and what
 * the caller is told. Decides everything and does nothing, so that the edge and the simulator run the same.
 * @throws Refusal `unavailable`; what `needOf` throws
 */
export function* route(work: Work, record: DatabaseRecord): Routing<Served> {
  const served = yield* routeBy(work, record);
  if (isOutdated(served)) yield* askOne({ kind: 'forget', database: record.database });
  if (!isMisdirected(served.answer)) return served;
  // Who says that it is not the one has applied nothing: the record was stale, so it is looked up again, once.
  const fresh = yield* askOne({ kind: 'look-up', database: record.database });
  if (fresh.kind !== 'record') return refuse(unavailable());
  return yield* routeBy(work, fresh.record);
}

function* routeBy(work: Work, record: DatabaseRecord): Routing<Served> {
  const [leadership] = record.partitions;
  if (leadership === undefined) return refuse(unavailable());
  const job: Job = {
    ...work,
    record,
    leadership,
    // In this order: the need opens the session of the record, and which candidate is first may depend on the session.
    need: work.needOf(record, leadership.partition),
    candidates: work.isRead ? work.candidatesOf(leadership) : [],
  };
  const answer = job.isRead ? yield* read(job) : yield* write(job, { route: 'leader', waited_ms: 0 });
  return { leadership, answer };
}

/** Whoever answers may know of followers that this record has not, and nobody else would tell. */
function isOutdated({ leadership, answer }: Served): boolean {
  return answer.kind === 'done' && answer.revision > leadership.revision;
}

function isMisdirected(answer: ReplicaAnswer): answer is Misdirected {
  return answer.kind === 'unassigned' || answer.kind === 'not-leader' || answer.kind === 'unknown-version';
}
