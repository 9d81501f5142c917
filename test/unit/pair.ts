import type { FollowerEffect, FollowerEvent } from '../../shared/follower/events.ts';
import { Follower } from '../../shared/follower/follower.ts';
import type { LeaderEffect, LeaderEvent } from '../../shared/leader/events.ts';
import type { Leader } from '../../shared/leader/leader.ts';
import { LOG_LIMITS, type LogLimits } from '../../shared/limits.ts';
import type { ChainEnd } from '../../shared/log/entry.ts';
import { Log } from '../../shared/log/log.ts';
import { EPOCH_FIRST } from '../../shared/lsn.ts';
import { assign } from '../../shared/protocol/assigned.ts';
import type { Assignment, FollowerRef, Membership } from '../../shared/protocol/assignment.ts';
import {
  type AppendReply,
  type Batch,
  type CopyRequest,
  MESSAGE_VERSION,
} from '../../shared/protocol/messages.ts';
import type { Durability } from '../../shared/protocol/settings.ts';
import { executeRequest } from '../execute-request.ts';
import { leasedLeader } from '../leased.ts';
import { NodeSql } from '../simulator/node-sql.ts';

// A leader and followers without shells around them: each message arrives, late, twice or never, as a test wills.

const LEADER = { name: 'leader', region: 'weur' } as const;
/** Who asks the leader. */
export const BY = { version: MESSAGE_VERSION, follower: 'follower', epoch: EPOCH_FIRST };

export function memberNamed(name: string): FollowerRef {
  return { name, region: 'enam', membership: 'member' };
}

export function assignmentOf(durability: Durability, followers: readonly FollowerRef[]): Assignment {
  return {
    database: 'd',
    incarnation: 'i',
    partition: 0,
    epoch: EPOCH_FIRST,
    revision: 1,
    successor: null,
    history: [],
    durability,
    leader: LEADER,
    followers,
    self: LEADER,
  };
}

/** A leader with a table `t (a)`. What it sends is lost, unless a test takes it from the effects. */
export class LoneLeader {
  readonly sql = new NodeSql();
  readonly core: Leader;
  #now = 0;

  constructor(assignment: Assignment, own: Partial<LogLimits> = {}) {
    assign(this.sql, assignment, 0);
    this.core = leasedLeader(this.sql, 0, { ...LOG_LIMITS, ...own });
    this.write('CREATE TABLE t (a)');
    for (const { name } of assignment.followers) this.step({ kind: 'send-failed', follower: name, now: 0 });
  }

  step(event: LeaderEvent): LeaderEffect[] {
    return this.sql.transaction(() => this.core.step(event));
  }

  write(sql: string): LeaderEffect[] {
    this.#now += 1;
    const request = executeRequest([{ sql, params: [] }]);
    return this.step({ kind: 'execute', call: 1, now: this.#now, request });
  }

  /** What it answers the follower that asks for entries. */
  batchAfter(after: ChainEnd, now = this.#now): Batch {
    const [effect] = this.step({ kind: 'pull', call: 2, now, request: { ...BY, after } });
    if (effect?.kind !== 'pulled' || effect.reply.kind !== 'batch') throw new Error('entries are given');
    return effect.reply.batch;
  }

  copied(request: CopyRequest, now = this.#now) {
    const [effect, ...others] = this.step({ kind: 'copy', call: 3, now, request });
    if (effect?.kind !== 'copied') throw new Error('a copy is answered');
    return { reply: effect.reply, others };
  }

  /** Where its log ends. */
  get end(): ChainEnd {
    return new Log(this.sql).end;
  }
}

export class LoneFollower {
  readonly sql = new NodeSql();
  readonly #assignment: Assignment;
  #core: Follower;

  constructor(membership: Membership = 'member') {
    const self: FollowerRef = { name: BY.follower, region: 'enam', membership };
    this.#assignment = { ...assignmentOf('async', [self]), self };
    assign(this.sql, this.#assignment, 0);
    this.#core = this.#load();
  }

  get core(): Follower {
    return this.#core;
  }

  get end(): ChainEnd {
    return new Log(this.sql).end;
  }

  /** Memory is lost; the disk is kept. */
  restart(): void {
    this.#core = this.#load();
  }

  step(event: FollowerEvent): FollowerEffect[] {
    return this.sql.transaction(() => this.#core.step(event));
  }

  append(batch: Batch): AppendReply {
    const [effect] = this.step({ kind: 'append', call: 1, now: 0, batch });
    if (effect?.kind !== 'appended') throw new Error('a batch is answered');
    return effect.reply;
  }

  /** Gets all that the leader has. */
  follow(leader: LoneLeader): AppendReply {
    return this.append(leader.batchAfter(this.end));
  }

  /** Asks for pieces and takes them, until it asks for none. */
  install(leader: LoneLeader, asked: CopyRequest | null, now: number): void {
    let request = asked;
    for (let time = now; request !== null; time += 1000) {
      const { reply } = leader.copied(request, time);
      const effects = this.step({ kind: 'copied', now: time, askedAt: time, reply });
      request = copyIn([...effects, ...this.step({ kind: 'timer', now: time + 500 })]);
    }
  }

  #load(): Follower {
    return new Follower(this.sql, { assignment: this.#assignment, at: 0, fence: EPOCH_FIRST });
  }
}

/** What is asked for of a snapshot; null where nothing is. */
export function copyIn(effects: readonly FollowerEffect[]): CopyRequest | null {
  return effects.find((effect) => effect.kind === 'copy')?.request ?? null;
}

export function alarmIn(effects: readonly FollowerEffect[]): number | null {
  return effects.find((effect) => effect.kind === 'alarm')?.at ?? null;
}
