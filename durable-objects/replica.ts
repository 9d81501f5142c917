import { DurableObject } from 'cloudflare:workers';
import { assert, present } from '../shared/assert.ts';
import type { FollowerEffect, FollowerEvent } from '../shared/follower/events.ts';
import { Follower } from '../shared/follower/follower.ts';
import type { LeaderEffect, LeaderEvent } from '../shared/leader/events.ts';
import { Leader } from '../shared/leader/leader.ts';
import type { LogLimits } from '../shared/limits.ts';
import type { LostEntriesQuery, LostEntry } from '../shared/lost-entry.ts';
import type { Position } from '../shared/position.ts';
import { logLimitsFrom } from '../shared/retention-settings.ts';
import { assign, type Assigned, loadAssigned } from '../shared/protocol/assigned.ts';
import { type Assignment, type ReplicaRef, roleOf } from '../shared/protocol/assignment.ts';
import type {
  AppendReply,
  Batch,
  CopyReply,
  CopyRequest,
  DigestReply,
  ExecuteRequest,
  Misdirected,
  PullReply,
  PullRequest,
  ReadRequest,
  ReapplyRequest,
  Relayed,
  ReplicaAnswer,
} from '../shared/protocol/messages.ts';
import type { ReplicaRpc } from '../shared/protocol/rpc.ts';
import type { AssignReply, FenceReply, FenceRequest } from '../shared/protocol/directory.ts';
import type { ReplicaStatus } from '../shared/protocol/status.ts';
import { digest } from '../shared/tables/digest.ts';
import { keptLostEntries, keptLostEntry, lostEntryWasApplied } from '../shared/tables/lost-entries.ts';
import { Asks } from './asks.ts';
import { within } from './deadline.ts';
import type { ObjectsEnv } from './env.ts';
import { StorageSql } from './sql.ts';

type Core =
  | { readonly role: 'none' }
  | { readonly role: 'leader'; readonly leader: Leader; readonly assigned: Assigned }
  | { readonly role: 'follower'; readonly follower: Follower; readonly assigned: Assigned };

type Reply = ReplicaAnswer | AppendReply | PullReply | CopyReply | FenceReply;

/** A replica that does not say how it stands within this is taken for out of reach. */
const REACH_WAIT_MS = 2_000;

/** The shell around one partition's replica: the leader core or the follower core over this object's storage. */
export class Replica extends DurableObject<ObjectsEnv> implements ReplicaRpc {
  readonly #sql: StorageSql;
  readonly #limits: LogLimits;
  readonly #calls = new Map<number, PromiseWithResolvers<Reply>>();
  readonly #asks: Asks;
  #core: Core;
  #lastCall = 0;

