import { type LogLimits, RETRY_MS_MAX, RETRY_MS_MIN, SEND_CHECK_MS } from '../limits.ts';
import type { Log } from '../log/log.ts';
import { joinEntries } from '../log/entry.ts';
import type { StoredEntry } from '../log/tail.ts';
import type { Lsn } from '../lsn.ts';
import type { Assignment, ReplicaRef } from '../protocol/assignment.ts';
import { type AppendReply, type Batch, MESSAGE_VERSION } from '../protocol/messages.ts';
import { Recent } from './recent.ts';

export interface Send {
  readonly kind: 'send';
  readonly to: ReplicaRef;
  readonly batch: Batch;
}

/** How far one follower is, as far as this leader knows since it woke. Each has its own, so none waits for another. */
interface Line {
  readonly to: ReplicaRef;
  /** What the follower has; a guess until it has answered. */
  applied: Lsn;
  isKnown: boolean;
  isSending: boolean;
  failures: number;
  notBefore: number;
  /** When something was sent last, and where the log ended then. */
  sentAt: number;
  endWhenSent: Lsn;
}

export interface Timer {
  readonly kind: 'timer';
  /** In milliseconds, while the leader lives. */
  readonly at: number;
}

/**
 * Sends each follower what it does not have: at once when it is idle, what has gathered when it is busy, which it is
 * until it has answered and `gatherMs` have passed. In memory only: after a restart the first answer tells
 * where a follower is.
 */
export class Fanout {
  readonly #assignment: Assignment;
  readonly #log: Log;
  readonly #limits: LogLimits;
  readonly #recent: Recent;
  readonly #lines: ReadonlyMap<string, Line>;
  /** When the timer fires that was asked for last; null where it has. */
  #timerAt: number | null = null;

  constructor(assignment: Assignment, log: Log, limits: LogLimits) {
    this.#assignment = assignment;
    this.#log = log;
    this.#limits = limits;
    this.#recent = new Recent(limits.recentCharsMax);
    this.#lines = new Map(assignment.followers.map((to) => [to.name, newLine(to, log.end.lsn)]));
  }

  /** A new entry stands at the end of the log. */
  added(entry: StoredEntry, now: number): (Send | Timer)[] {
    this.#recent.push(entry);
    return this.#sendAll(now, 'behind');
  }

  /** Sends to those that are behind, and to those that this leader has not heard of since it woke. */
  retry(now: number): (Send | Timer)[] {
    return this.#sendAll(now, 'behind or unknown');
  }

  replied(follower: string, reply: AppendReply, now: number): (Send | Timer)[] {
    const line = this.#lines.get(follower);
    if (line === undefined) return [];
    line.isSending = false;
    if (reply.kind !== 'appended' && reply.kind !== 'gap') return this.#failed(line, now);
    line.applied = reply.applied.lsn;
    line.isKnown = true;
    line.failures = 0;
    return this.#send(line, now, 'behind');
  }

  sendFailed(follower: string, now: number): void {
    const line = this.#lines.get(follower);
    if (line === undefined) return;
    line.isSending = false;
    this.#failed(line, now);
  }

  /** A follower that asks says where it is. */
  asked(follower: string, applied: Lsn): void {
    const line = this.#lines.get(follower);
    if (line === undefined) return;
    line.applied = applied;
    line.isKnown = true;
  }

  /** The entries after `applied` as a message. */
  batch(applied: Lsn, now: number): Batch {
    const entries = this.#entriesAfter(applied);
    return {
      version: MESSAGE_VERSION,
      epoch: this.#assignment.epoch,
      text: entries === null || entries.length === 0 ? null : joinEntries(entries.map((entry) => entry.text)),
      gone: entries === null,
      head: this.#log.position,
      leader_now: now,
    };
  }

  /** When to look again for what did not arrive, in milliseconds; null where every follower has everything. */
  nextTry(now: number): number | null {
    const waiting = [...this.#lines.values()].filter((line) => !this.#isDone(line));
    if (waiting.length === 0) return null;
    return Math.min(
      ...waiting.map((line) =>
        line.isSending || line.notBefore <= now ? now + SEND_CHECK_MS : line.notBefore,
      ),
    );
  }

  /** What has gathered may go now. */
  gathered(now: number): (Send | Timer)[] {
    this.#timerAt = null;
    return this.#sendAll(now, 'behind');
  }

  #sendAll(now: number, which: 'behind' | 'behind or unknown'): (Send | Timer)[] {
    return [...this.#lines.values()].flatMap((line) => this.#send(line, now, which));
  }

  /** One timer serves all followers: whoever is not due when it fires asks for the next. */
  #gather(at: number, now: number): Timer[] {
    if (this.#timerAt !== null && this.#timerAt >= now) return [];
    this.#timerAt = at;
    return [{ kind: 'timer', at }];
  }

  #send(line: Line, now: number, which: 'behind' | 'behind or unknown'): (Send | Timer)[] {
    if (line.isSending || now < line.notBefore) return [];
    const isWanted = line.applied < this.#log.end.lsn || (which === 'behind or unknown' && !line.isKnown);
    if (!isWanted) return [];
    if (this.#isGathering(line, now)) return this.#gather(line.sentAt + this.#limits.gatherMs, now);
    line.sentAt = now;
    line.endWhenSent = this.#log.end.lsn;
    const batch = this.batch(line.applied, now);
    // A stranded follower is told once; it is not sent what it cannot use.
    line.notBefore = batch.gone ? Infinity : 0;
    line.isSending = true;
    return [{ kind: 'send', to: line.to, batch }];
  }

  /** A follower that did not get all there was the last time has waited enough. A clock that was set back is no reason to wait. */
  #isGathering(line: Line, now: number): boolean {
    const sinceSent = now - line.sentAt;
    return sinceSent >= 0 && sinceSent < this.#limits.gatherMs && line.applied >= line.endWhenSent;
  }

  #failed(line: Line, now: number): [] {
    line.notBefore = now + Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** line.failures);
    line.failures += 1;
    return [];
  }

  #isDone(line: Line): boolean {
    return (line.isKnown && line.applied >= this.#log.end.lsn) || line.notBefore === Infinity;
  }

  #entriesAfter(applied: Lsn): readonly StoredEntry[] | null {
    const bound = { entries: this.#limits.batchEntriesMax, chars: this.#limits.batchCharsMax };
    const recent = this.#recent.after(applied);
    return recent === null ? this.#log.readAfter(applied, bound) : withinBound(recent, bound);
  }
}

function newLine(to: ReplicaRef, applied: Lsn): Line {
  return {
    to,
    applied,
    isKnown: false,
    isSending: false,
    failures: 0,
    notBefore: 0,
    sentAt: -Infinity,
    endWhenSent: applied,
  };
}

function withinBound(
  entries: readonly StoredEntry[],
  bound: { readonly entries: number; readonly chars: number },
): readonly StoredEntry[] {
  let chars = 0;
  const end = entries.findIndex((entry, i) => {
    chars += entry.text.length;
    return i > 0 && (i >= bound.entries || chars > bound.chars);
  });
  return end === -1 ? entries : entries.slice(0, end);
}
