import {
  type LogLimits,
  RELAY_WAIT_MS,
  RETRY_MS_MAX,
  RETRY_MS_MIN,
  SEND_CHECK_MS,
  SEND_TIMEOUT_MS,
} from '../limits.ts';
import type { Log } from '../log/log.ts';
import { type ChainEnd, joinEntries } from '../log/entry.ts';
import { Outgoing } from '../log/outgoing.ts';
import type { StoredEntry } from '../log/tail.ts';
import { type Epoch, type Lsn, LSN_ZERO } from '../lsn.ts';
import type { ReplicaRef } from '../protocol/assignment.ts';
import {
  type AppendReply,
  type Batch,
  type Gone,
  MESSAGE_VERSION,
  type Relayed,
} from '../protocol/messages.ts';
import { confirmed, copies, type Line, progressed, strayed } from './line.ts';
import type { Lines } from './lines.ts';

export interface Send {
  readonly kind: 'send';
  readonly to: ReplicaRef;
  readonly batch: Batch;
}

export interface Timer {
  readonly kind: 'timer';
  /** In milliseconds, while the leader lives. */
  readonly at: number;
}

export interface FanoutParts {
  readonly lines: Lines;
  readonly epoch: Epoch;
  readonly log: Log;
  readonly limits: LogLimits;
  /** Whether nobody else can lead at this time. */
  readonly isLeading: (now: number) => boolean;
}

/**
 * Sends each follower what it does not have: at once when it is idle, what has gathered when it is busy, which it is
 * until it has answered and `gatherMs` have passed. In memory only: after a restart the first answer tells
 * where a follower is.
 */
export class Fanout {
  readonly #lines: Lines;
  readonly #epoch: Epoch;
  readonly #log: Log;
  readonly #limits: LogLimits;
  readonly #isLeading: (now: number) => boolean;
  readonly #outgoing: Outgoing;
  /** When the timer fires that was asked for last; null where it has. */
  #timerAt: number | null = null;
  /** Somebody waits until this is durable at followers: nothing is gathered up to there. */
  #urgent = LSN_ZERO;
  #turn = 0;

  constructor({ lines, epoch, log, limits, isLeading }: FanoutParts) {
    this.#isLeading = isLeading;
    this.#lines = lines;
    this.#epoch = epoch;
    this.#log = log;
    this.#limits = limits;
    this.#outgoing = new Outgoing(log, limits);
  }

