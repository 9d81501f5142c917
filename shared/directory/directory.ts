import { unreachable } from '../assert.ts';
import { LEASE_MS } from '../limits.ts';
import type { Epoch } from '../lsn.ts';
import type { Sql } from '../ports.ts';
import type { ReplicaRef } from '../protocol/assignment.ts';
import { LEASE_VERSION } from '../protocol/directory.ts';
import type {
  CreateReply,
  DatabaseRecord,
  LeaseReply,
  LeaseRequest,
  ReplicaReport,
} from '../protocol/directory.ts';
import type { Settings } from '../protocol/settings.ts';
import { countedBy } from './counted.ts';
import { withSettled } from './decided.ts';
import type { DirectoryEffect, DirectoryEvent } from './events.ts';
import { Failovers, mayLead } from './failover.ts';
import { isKnown, withFollower, withMember, withoutFollower } from './followers.ts';
import { Leases } from './leases.ts';
import type { Move } from './move.ts';
import { failoverIn } from './promoted.ts';
import { assignmentsOf, recordOf, replicasOf, sameSettings } from './record.ts';
import { loadPhase, type Made, type Phase, savePhase, touch } from './store.ts';
import { erasable, isOutstanding, outstanding, tell, toTell, wakeAt } from './telling.ts';

/** A follower that has installed and caught up in an epoch. */
interface Joined {
  readonly name: string;
  readonly epoch: Epoch;
}

/**
 * The core of one database's directory. Every change is made in two moves: the record becomes durable first, and
 * then every replica that it concerns is told. A new database is found only after all were; a change of its followers counts
 * from the first move on. Whatever stops in between is taken up by the alarm, so every effect may happen more than once.
 */
