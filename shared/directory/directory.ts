import { unreachable } from '../assert.ts';
import { RETRY_MS_MAX, SEND_CHECK_MS } from '../limits.ts';
import type { Sql } from '../ports.ts';
import type { Assignment, ReplicaRef } from '../protocol/assignment.ts';
import type {
  AssignReply,
  CreateReply,
  DatabaseRecord,
  FollowerWish,
  JoinReport,
} from '../protocol/messages.ts';
import type { Settings } from '../protocol/settings.ts';
import type { Region } from '../regions.ts';
import { isKnown, withFollower, withMember, withoutFollower } from './followers.ts';
import { assignmentsOf, recordOf, replicasOf, sameSettings } from './record.ts';
import { loadPhase, type Made, type Phase, savePhase } from './store.ts';

/** `now` is milliseconds since 1970; `incarnation` is random and never drawn twice. */
export type DirectoryEvent =
  | {
      readonly kind: 'create';
      readonly database: string;
      readonly settings: Settings;
      readonly incarnation: string;
      readonly now: number;
    }
  | { readonly kind: 'lookup'; readonly now: number }
  | { readonly kind: 'erase'; readonly now: number }
  | { readonly kind: 'add-follower'; readonly wish: FollowerWish; readonly now: number }
  /** `replica`: the short name of the one that is meant; null for the newest of the region. */
  | {
      readonly kind: 'remove-follower';
      readonly region: Region;
      readonly replica: string | null;
      readonly now: number;
    }
  /** A follower says how it stands. It says so again until it is told that it is a member, or erased. */
  | { readonly kind: 'report'; readonly report: JoinReport; readonly now: number }
  /** What a replica says that it knows, and that a replica gave up its storage. */
  | {
      readonly kind: 'assigned';
      readonly replica: string;
      readonly reply: AssignReply;
      readonly now: number;
    }
  | { readonly kind: 'erased'; readonly replica: string }
  | { readonly kind: 'alarm'; readonly now: number };

export type DirectoryEffect =
  /** Tell the replica, which may have been told before; on success step `assigned`. */
  | { readonly kind: 'assign'; readonly assignment: Assignment }
  /** Take the replica's storage away, which may be gone already; on success step `erased`. */
  | { readonly kind: 'erase'; readonly replica: ReplicaRef }
  /** Set the object's alarm, or take it away. */
  | { readonly kind: 'wake'; readonly at: number | null }
  /** Drop this object's own storage, in the same turn: a later event may make the database anew. */
  | { readonly kind: 'forget' };

/**
 * The core of one database's directory. Every change is made in two moves: the record becomes durable first, and
 * then every replica that it concerns is told. A new database is found only after all were; a change of its followers counts
 * from the first move on. Whatever stops in between is taken up by the alarm, so every effect may happen more than once.
 */
