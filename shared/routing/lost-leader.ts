import type { Ask, Routing } from './asks.ts';
import type { Job } from './job.ts';
import { suspicionOf } from './messages.ts';

/**
 * After the leader's answer was lost. Another may lead by now, and a leader that is gone never says so: were the record kept, everybody here
 * would ask it for ever.
 */
export function* leaderLost(job: Job): Routing<void> {
  const { database } = job.record;
  const forgetting: Ask = { kind: 'forget', database };
  const suspicion = suspicionOf(job);
  yield suspicion === null ? [forgetting] : [forgetting, { kind: 'suspect', database, suspicion }];
}
