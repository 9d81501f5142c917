import type { ChainEnd } from '../log/entry.ts';
import { cutOff, type History } from '../log/history.ts';
import { FAILOVER_RETRY_MS, FENCE_WAIT_MS, RETRY_MS_MAX } from '../limits.ts';
import { type Epoch, type Lsn, toEpoch, toLsn } from '../lsn.ts';
import { type Leadership, membersOf, type ReplicaRef } from '../protocol/assignment.ts';
import type { FenceReply } from '../protocol/directory.ts';
import type { CountedSet } from './counted.ts';
import type { DirectoryEffect } from './events.ts';
import { replicasOf } from './record.ts';
import type { Made } from './store.ts';
import { tell } from './telling.ts';

type Fenced = Extract<FenceReply, { kind: 'fenced' }>;

/**
 * What is known of one forced failover's replicas. In memory: after a restart all are asked again, and say the same, because a replica
 * that is fenced and whole at the end of an epoch does not change before it is told of another.
 */
export class Fencing {
  /** The epoch that ends, and where it and those before it began. */
  readonly #epoch: Epoch;
  readonly #history: History;
  readonly #began: number;
  readonly #replies = new Map<string, Fenced>();
  /** Have no storage, and so never led nor took anything. */
  readonly #empty = new Set<string>();
  /** Since when no leader of the epoch that ends can answer anybody. */
  #overAt: number | null = null;
  #nextRound: number;
  #lateRounds = 0;

  /** The leadership that ends. */
  constructor({ epoch, history }: Leadership, now: number) {
    this.#epoch = epoch;
    this.#history = history;
    this.#began = now;
    this.#nextRound = now;
  }

  take(name: string, reply: FenceReply): void {
    if (reply.kind === 'unassigned') this.#empty.add(name);
    if (reply.kind !== 'fenced' || reply.fence <= this.#epoch) return;
    const known = this.#replies.get(name);
    if (known === undefined || !this.#isGood(known)) this.#replies.set(name, reply);
  }

  /** Whether it was not told of the epoch that ends: it may have to undo entries before what it has is on that epoch's chain. */
  isBehind(name: string): boolean {
    const reply = this.#replies.get(name);
    return reply !== undefined && reply.epoch < this.#epoch;
  }

  /** Fences those again that have not answered as they should, and tells those of the epoch that do not know of it. */
  round(made: Made, leadership: Leadership, now: number): DirectoryEffect[] {
    this.#lateRounds = this.#isLate(now) ? this.#lateRounds + 1 : 0;
    this.#nextRound = now + Math.min(FAILOVER_RETRY_MS * 2 ** this.#lateRounds, RETRY_MS_MAX);
    const asked = fencedIn(made, leadership).filter(({ name }) => !this.#isKnown(name));
    const behind = asked.filter(({ name }) => this.isBehind(name)).map(({ name }) => name);
    return [...tell(made, behind), ...asked.map((replica) => this.fence(leadership, replica))];
  }

  fence({ partition }: Leadership, { name, region }: ReplicaRef): DirectoryEffect {
    const fence = { partition, replica: { name, region }, epoch: toEpoch(this.#epoch + 1) };
    return { kind: 'fence', fence };
  }

  isDue(now: number): boolean {
    return now >= this.#nextRound || this.#nextRound > now + RETRY_MS_MAX;
  }

  /** When to look again: at the next round, or before it where something else becomes due. */
  nextAt(leaseEndsAt: number, now: number): number {
    const due = this.#overAt === null ? leaseEndsAt : this.#overAt + FENCE_WAIT_MS;
    return due > now ? Math.min(this.#nextRound, due) : this.#nextRound;
  }

  /**
   * Whether it is time to choose. Until the lease is over the old leader may answer strong reads, so nothing that it does not know may be
   * acknowledged. And whoever is not waited for may be the one that is furthest.
   */
  isRipe(leadership: Leadership, leaseEndsAt: number, now: number): boolean {
    const { name } = leadership.leader;
    if (now >= leaseEndsAt) this.#overAt ??= Math.max(leaseEndsAt, this.#began);
    const isOldHeard = this.#replies.has(name) || this.#empty.has(name);
    if (isOldHeard) this.#overAt ??= now;
    if (this.#overAt === null) return false;
    // An old leader that is there after all knows best what is lost, or need not lose anything.
    const isLong = isOldHeard || now >= this.#began + FAILOVER_RETRY_MS;
    return (isLong && membersOf(leadership).every((one) => this.#isKnown(one.name))) || this.#isLate(now);
  }

  get isLeaseOver(): boolean {
    return this.#overAt !== null;
  }

  /** The ends of those whose tables are at a place of the chain that goes on. */
  ends(): ReadonlyMap<string, ChainEnd> {
    const good = [...this.#replies].filter(([, reply]) => this.#isGood(reply));
    return new Map(good.map(([name, { end }]) => [name, end]));
  }

  /** How far the old leader was at least. */
  heard(after: ChainEnd): Lsn {
    const good = [...this.#replies.values()].filter((reply) => this.#isGood(reply));
    return toLsn(Math.max(after.lsn, ...good.flatMap(({ end, heard }) => [end.lsn, heard])));
  }

  #isLate(now: number): boolean {
    return this.#overAt !== null && now >= this.#overAt + FENCE_WAIT_MS;
  }

  #isKnown(name: string): boolean {
    const reply = this.#replies.get(name);
    return this.#empty.has(name) || (reply !== undefined && this.#isGood(reply));
  }

  /** One whose end an earlier failover has cut off may wait for a snapshot for want of a way back: what it has counts for nothing. */
  #isGood({ epoch, isWhole, end }: Fenced): boolean {
    return epoch === this.#epoch && isWhole && cutOff(this.#history, end) === null;
  }
}

/** All of the partition, and those who left it and may have copies that count. */
function fencedIn(made: Made, leadership: Leadership): readonly ReplicaRef[] {
  const sets: readonly CountedSet[] = made.counted[made.record.partitions.indexOf(leadership)] ?? [];
  const left = made.unerased.filter(({ name }) => sets.some((set) => set.includes(name)));
  return [...replicasOf(leadership), ...left];
}
