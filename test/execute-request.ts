import { type ExecuteRequest, MESSAGE_VERSION } from '../shared/protocol/messages.ts';
import type { Statement } from '../shared/tables/values.ts';

/** What a router sends a leader for a caller who has seen nothing and has no request id. */
export function executeRequest(statements: readonly Statement[]): ExecuteRequest {
  return {
    version: MESSAGE_VERSION,
    statements,
    seen: null,
    need: null,
    request: null,
    user: null,
    route: 'leader',
    waited_ms: 0,
    durability: null,
    shows: 'settled',
    hold_ms: 1000,
  };
}
