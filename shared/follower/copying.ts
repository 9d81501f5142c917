import { RETRY_MS_MAX, RETRY_MS_MIN, SEND_CHECK_MS } from '../limits.ts';
import type { Assignment } from '../protocol/assignment.ts';
import { type CopyReply, type CopyRequest, MESSAGE_VERSION } from '../protocol/messages.ts';
import type { Installer } from './installer.ts';

export type CopyingEffect =
  | { readonly kind: 'copy'; readonly request: CopyRequest }
  /** Wake me at this time while you live. */
  | { readonly kind: 'timer'; readonly at: number }
  /** Wake me at this time even after a crash. A later one replaces it. */
  | { readonly kind: 'alarm'; readonly at: number };

/**
 * When to ask for the next piece of a snapshot: after a pause that the leader chose, so that its other callers get their turn; later
 * and later where it does not answer; and where a piece could not be taken, after a time that is kept over restarts, because a copy
 * that cannot succeed would else begin again for ever.
 */
export class Copying {
  readonly #installer: Installer;
  #isAsking = false;
  #failures = 0;
  #pauseUntil = 0;
  #alarmAt: number | null = null;

  constructor(installer: Installer) {
    this.#installer = installer;
  }

  ask({ epoch, self }: Assignment, now: number): CopyingEffect[] {
    const { notBefore, from, has } = this.#installer;
    if (this.#isAsking) return this.alarm(now);
    if (now < notBefore) return this.#alarmBy(notBefore);
    if (now < this.#pauseUntil) return [{ kind: 'timer', at: this.#pauseUntil }];
    this.#isAsking = true;
    const request: CopyRequest = { version: MESSAGE_VERSION, follower: self.name, epoch, has, from };
    return [{ kind: 'copy', request }, ...this.alarm(now)];
  }

  answered(reply: CopyReply, now: number): void {
    this.#isAsking = false;
    if (reply.kind !== 'start' && reply.kind !== 'piece') return;
    this.#failures = 0;
    this.#pauseUntil = now + reply.pause_ms;
  }

  /** Nothing came of it. */
  failed(now: number): CopyingEffect[] {
    this.#isAsking = false;
    this.#failures += 1;
    return this.alarm(now);
  }

  fired(): void {
    this.#alarmAt = null;
  }

  /** The one that goes on after a crash. Set once and left to fire, because setting it is a row written. */
  alarm(now: number): CopyingEffect[] {
    const wait = this.#failures === 0 ? SEND_CHECK_MS : RETRY_MS_MIN * 2 ** this.#failures;
    return this.#alarmBy(now + Math.min(RETRY_MS_MAX, wait));
  }

  #alarmBy(at: number): CopyingEffect[] {
    if (this.#alarmAt !== null && this.#alarmAt <= at) return [];
    this.#alarmAt = at;
    return [{ kind: 'alarm', at }];
  }
}
