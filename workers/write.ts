import { refuse } from '../shared/failure.ts';
import type { ReplicaAnswer } from '../shared/protocol/messages.ts';
import { within } from './deadline.ts';
import { isOverload, logUnexpected, outcomeUnknown, overloaded } from './failure.ts';
import { execute, SESSION_WAIT_MS, userSession, type Job, type Via } from './work.ts';

/**
 * Writes at the leader.
 * @throws Refusal `outcome-unknown` where the leader's answer was lost; an error, which means the same to the
 * caller, where the user's session did not move forward
 */
export async function write(job: Job, via: Via): Promise<ReplicaAnswer> {
  job.c.set('mayHaveApplied', true);
  const answer = await executeOnce(job, via);
  if (answer.kind !== 'done') return answer;
  const { c, leadership, options } = job;
  const { partition } = leadership;
  // Before anything else can fail: also an answer that says less than this must lead its session to the write.
  c.get('session').moveForward(partition, answer.position);
  // Before the write is acknowledged: the user's other devices must find it from that moment on.
  if (options.user !== null) {
    await within(SESSION_WAIT_MS, userSession(job, options.user).advance(partition, answer.position));
  }
  return answer;
}

async function executeOnce(job: Job, via: Via): Promise<ReplicaAnswer> {
  try {
    return await execute(job, via, job.request);
  } catch (error) {
    logUnexpected(job.c, error);
    if (isOverload(error)) return { kind: 'failed', failure: overloaded(), position: null };
    return executeAgain(job, via);
  }
}

/**
 * Only with a request id: without one, a second try could apply the write a second time. A second try that is refused
 * says nothing of the first, which may be on its way still and find other rows when it arrives.
 */
async function executeAgain(job: Job, via: Via): Promise<ReplicaAnswer> {
  if (job.request === null) return refuse(outcomeUnknown());
  try {
    const answer = await execute(job, via, job.request);
    return answer.kind === 'failed' ? refuse(outcomeUnknown()) : answer;
  } catch (error) {
    logUnexpected(job.c, error);
    return refuse(outcomeUnknown());
  }
}