export class Directory {
  readonly #sql: Sql;
  #phase: Phase;
  /** Have joined and wait for their turn. In memory only: they say so again. */
  readonly #waiting = new Set<string>();

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#phase = loadPhase(sql);
  }

  /** The database, from when all of its replicas know their roles until it is erased; else null. */
  record(): DatabaseRecord | null {
    return this.#phase.kind === 'ready' ? this.#phase.record : null;
  }

  /** What to tell the one who asked to create; null while the database is not ready. */
  createReply(settings: Settings, incarnation: string): CreateReply | null {
    const record = this.record();
    if (record === null) return null;
    if (record.incarnation === incarnation) return { kind: 'created', record };
    return { kind: sameSettings(record.settings, settings) ? 'existed' : 'differs', record };
  }

  /**
   * The only method that changes anything. Inside a transaction; if it throws, load the core again.
   * @throws Refusal where followers cannot be added or removed as was wished
   */
  step(event: DirectoryEvent): DirectoryEffect[] {
    switch (event.kind) {
      case 'create':
        return this.#create(event);
      case 'lookup':
        return this.#phase.kind === 'creating' ? outstanding(this.#phase) : [];
      case 'erase':
        return this.#erase(event.now);
      case 'add-follower':
        return this.#whenReady((made) => this.#change(withFollower(made, event.wish), event.now));
      case 'remove-follower':
        return this.#whenReady((made) => this.#change(withoutFollower(made, event), event.now));
      case 'report':
        return this.#reported(event.report, event.now);
      case 'assigned':
        return this.#assigned(event);
      case 'erased':
        return this.#erased(event.replica);
      case 'alarm':
        return this.#alarm(event.now);
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
    return this.#change(
      { ...made, kind: 'creating', unassigned, unsettled: [], unerased: [], attempts: 0 },
      event.now,
    );
  }

  #erase(now: number): DirectoryEffect[] {
    if (this.#phase.kind === 'absent') return [];
    if (this.#phase.kind === 'erasing') return outstanding(this.#phase);
    const unerased = [...this.#phase.record.partitions.flatMap(replicasOf), ...this.#phase.unerased];
    return this.#change({ ...this.#phase, kind: 'erasing', unassigned: [], unerased, attempts: 0 }, now);
  }

  #whenReady(work: (made: Made) => DirectoryEffect[]): DirectoryEffect[] {
    return this.#phase.kind === 'ready' ? work(this.#phase) : [];
  }

  #change(made: Made, now: number): DirectoryEffect[] {
    this.#become(made);
    return [{ kind: 'wake', at: wakeAt(made, now) }, ...outstanding(made)];
  }

  /**
   * One that nothing names was removed before an assignment reached it, and nobody else would ever delete it. One that left is
   * erased in its turn and not before: its leader may still count on what it has.
   */
  #reported({ kind, replica }: JoinReport, now: number): DirectoryEffect[] {
    const phase = this.#phase;
    if (phase.kind === 'creating') return [];
    if (phase.kind === 'ready') {
      const isIt = ({ name }: ReplicaRef) => name === replica.name;
      if (phase.record.partitions.flatMap(replicasOf).some(isIt))
        return kind === 'joined' ? this.#joined(phase, replica.name, now) : [];
      if (phase.unerased.some(isIt)) return [];
    }
    return [{ kind: 'erase', replica }];
  }

  #joined(made: Made, replica: string, now: number): DirectoryEffect[] {
    const tell = (name: string) => outstanding({ ...made, unassigned: [name], unsettled: [], unerased: [] });
    for (const leadership of made.record.partitions) {
      const follower = leadership.followers.find(({ name }) => name === replica);
      if (follower === undefined) continue;
      if (follower.membership === 'member') return tell(replica);
      if (isKnown(made, leadership)) return this.#change(withMember(made, follower), now);
      this.#waiting.add(replica);
      return tell(leadership.leader.name);
    }
    return [];
  }

  /** The next that has joined while the leader did not know of the change before. */
  #nextWaiting(now: number): DirectoryEffect[] {
    for (const replica of this.#waiting) {
      this.#waiting.delete(replica);
      return this.#whenReady((made) => this.#joined(made, replica, now));
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
    const after = { ...made, unassigned, unsettled };
    return [...this.#confirmed(after), ...erasable(made, after), ...this.#nextWaiting(now)];
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
    return this.#change({ ...phase, attempts: phase.attempts + 1 }, now);
  }

  #become(phase: Phase): void {
    savePhase(this.#sql, phase);
    this.#phase = phase;
  }
}

function isOutstanding({ unassigned, unerased }: Made): boolean {
  return unassigned.length + unerased.length > 0;
}

/** A leader is asked again whether what it had is settled only while somebody who left waits for that. */
function toTell({ kind, unassigned, unsettled, unerased }: Made): readonly string[] {
  return kind === 'ready' && unerased.length > 0 ? [...unassigned, ...unsettled] : unassigned;
}

/** Who left is not erased while its leader may still need the copies that it has. */
function erases({ kind, unsettled, unerased }: Made): DirectoryEffect[] {
  return kind === 'ready' && unsettled.length > 0
    ? []
    : unerased.map((replica) => ({ kind: 'erase', replica }));
}

function outstanding(made: Made): DirectoryEffect[] {
  const told = toTell(made);
  const assigns = assignmentsOf(made.record).filter(({ self }) => told.includes(self.name));
  return [...assigns.map((assignment) => ({ kind: 'assign' as const, assignment })), ...erases(made)];
}

/** Those who can go now, and could not before. */
function erasable(before: Made, after: Made): DirectoryEffect[] {
  return before.unsettled.length > 0 ? erases(after) : [];
}

function wakeAt({ attempts }: Made, now: number): number {
  return now + Math.min(SEND_CHECK_MS * 2 ** attempts, RETRY_MS_MAX);
}