  constructor(ctx: DurableObjectState, env: ObjectsEnv) {
    super(ctx, env);
    this.#sql = new StorageSql(ctx);
    this.#limits = logLimitsFrom(env);
    this.#asks = new Asks({
      env,
      assignment: () => this.#assignment,
      epoch: () => (this.#core.role === 'none' ? null : this.#core.assigned.assignment.epoch),
      lead: (event) => this.#ifLeader(event),
      follow: (event) => this.#ifFollower(event),
    });
    this.#core = this.#load();
  }

  async assign(assignment: Assignment): Promise<AssignReply> {
    const outcome = this.#step(() => assign(this.#sql, assignment, Date.now()));
    if (outcome === 'told') this.#told(assignment);
    if (outcome === 'new epoch') this.#becomes(assignment);
    const { epoch, revision, successor } = this.#assignment;
    const isSettled = this.#core.role !== 'leader' || this.#core.leader.isSettled;
    // Whoever asks will ask again; the followers are asked meanwhile what they have.
    if (outcome === 'known' && (!isSettled || successor !== null))
      this.#ifLeader({ kind: 'alarm', now: Date.now() });
    return { epoch, revision, isSettled };
  }

  #told(assignment: Assignment): void {
    const core = this.#core;
    if (core.role !== 'none') this.#core = { ...core, assigned: { ...core.assigned, assignment } };
    this.#tell({ kind: 'reassigned', now: Date.now(), assignment });
  }

  /** Those who wait for the core of before are answered by it; the next is loaded from disk, whatever its role. */
  #becomes(assignment: Assignment): void {
    const before = this.#core;
    this.#tell({ kind: 'retire', now: Date.now(), epoch: assignment.epoch });
    this.#core = this.#load();
    // A leader that is new has nothing to send, and followers that may not know their role yet.
    if (before.role !== 'none') this.#ifLeader({ kind: 'begin', now: Date.now() });
    this.#ifFollower({ kind: 'begin', now: Date.now() });
  }

  async execute(request: ExecuteRequest): Promise<ReplicaAnswer> {
    const lead = (call: number) => this.#lead({ kind: 'execute', call, now: Date.now(), request });
    return this.#notLeading() ?? this.#call<ReplicaAnswer>(lead);
  }

  async read(request: ReadRequest): Promise<ReplicaAnswer> {
    if (this.#core.role !== 'follower') return { kind: 'unassigned' };
    return this.#call<ReplicaAnswer>((call) =>
      this.#follow({ kind: 'read', call, now: Date.now(), request }),
    );
  }

  async append(batch: Batch): Promise<AppendReply> {
    if (this.#core.role !== 'follower') return { kind: 'unassigned' };
    return this.#call<AppendReply>((call) => this.#follow({ kind: 'append', call, now: Date.now(), batch }));
  }

  async pull(request: PullRequest): Promise<PullReply> {
    const lead = (call: number) => this.#lead({ kind: 'pull', call, now: Date.now(), request });
    return this.#notLeading() ?? this.#call<PullReply>(lead);
  }

  async copy(request: CopyRequest): Promise<CopyReply> {
    const lead = (call: number) => this.#lead({ kind: 'copy', call, now: Date.now(), request });
    return this.#notLeading() ?? this.#call<CopyReply>(lead);
  }

  async status(appliedOf: readonly Relayed[]): Promise<ReplicaStatus> {
    const core = this.#core;
    // A replaced instance notices only when it touches its storage, and must not answer from memory.
    const assigned = loadAssigned(this.#sql);
    if (core.role === 'none' || assigned === null) return { kind: 'unassigned' };
    const { epoch, revision } = assigned.assignment;
    const now = Date.now();
    const database_bytes = this.#sql.bytes;
    if (core.role === 'follower') {
      const { log, ...status } = core.follower.status(now);
      return { kind: 'follower', epoch, revision, ...status, storage: { database_bytes, ...log } };
    }
    const { log, ...status } = core.leader.status(appliedOf, now);
    return { kind: 'leader', epoch, revision, ...status, storage: { database_bytes, ...log } };
  }

  async digest(): Promise<DigestReply> {
    const core = this.#core;
    if (core.role === 'none') return { kind: 'unassigned' };
    if (core.role === 'follower' && !core.follower.hasTables) return { kind: 'unassigned' };
    const position = core.role === 'leader' ? core.leader.position : core.follower.applied;
    return { kind: 'digest', position, sha256: digest(this.#sql) };
  }

  async erase(): Promise<void> {
    this.#core = { role: 'none' };
    this.#abandonCalls(new Error('the replica was erased'));
    await this.#sql.erase();
  }

  async fence(request: FenceRequest): Promise<FenceReply> {
    if (this.#core.role === 'none') return { kind: 'unassigned' };
    return this.#call<FenceReply>((call) => this.#tell({ kind: 'fence', call, now: Date.now(), request }));
  }

  async reaches(replica: ReplicaRef): Promise<boolean> {
    try {
      const status = await within(REACH_WAIT_MS, this.#asks.replica(replica).status([]));
      return status.kind !== 'unassigned';
    } catch {
      return false;
    }
  }

  async reapply(request: ReapplyRequest): Promise<ReplicaAnswer> {
    const lead = (call: number) => this.#lead({ kind: 'reapply', call, now: Date.now(), request });
    return this.#notLeading() ?? this.#call<ReplicaAnswer>(lead);
  }

  async lostEntries(query: LostEntriesQuery): Promise<readonly LostEntry[]> {
    return this.#core.role === 'none' ? [] : keptLostEntries(this.#sql, query);
  }

  async lostEntry(position: Position): Promise<string | null> {
    return this.#core.role === 'none' ? null : keptLostEntry(this.#sql, position);
  }

  async lostEntryApplied(position: Position, applied: Position): Promise<void> {
    if (this.#core.role !== 'none') this.#step(() => lostEntryWasApplied(this.#sql, position, applied));
  }

  override async alarm(): Promise<void> {
    this.#tell({ kind: 'alarm', now: Date.now() });
  }

  #load(): Core {
    const assigned = loadAssigned(this.#sql);
    if (assigned === null) return { role: 'none' };
    return roleOf(assigned.assignment) === 'leader'
      ? { role: 'leader', leader: new Leader(this.#sql, assigned, this.#limits), assigned }
      : { role: 'follower', follower: new Follower(this.#sql, assigned, this.#limits), assigned };
  }

  /** What is said of what only a leader does; null where this is one. */
  #notLeading(): Misdirected | null {
    if (this.#core.role === 'none') return { kind: 'unassigned' };
    if (this.#core.role === 'leader') return null;
    return { kind: 'not-leader', epoch: this.#core.assigned.assignment.epoch };
  }

  /** Runs `begin`, which answers the call now or later. */
  #call<T extends Reply>(begin: (call: number) => void): Promise<T> {
    const call = (this.#lastCall += 1);
    const waiting = Promise.withResolvers<Reply>();
    this.#calls.set(call, waiting);
    // A step that throws abandons all calls, this one too: its caller is told by the promise.
    try {
      begin(call);
    } catch (error) {
      waiting.reject(error);
      this.#calls.delete(call);
    }
    return waiting.promise as Promise<T>;
  }

  #answer(call: number, reply: Reply): void {
    this.#calls.get(call)?.resolve(reply);
    this.#calls.delete(call);
  }

  #lead(event: LeaderEvent): void {
    assert(this.#core.role === 'leader', 'only a leader leads');
    const { leader } = this.#core;
    for (const effect of this.#step(() => leader.step(event))) this.#performLeader(effect);
  }

  #follow(event: FollowerEvent): void {
    assert(this.#core.role === 'follower', 'only a follower follows');
    const { follower } = this.#core;
    for (const effect of this.#step(() => follower.step(event))) this.#performFollower(effect);
  }

  /**
   * Memory follows disk: a rolled-back transaction restores SQLite, not the core's fields, so a core that
   * threw is thrown away, and those who waited for it are told.
   */
  #step<T>(work: () => T): T {
    try {
      return this.#sql.transaction(work);
    } catch (error) {
      console.error('a step failed; the replica is loaded again', error);
      this.#core = this.#load();
      this.#abandonCalls(new Error('the replica was loaded again'));
      throw error;
    }
  }

  #abandonCalls(error: Error): void {
    for (const waiting of this.#calls.values()) waiting.reject(error);
    this.#calls.clear();
  }

  #performLeader(effect: LeaderEffect): void {
    switch (effect.kind) {
      case 'answer':
        return this.#answer(effect.call, effect.answer);
      case 'pulled':
      case 'copied':
      case 'fenced':
        return this.#answer(effect.call, effect.reply);
      case 'lease':
        return void this.#asks.lease(effect.request, effect.askedAt);
      case 'report':
        return void this.#asks.report(effect.report);
      case 'send':
        return void this.#asks.send(effect.to, effect.batch);
      case 'timer':
        return this.#wakeAt(effect.at, (now) => this.#ifLeader({ kind: 'timer', now }));
      case 'alarm':
        return void this.#sql.setAlarm(effect.at);
    }
  }

  #performFollower(effect: FollowerEffect): void {
    switch (effect.kind) {
      case 'answer':
        return this.#answer(effect.call, effect.answer);
      case 'appended':
      case 'fenced':
        return this.#answer(effect.call, effect.reply);
      case 'pull':
        return void this.#asks.pull(effect.request);
      case 'copy':
        return void this.#asks.copy(effect.request);
      case 'send':
        return void this.#asks.send(effect.to, effect.batch);
      case 'report':
        return void this.#asks.report(effect.report);
      case 'timer':
        return this.#wakeAt(effect.at, (now) => this.#ifFollower({ kind: 'timer', now }));
      case 'alarm':
        return void this.#sql.setAlarm(effect.at);
    }
  }

  get #assignment(): Assignment {
    const core = this.#core;
    if (core.role !== 'none') return core.assigned.assignment;
    return present(loadAssigned(this.#sql), 'an assignment').assignment;
  }

  /** A timer that fired has come due, whatever the clock says: one that was set back would keep its waiters for ever. */
  #wakeAt(at: number, wake: (now: number) => void): void {
    setTimeout(() => wake(Math.max(at, Date.now())), Math.max(0, at - Date.now()));
  }

  #tell(event: Extract<LeaderEvent, FollowerEvent>): void {
    this.#ifLeader(event);
    this.#ifFollower(event);
  }

  /** The role may have gone while a message was on its way. */
  #ifLeader(event: LeaderEvent): void {
    if (this.#core.role === 'leader') this.#lead(event);
  }

  #ifFollower(event: FollowerEvent): void {
    if (this.#core.role === 'follower') this.#follow(event);
  }
}
