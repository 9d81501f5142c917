import type { Leader } from '../../../shared/leader/leader.ts';
import { EPOCH_FIRST } from '../../../shared/lsn.ts';
import type { Position } from '../../../shared/position.ts';
import { assign } from '../../../shared/protocol/assigned.ts';
import type { Assignment } from '../../../shared/protocol/assignment.ts';
import type { ReplicaAnswer } from '../../../shared/protocol/messages.ts';
import type { Sql } from '../../../shared/ports.ts';
import type { Statement } from '../../../shared/tables/values.ts';
import { executeRequest } from '../../execute-request.ts';
import { leasedLeader } from '../../leased.ts';
import { Random } from '../random.ts';
import { Storage } from '../storage.ts';
import type { Rows } from './task.ts';

const SELF = { name: 'scratch', region: 'weur' } as const;
const ASSIGNMENT: Assignment = {
  database: 'scratch',
  incarnation: 'first',
  partition: 0,
  epoch: EPOCH_FIRST,
  revision: 1,
  successor: null,
  history: [],
  durability: 'async',
  leader: SELF,
  followers: [],
  self: SELF,
};

/** A leader without followers, faults or time: what statements do on it, they do anywhere. */
export class Scratch {
  readonly #storage: Storage;
  readonly #leader: Leader;

  constructor(random = new Random(0)) {
    this.#storage = new Storage({ now: () => 0, random: () => random.int64() });
    this.#storage.transaction(() => assign(this.#storage, ASSIGNMENT, 0));
    this.#leader = leasedLeader(this.#storage);
  }

  get sql(): Sql {
    return this.#storage;
  }

  get position(): Position {
    return this.#leader.position;
  }

  /** One transaction. */
  run(statements: readonly Statement[]): ReplicaAnswer {
    const request = executeRequest(statements);
    const [effect] = this.#leader.step({ kind: 'execute', call: 0, now: 0, request });
    if (effect?.kind !== 'answer') throw new Error('a leader answers first');
    return effect.answer;
  }

  close(): void {
    this.#storage.close();
  }
}

/** What an answer's statements gave back; null where it is no answer to them. */
export function rowsOf(answer: ReplicaAnswer): Rows | null {
  if (answer.kind !== 'done') return null;
  return (JSON.parse(answer.body) as { results: { rows: Rows[number] }[] }).results.map(({ rows }) => rows);
}