export class Directory {
  readonly #sql: Sql;
  #phase: Phase;
  /** Have joined and wait for their turn. In memory only: they say so again. */
  readonly #waiting = new Map<string, Epoch>();
  readonly #leases = new Leases();
  readonly #failovers = new Failovers(this.#leases);
  /** When the newest timer that was asked for goes off. */
  #timerAt: number | null = null;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#phase = loadPhase(sql);
  }

  /** The database, from when all of its replicas know their roles until it is erased; else null. */
  record(): DatabaseRecord | null {
    if (this.#phase.kind !== 'ready') return null;
    return { ...this.#phase.record, failovers: this.#failovers.shown(this.#phase) };
  }

  /** What to tell the one who asked to create; null while the database is not ready. */
  createReply(settings: Settings, incarnation: string): CreateReply | null {
    const record = this.record();
    if (record === null || this.#phase.kind === 'absent') return null;
    if (record.incarnation === incarnation) return { kind: 'created', record };
    // Also after followers, leader or detection time were changed: a creation that is repeated is no wish to undo that.
    const known = [record.settings, this.#phase.asked];
    return { kind: known.some((one) => sameSettings(one, settings)) ? 'existed' : 'differs', record };
  }

  /** What to answer to a request for a lease, in the turn in which it was stepped. */
  leaseReply({ version, replica, epoch }: LeaseRequest): LeaseReply {
    if (version !== LEASE_VERSION) return { kind: 'unknown-version', version };
    const phase = this.#phase;
    if (phase.kind === 'ready' && mayLead(phase, replica.name, epoch) !== undefined)
      return { kind: 'granted', ms: LEASE_MS };
    const partitions = phase.kind === 'absent' ? [] : phase.record.partitions;
    const its = partitions.find((one) => replicasOf(one).some(({ name }) => name === replica.name));
    return { kind: 'ended', epoch: its?.epoch ?? epoch };
  }

  /**
   * The only method that changes anything. Inside a transaction; if it throws, load the core again.
   * @throws Refusal where a wish cannot be fulfilled. Nothing has changed then, in memory neither: go on with this core, because one
   * that is loaded has to wait for a lease that it may have granted.
   */
  step(event: DirectoryEvent): DirectoryEffect[] {
    if (event.kind === 'erased') return this.#erased(event.replica);
    this.#leases.observe(event.now);
    const effects = this.#take(event);
    return [...effects, ...this.#timer(event.now)];
  }

  #take(event: Exclude<DirectoryEvent, { kind: 'erased' }>): DirectoryEffect[] {
    const { now } = event;
    const whenReady = (work: (made: Made) => Made) =>
      this.#whenReady((made) => this.#change(work(made), now));
    const move = (work: (made: Made) => Move) => this.#whenReady((made) => this.#move(work(made), now));
    switch (event.kind) {
      case 'create':
        return this.#create(event);
      case 'lookup':
        return this.#phase.kind === 'creating' ? outstanding(this.#phase) : [];
      case 'erase':
        return this.#erase(now);
      case 'add-follower':
        return whenReady((made) => withFollower(made, event.wish));
      case 'remove-follower':
        return whenReady((made) => withoutFollower(made, event));
      case 'configure':
        return this.#whenReady((made) => this.#configure(made, event.automatic_failover_ms));
      case 'report':
        return this.#reported(event.report, now);
      case 'assigned':
        return this.#assigned(event);
      case 'lease':
        return this.#lease(event.request, now);
      case 'failover':
        return move((made) => this.#failovers.wish(made, event.wish, now));
      case 'suspect':
        return move((made) => this.#failovers.suspect(made, event.suspicion, now));
      case 'fenced':
        return move((made) => this.#failovers.fenced(made, event));
      case 'pinged':
        return move((made) => this.#failovers.pinged(made, event));
      case 'reached':
        return move((made) => this.#failovers.reached(made, event));
      case 'tick':
        if (event.at === this.#timerAt) this.#timerAt = null;
        return move((made) => this.#failovers.tick(made, now));
      case 'alarm':
        return this.#alarm(now);
      default:
        return unreachable(event);
    }
  }

  #create(event: Extract<DirectoryEvent, { kind: 'create' }>): DirectoryEffect[] {
    if (this.#phase.kind === 'ready') return [];
    // An older database of this name is still in the way: finish what was begun; the shell then asks again.
    if (this.#phase.kind !== 'absent') return outstanding(this.#phase);
    const made = recordOf(event);
    const unassigned = assignmentsOf(made.record).map(({ self }) => self.name);
    const counted = made.record.partitions.map((leadership) => [countedBy(leadership)]);
    const rest = { unassigned, unsettled: [], unerased: [], failovers: [], attempts: 0 };
    return this.#change({ ...made, ...rest, kind: 'creating', asked: event.settings, counted }, event.now);
  }

  #erase(now: number): DirectoryEffect[] {
    if (this.#phase.kind === 'absent') return [];
    if (this.#phase.kind === 'erasing') return outstanding(this.#phase);
    const made = this.#phase;
    const unerased = [...made.record.partitions.flatMap(replicasOf), ...made.unerased];
    const told = this.#failovers.clear(made);
    const rest = { unassigned: [], unerased, failovers: [], counted: [], attempts: 0 };
    return [...told, ...this.#change({ ...made, ...rest, kind: 'erasing' }, now)];
  }

  #whenReady(work: (made: Made) => DirectoryEffect[]): DirectoryEffect[] {
    return this.#phase.kind === 'ready' ? work(this.#phase) : [];
  }

  #change(made: Made, now: number): DirectoryEffect[] {
    this.#become(made);
    return [{ kind: 'wake', at: wakeAt(made, now) }, ...outstanding(made)];
  }

  #move({ made, effects }: Move, now: number): DirectoryEffect[] {
    return made === this.#phase ? [...effects] : [...this.#change(made, now), ...effects];
  }

  /** The shell waits for one timer at least as early as anything that is to be looked at. */
  #timer(now: number): DirectoryEffect[] {
    const next = this.#phase.kind === 'ready' ? this.#failovers.nextAt(this.#phase, now) : null;
    if (next === null || (this.#timerAt !== null && this.#timerAt <= next)) return [];
    this.#timerAt = next;
    return [{ kind: 'timer', at: next, ms: Math.max(0, next - now) }];
  }

  #configure(made: Made, automatic_failover_ms: number | null): DirectoryEffect[] {
    const settings = { ...made.record.settings, automatic_failover_ms };
    this.#become({ ...made, record: { ...made.record, settings } });
    return [];
  }

  /**
   * An instance that was replaced finds that out when it touches its storage: it must not grant what the one after it does not know of. One
   * that is not granted a lease is told what it is instead.
   */
  #lease(request: LeaseRequest, now: number): DirectoryEffect[] {
    touch(this.#sql);
    const { replica, epoch } = request;
    const phase = this.#phase;
    if (this.leaseReply(request).kind === 'unknown-version') return [];
    const led = phase.kind === 'ready' ? mayLead(phase, replica.name, epoch) : undefined;
    if (led === undefined) return this.#named(replica, (made) => tell(made, [replica.name]));
    this.#leases.grant(led.partition, now);
    this.#failovers.heardOf(led.partition);
    return [];
  }

  /**
   * One that nothing names was removed before an assignment reached it, and nobody else would ever delete it. One that left is
   * erased in its turn and not before: its leader may still count on what it has.
   */
  #named(replica: ReplicaRef, work: (made: Made) => DirectoryEffect[]): DirectoryEffect[] {
    const phase = this.#phase;
    if (phase.kind === 'creating') return [];
    if (phase.kind === 'ready') {
      const isIt = ({ name }: ReplicaRef) => name === replica.name;
      if (phase.record.partitions.flatMap(replicasOf).some(isIt)) return work(phase);
      if (phase.unerased.some(isIt)) return [];
    }
    return [{ kind: 'erase', replica }];
  }

  #reported(report: ReplicaReport, now: number): DirectoryEffect[] {
    return this.#named(report.replica, (made) => {
      if (report.kind === 'joined')
        return this.#joined(made, { name: report.replica.name, epoch: report.epoch }, now);
      if (report.kind !== 'handed over') return [];
      return this.#move(this.#failovers.handedOver(made, report, now), now);
    });
  }

  /** What it joined in an older epoch may have been cut off since: it is told of the newest, and says so again. */
  #joined(made: Made, { name: replica, epoch }: Joined, now: number): DirectoryEffect[] {
    for (const leadership of made.record.partitions) {
      const follower = leadership.followers.find(({ name }) => name === replica);
      if (follower === undefined) continue;
      if (follower.membership === 'member' || epoch !== leadership.epoch) return tell(made, [replica]);
      const isRunning = failoverIn(made, leadership.partition) !== undefined;
      if (isKnown(made, leadership) && !isRunning) return this.#change(withMember(made, follower), now);
      // A failover that ends is told to the leader, so its turn comes with that.
      this.#waiting.set(replica, epoch);
      return isRunning ? [] : tell(made, [leadership.leader.name]);
    }
    return [];
  }

  /** The next that has joined while the leader did not know of the change before. */
  #nextWaiting(now: number): DirectoryEffect[] {
    for (const [name, epoch] of this.#waiting) {
      this.#waiting.delete(name);
      return this.#whenReady((made) => this.#joined(made, { name, epoch }, now));
    }
    return [];
  }

  /** A confirmation of what is not the newest any more, or from before the phase changed, says nothing of what matters now. */
  #assigned({ replica, reply, now }: Extract<DirectoryEvent, { kind: 'assigned' }>): DirectoryEffect[] {
    const made = this.#phase;
    if (made.kind === 'absent' || !toTell(made).includes(replica)) return [];
    const isNewest = assignmentsOf(made.record).some(
      ({ self, epoch, revision }) =>
        self.name === replica && epoch === reply.epoch && revision === reply.revision,
    );
    if (!isNewest) return [];
    const isOther = (name: string) => name !== replica;
    const unassigned = made.unassigned.filter(isOther);
    const unsettled = reply.isSettled ? made.unsettled.filter(isOther) : made.unsettled;
    const after = withSettled({ ...made, unassigned, unsettled });
    return [
      ...this.#confirmed(after),
      ...erasable(made, after),
      ...this.#whenReady((ready) => this.#move(this.#failovers.assigned(ready, replica, now), now)),
      ...this.#nextWaiting(now),
    ];
  }

  #erased(replica: string): DirectoryEffect[] {
    const made = this.#phase;
    if (made.kind === 'absent' || !made.unerased.some(({ name }) => name === replica)) return [];
    return this.#confirmed({ ...made, unerased: made.unerased.filter(({ name }) => name !== replica) });
  }

  #confirmed(made: Made): DirectoryEffect[] {
    if (isOutstanding(made)) {
      this.#become(made);
      return [];
    }
    if (made.kind === 'erasing') {
      this.#become({ kind: 'absent' });
      return [{ kind: 'forget' }];
    }
    this.#become({ ...made, kind: 'ready', attempts: 0 });
    return [{ kind: 'wake', at: null }];
  }

  #alarm(now: number): DirectoryEffect[] {
    const phase = this.#phase;
    // The erasing ended, and a crash kept this object from dropping its own storage.
    if (phase.kind === 'absent') return [{ kind: 'forget' }];
    if (!isOutstanding(phase)) return [];
    this.#timerAt = null;
    const effects = this.#change({ ...phase, attempts: phase.attempts + 1 }, now);
    return [...effects, ...this.#whenReady((made) => this.#move(this.#failovers.tick(made, now), now))];
  }

  #become(phase: Phase): void {
    savePhase(this.#sql, phase);
    this.#phase = phase;
  }
}