  /** A new entry stands at the end of the log. */
  added(entry: StoredEntry, now: number): void {
    for (const line of this.#lines.all) if (line.applied >= entry.end.lsn - 1) line.progressAt = now;
    this.#outgoing.push(entry);
  }

  /** Sends to those that are behind. */
  send(now: number): (Send | Timer)[] {
    return this.#sendAll(now, 'behind');
  }

  /** Sends to those that are behind, and to those that this leader has not heard of since it woke. */
  retry(now: number): (Send | Timer)[] {
    return this.#sendAll(now, 'behind or unknown');
  }

  /** Somebody waits until `lsn` is durable elsewhere. */
  urge(lsn: Lsn, now: number): (Send | Timer)[] {
    if (lsn > this.#urgent) this.#urgent = lsn;
    return this.#sendAll(now, 'behind or unknown');
  }

  /** Sends it all it lacks, also while it has not answered what it was sent before: messages mostly arrive in their order. */
  hurry(follower: string, now: number): Send[] {
    const line = this.#lines.get(follower);
    if (line === undefined || line.gone !== null || line.copiedAt !== null) return [];
    if (line.confirmed >= this.#log.end.lsn) return [];
    const from = line.sentTo !== null && line.sentTo > line.applied ? line.sentTo : line.applied;
    if (line.isSending && from >= this.#log.end.lsn) return [];
    return [this.#sent(line, now, from)];
  }

  replied(follower: string, reply: AppendReply, now: number): (Send | Timer)[] {
    const line = this.#lines.get(follower);
    if (line === undefined) return [];
    line.isSending = false;
    // What it has asked for since says more than the answer to what it was sent before.
    if (line.askedTurn > line.sentTurn) return this.#sendAll(now, 'behind');
    if (reply.kind === 'installing') {
      line.confirmed = LSN_ZERO;
      line.holds = reply.has?.lsn ?? LSN_ZERO;
      line.gone = null;
      line.copiedAt = now;
      return [];
    }
    if (reply.kind !== 'appended' && reply.kind !== 'gap') {
      line.detail = WHY_NOT[reply.kind] ?? ('detail' in reply ? reply.detail : null);
      return this.#failed(line, now);
    }
    this.#stands(line, reply.applied, now);
    if (reply.kind === 'appended') {
      line.heard = { follower_now: reply.follower_now, leader_now: now };
      this.#relayed(reply.relayed, now);
    }
    return this.#sendAll(now, 'behind');
  }

  sendFailed(follower: string, now: number): void {
    const line = this.#lines.get(follower);
    if (line === undefined) return;
    line.isSending = false;
    this.#failed(line, now);
  }

  /** A follower that asks for entries says where it is. */
  asked(follower: string, place: ChainEnd, now: number): void {
    const line = this.#lines.get(follower);
    if (line === undefined) return;
    // Before it was heard of: the question may be from long ago, and to believe it would cut what the follower needs since.
    if (line.isKnown || this.#goneAt(place)?.why !== 'cut') this.#stands(line, place, now);
    line.askedTurn = this.#turn += 1;
  }

  /** A follower that copies has the log's claim to what follows `from`; null where it begins to, and needs what follows the end. */
  copies(follower: string, from: Lsn | null, now: number): void {
    const line = this.#lines.get(follower);
    if (line === undefined) return;
    // It has told since that it is further, as a follower: the copy was whole, and this message is late.
    if (from !== null && line.copiedAt === null && from <= line.confirmed) return;
    copies(line, from ?? this.#log.end.lsn, now);
    line.askedTurn = this.#turn += 1;
  }

  /** What follows `place` as a message. */
  batchAfter(follower: string, place: ChainEnd, now: number): Batch {
    const gone = this.#goneAt(place);
    const entries = gone === null ? this.#outgoing.after(place.lsn) : null;
    return this.#batch(this.#lines.get(follower), { gone, entries: entries ?? [] }, now);
  }

  #batch(
    line: Line | undefined,
    { gone, entries }: { readonly gone: Gone | null; readonly entries: readonly StoredEntry[] },
    now: number,
  ): Batch {
    const last = entries.at(-1)?.end.lsn ?? null;
    if (line !== undefined && last !== null) line.sentTo = last;
    return {
      version: MESSAGE_VERSION,
      epoch: this.#epoch,
      text: entries.length === 0 ? null : joinEntries(entries.map((entry) => entry.text)),
      gone,
      head: this.#log.position,
      leader_now: now,
      is_leased: this.#isLeading(now),
      settled: this.#settledAt(line, last),
      kept_after: this.#log.start.lsn,
      heard: line?.heard ?? null,
    };
  }

  /** The entries after `place`, as many as a message holds; null where nothing follows it here. */
  entriesAfter(place: ChainEnd): readonly StoredEntry[] | null {
    return this.#goneAt(place) === null ? this.#outgoing.after(place.lsn) : null;
  }

  /** When to look again for what did not arrive, in milliseconds; null where every follower has everything. */
  nextTry(now: number): number | null {
    const waiting = this.#lines.all.filter((line) => !this.#isDone(line));
    if (waiting.length === 0) return null;
    return Math.min(
      ...waiting.map((line) => {
        const notBefore = Math.max(line.notBefore, quietUntil(line));
        if (!line.isSending && notBefore > now) return notBefore;
        return now + (this.#waitsForRelay(line, now) ? RELAY_WAIT_MS : SEND_CHECK_MS);
      }),
    );
  }

  /** What has gathered may go now. */
  gathered(now: number): (Send | Timer)[] {
    this.#timerAt = null;
    return this.#sendAll(now, 'behind');
  }

  /** With one copy besides the leader's, what a member gets is settled when it gets it. `last`: the last entry that it is sent. */
  #settledAt(line: Line | undefined, last: Lsn | null): Lsn {
    const { settled } = this.#lines;
    const settles = this.#lines.copies === 2 && line?.to.membership === 'member';
    const reaches = settles ? (last ?? line.confirmed) : LSN_ZERO;
    return reaches > settled ? reaches : settled;
  }

  /** Whether what ends at `place` is of this log, as far as it still can be known. */
  mayHold(place: ChainEnd): boolean {
    return this.#goneAt(place)?.why !== 'other branch';
  }

  /** Whether anything follows `place` here. */
  #goneAt(place: ChainEnd): Gone | null {
    if (place.lsn < this.#log.start.lsn) return { end: place, why: 'cut' };
    return this.#outgoing.follows(place) ? null : { end: place, why: 'other branch' };
  }

  #stands(line: Line, place: ChainEnd, now: number): void {
    const gone = this.#goneAt(place);
    if (gone === null) return confirmed(line, place.lsn, now);
    // It has said since that it is further: the message is late.
    if (gone.why === 'cut' && place.lsn < line.confirmed) return;
    strayed(line, gone);
  }

  #relayed(relayed: readonly Relayed[], now: number): void {
    for (const { follower, applied } of relayed) {
      const line = this.#lines.get(follower);
      if (line !== undefined && line.copiedAt === null && applied.lsn > line.applied)
        progressed(line, applied.lsn, now);
    }
  }

  #sendAll(now: number, which: 'behind' | 'behind or unknown'): (Send | Timer)[] {
    return this.#lines.all.flatMap((line) => this.#send(line, now, which));
  }

  /** One timer serves all followers: whoever is not due when it fires asks for the next. */
  #gather(line: Line, now: number): Timer[] {
    const at = line.sentAt + this.#gatherMs(line);
    if (this.#timerAt !== null && this.#timerAt >= now && this.#timerAt <= at) return [];
    this.#timerAt = at;
    return [{ kind: 'timer', at }];
  }

  #send(line: Line, now: number, which: 'behind' | 'behind or unknown'): (Send | Timer)[] {
    if (line.isSending || now < line.notBefore || now < quietUntil(line)) return [];
    const isWanted =
      this.#isBehind(line) || (which === 'behind or unknown' && (!line.isKnown || line.copiedAt !== null));
    if (!isWanted || this.#waitsForRelay(line, now)) return [];
    if (this.#isGathering(line, now)) return this.#gather(line, now);
    return [this.#sent(line, now)];
  }

  #sent(line: Line, now: number, from: Lsn = line.applied): Send {
    // Where even what a guess would begin with is gone, the answer tells where the follower is.
    const entries = line.gone === null ? (this.#outgoing.after(from) ?? []) : [];
    const batch = this.#batch(line, { gone: line.gone, entries }, now);
    line.sentAt = now;
    line.sentTurn = this.#turn += 1;
    line.endWhenSent = this.#log.end.lsn;
    line.settledTold = batch.settled;
    // A stranded follower is told once; it is not sent what it cannot use.
    line.notBefore = batch.gone === null ? 0 : Infinity;
    line.isSending = true;
    return { kind: 'send', to: line.to, batch };
  }

  /** Of entries; or, where what it has is settled only by others having it, of the news that it is. */
  #isBehind(line: Line): boolean {
    if (line.gone !== null || line.applied < this.#log.end.lsn || line.confirmed < this.#urgent) return true;
    return this.#lines.copies > 2 && line.settledTold < this.#lines.settled;
  }

  /** A follower that did not get all there was the last time has waited enough. A clock that was set back is no reason to wait. */
  #isGathering(line: Line, now: number): boolean {
    if (line.confirmed < this.#urgent) return false;
    const sinceSent = now - line.sentAt;
    return sinceSent >= 0 && sinceSent < this.#gatherMs(line);
  }

  /** One that catches up is sent more in the next turn, not in this one: others have theirs in between. */
  #gatherMs(line: Line): number {
    return line.applied >= line.endWhenSent ? this.#limits.gatherMs : 1;
  }

  /** Where another follower of its region relays to it, it is sent to from here only if that takes too long. */
  #waitsForRelay(line: Line, now: number): boolean {
    if (this.#lines.copies > 2) return false;
    const relay = this.#lines.relayOf(line);
    if (relay === null || !line.isKnown || line.confirmed < this.#urgent) return false;
    const isWell = relay.isKnown && relay.copiedAt === null && relay.failures === 0 && relay.notBefore === 0;
    const sinceProgress = now - line.progressAt;
    return isWell && sinceProgress >= 0 && sinceProgress < RELAY_WAIT_MS;
  }

  #failed(line: Line, now: number): [] {
    line.notBefore = now + Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** line.failures);
    line.failures += 1;
    return [];
  }

  #isDone(line: Line): boolean {
    if (line.notBefore === Infinity) return true;
    return line.isKnown && line.copiedAt === null && !this.#isBehind(line);
  }
}

/** What the matter is with a follower that did not take what it was sent, where it does not say so itself. */
const WHY_NOT: Partial<Record<AppendReply['kind'], string>> = {
  'unknown-version': `it does not know messages of version ${MESSAGE_VERSION}: upgrade it`,
  'not-told': 'it has not been told of this epoch yet',
  unassigned: 'it has not been told that it is a replica',
};

/** A follower that copies is left alone, until it has been silent for so long that a message may have been lost. */
function quietUntil({ copiedAt }: Line): number {
  return copiedAt === null ? -Infinity : copiedAt + SEND_TIMEOUT_MS;
}
