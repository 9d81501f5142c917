import { FAILOVER_RETRY_MS, SUSPICION_ROUNDS_MIN } from '../limits.ts';
import type { Epoch } from '../lsn.ts';
import { type Leadership, membersOf } from '../protocol/assignment.ts';
import type { Suspicion } from '../protocol/directory.ts';
import type { DirectoryEffect, Ping, Reach } from './events.ts';
import { failoverIn, leadershipOf } from './promoted.ts';
import type { Made } from './store.ts';

/** After so many times as long as it takes at least without a proof nobody is asked any more, until a router suspects again. */
const GIVE_UP = 3;

interface Investigation {
  readonly epoch: Epoch;
  readonly since: number;
  nextRound: number;
  /** Rounds in which the leader did not answer. */
  readonly silent: Set<number>;
  /** Whether a member answered, and said that the leader does not answer it either. */
  isWitnessed: boolean;
}

/**
 * What is known of leaders that routers could not reach. A router may have a bad path, and so may this object, so the leader is asked
 * from here and by every member, several times over the detection time; one answer, or one lease, ends it. In memory: a suspicion that is lost
 * comes again, as long as there is somebody whom it concerns.
 */
export class Suspicions {
  readonly #running = new Map<number, Investigation>();

  begin(made: Made, { partition, epoch }: Suspicion, now: number): DirectoryEffect[] {
    const leadership = leadershipOf(made, partition);
    if (made.record.settings.automatic_failover_ms === null || leadership?.epoch !== epoch) return [];
    if (membersOf(leadership).length === 0 || failoverIn(made, partition) !== undefined) return [];
    if (this.#running.has(partition)) return [];
    const begun = { epoch, since: now, nextRound: now, silent: new Set<number>(), isWitnessed: false };
    this.#running.set(partition, begun);
    return this.#round(made, leadership, begun, now);
  }

  end(partition: number): void {
    this.#running.delete(partition);
  }

  clear(): void {
    this.#running.clear();
  }

  tick(made: Made, now: number): DirectoryEffect[] {
    return [...this.#running].flatMap(([partition, one]) => {
      const leadership = leadershipOf(made, partition);
      const detection = made.record.settings.automatic_failover_ms;
      const isOver =
        detection === null || leadership?.epoch !== one.epoch || failoverIn(made, partition) !== undefined;
      if (isOver || now < one.since || now >= one.since + givesUpAfter(detection)) this.end(partition);
      if (!this.#running.has(partition) || leadership === undefined || now < one.nextRound) return [];
      return this.#round(made, leadership, one, now);
    });
  }

  /** `answers`: whether the replica that was asked about did. */
  pinged({ partition, replica, askedAt }: Ping, answers: 'yes' | 'no', made: Made): void {
    const one = this.#running.get(partition);
    if (one === undefined || !isLeader(made, partition, replica.name)) return;
    if (answers === 'yes') this.end(partition);
    else if (askedAt >= one.since) one.silent.add(askedAt);
  }

  /** Null: the one that was asked did not answer itself, which says nothing. */
  reached({ partition, replica, askedAt }: Reach, reaches: boolean | null, made: Made): void {
    const one = this.#running.get(partition);
    if (one === undefined || reaches === null || !isLeader(made, partition, replica.name)) return;
    if (reaches) this.end(partition);
    else if (askedAt >= one.since) one.isWitnessed = true;
  }

  /** The partitions whose leader is believed to be gone. */
  proven(made: Made, now: number): readonly number[] {
    const detection = made.record.settings.automatic_failover_ms;
    if (detection === null) return [];
    return [...this.#running].flatMap(([partition, { since, silent, isWitnessed }]) => {
      const isLong = now >= since + detection && silent.size >= SUSPICION_ROUNDS_MIN;
      return isLong && isWitnessed ? [partition] : [];
    });
  }

  nextAt(): number | null {
    const times = [...this.#running.values()].map(({ nextRound }) => nextRound);
    return times.length === 0 ? null : Math.min(...times);
  }

  #round(made: Made, leadership: Leadership, one: Investigation, now: number): DirectoryEffect[] {
    const detection = made.record.settings.automatic_failover_ms ?? 0;
    one.nextRound = now + Math.max(FAILOVER_RETRY_MS, detection / 4);
    const { partition, leader } = leadership;
    const ping: Ping = { partition, replica: leader, askedAt: now };
    const reaches = membersOf(leadership).map(({ name, region }): DirectoryEffect => ({
      kind: 'reaches',
      reach: { ...ping, via: { name, region } },
    }));
    return [{ kind: 'ping', ping }, ...reaches];
  }
}

function givesUpAfter(detection: number): number {
  return GIVE_UP * Math.max(detection, SUSPICION_ROUNDS_MIN * FAILOVER_RETRY_MS);
}

function isLeader(made: Made, partition: number, name: string): boolean {
  return leadershipOf(made, partition)?.leader.name === name;
}
