import { unreachable } from '../assert.ts';
import { RETRY_MS_MAX, SEND_CHECK_MS } from '../limits.ts';
import type { Sql } from '../ports.ts';
import type { Assignment, ReplicaRef } from '../protocol/assignment.ts';
import type { CreateReply, DatabaseRecord } from '../protocol/messages.ts';
import type { Settings } from '../protocol/settings.ts';
import { assignmentsOf, recordOf, sameSettings } from './record.ts';
import { loadPhase, savePhase, type Phase } from './store.ts';

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
  /** A replica confirmed that it took up its assignment, or that it gave up its storage. */
  | { readonly kind: 'assigned'; readonly replica: string }
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

type Unsettled = Extract<Phase, { kind: 'creating' | 'erasing' }>;

/**
 * The core of one database's directory. A database is made in two moves: the record becomes durable first,
 * then every replica is told, and only then is the database found. Whatever stops in between is taken up by
 * the next create, lookup or alarm; so every effect may happen more than once.
 */
export class Directory {
  readonly #sql: Sql;
  #phase: Phase;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#phase = loadPhase(sql);
  }

  /** The database, once all of its replicas know their roles; null before that and while it is erased. */
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

  /** The only method that changes anything. Inside a transaction; if it throws, load the core again. */
  step(event: DirectoryEvent): DirectoryEffect[] {
    switch (event.kind) {
      case 'create':
        return this.#create(event);
      case 'lookup':
        return this.#phase.kind === 'creating' ? outstanding(this.#phase) : [];
      case 'erase':
        return this.#erase(event.now);
      case 'assigned':
        return this.#confirmed('creating', event.replica);
      case 'erased':
        return this.#confirmed('erasing', event.replica);
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
    return this.#begin('creating', recordOf(event), event.now);
  }

  #erase(now: number): DirectoryEffect[] {
    if (this.#phase.kind === 'absent') return [];
    if (this.#phase.kind === 'erasing') return outstanding(this.#phase);
    return this.#begin('erasing', this.#phase.record, now);
  }

  #begin(kind: Unsettled['kind'], record: DatabaseRecord, now: number): DirectoryEffect[] {
    const pending = assignmentsOf(record).map(({ self }) => self.name);
    const phase: Unsettled = { kind, record, pending, attempts: 0 };
    this.#become(phase);
    return [{ kind: 'wake', at: wakeAt(phase, now) }, ...outstanding(phase)];
  }

  /** A confirmation from before the phase changed is about something that no longer matters. */
  #confirmed(kind: Unsettled['kind'], replica: string): DirectoryEffect[] {
    const phase = this.#phase;
    if (phase.kind !== kind || !phase.pending.includes(replica)) return [];

    const pending = phase.pending.filter((name) => name !== replica);
    if (pending.length > 0) {
      this.#become({ ...phase, pending });
      return [];
    }
    if (kind === 'creating') {
      this.#become({ kind: 'ready', record: phase.record });
      return [{ kind: 'wake', at: null }];
    }
    this.#become({ kind: 'absent' });
    return [{ kind: 'forget' }];
  }

  #alarm(now: number): DirectoryEffect[] {
    const phase = this.#phase;
    if (phase.kind === 'ready') return [];
    // The erasing ended, and a crash kept this object from dropping its own storage.
    if (phase.kind === 'absent') return [{ kind: 'forget' }];
    const next: Unsettled = { ...phase, attempts: phase.attempts + 1 };
    this.#become(next);
    return [{ kind: 'wake', at: wakeAt(next, now) }, ...outstanding(next)];
  }

  #become(phase: Phase): void {
    savePhase(this.#sql, phase);
    this.#phase = phase;
  }
}

function outstanding(phase: Unsettled): DirectoryEffect[] {
  return assignmentsOf(phase.record)
    .filter(({ self }) => phase.pending.includes(self.name))
    .map((assignment) =>
      phase.kind === 'creating'
        ? { kind: 'assign', assignment }
        : { kind: 'erase', replica: assignment.self },
    );
}

function wakeAt(phase: Unsettled, now: number): number {
  return now + Math.min(SEND_CHECK_MS * 2 ** phase.attempts, RETRY_MS_MAX);
}
