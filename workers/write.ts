import { refuse } from '../shared/failure.ts';
import type { ReplicaAnswer } from '../shared/protocol/messages.ts';
import { isOverload, logUnexpected, outcomeUnknown, overloaded } from './failure.ts';
import { execute, userSession, type Job, type Via } from './work.ts';

/**
 * Writes at the leader.
 * @throws Refusal `outcome-unknown` where the leader's answer was lost
 */
export async function write(job: Job, via: Via): Promise<ReplicaAnswer> {
  job.c.set('mayHaveApplied', true);
  const answer = await executeOnce(job, via);
  const { user } = job.options;
  // Before the write is acknowledged: the user's other devices must find it from that moment on.
  if (answer.kind === 'done' && user !== null) {
    await userSession(job, user).advance(job.leadership.partition, answer.position);
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
