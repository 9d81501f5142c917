import type { CutOff } from '../log/history.ts';
import { lsnAfter } from '../lsn.ts';
import { type Position, showPosition } from '../position.ts';
import type { ReplicaAnswer } from './messages.ts';

/** What a session is told that has seen what a failover cut off; its token is put back to where that began. */
export function sessionLost(
  seen: Position,
  { by, after }: CutOff,
): Extract<ReplicaAnswer, { kind: 'failed' }> {
  return {
    kind: 'failed',
    failure: {
      code: 'session-lost',
      detail:
        `The session had seen position ${showPosition(seen)}, and the failover to epoch ${by.epoch} kept epoch ${seen.epoch} only up to LSN ${after.lsn}: ` +
        'what was written after that is lost, unless it is applied again. Nothing was done with this request. Go on with the token of this answer, and look at what is there now before writing again.',
      lost: { epoch: seen.epoch, from_lsn: lsnAfter(after.lsn), to_lsn: seen.lsn },
    },
    position: after,
  };
}
