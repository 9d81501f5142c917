import { unreachable } from '../../shared/assert.ts';
import type { FollowerEffect, FollowerEvent } from '../../shared/follower/events.ts';
import type { LeaderEffect, LeaderEvent } from '../../shared/leader/events.ts';
import type { Asks } from './asks.ts';
import { type Core, copyProgress, positionOf } from './core.ts';
import type { Gate } from './gate.ts';
import type { Inbox } from './inbox.ts';
import type { NodeClock } from './local-clock.ts';
import type { Storage } from './storage.ts';
import type { Watch } from './watch.ts';

interface PerformerParts {
  readonly clock: NodeClock;
  readonly storage: Storage;
  readonly gate: Gate;
  readonly inbox: Inbox;
  readonly asks: Asks;
  readonly watch: Watch;
  readonly core: () => Core;
  /** Goes up when memory is lost: timers of an older life reach nobody. */
  readonly life: () => number;
  readonly lead: (event: LeaderEvent) => void;
  readonly follow: (event: FollowerEvent) => void;
}

/** Does what one replica's cores want done, in order: what leaves waits at the gate. */
export class Performer {
  readonly #parts: PerformerParts;

  constructor(parts: PerformerParts) {
    this.#parts = parts;
  }

  leader(effect: LeaderEffect): void {
    const { gate, inbox, asks, watch, core, lead } = this.#parts;
    switch (effect.kind) {
      case 'answer':
        return inbox.answer(effect.call, effect.answer);
      case 'pulled':
        return inbox.answer(effect.call, effect.reply);
      case 'fenced':
        if (effect.reply.kind === 'fenced') watch.fenced(effect.reply.fence);
        return inbox.answer(effect.call, effect.reply);
      case 'copied':
        watch.gave(core(), effect.reply);
        return inbox.answer(effect.call, effect.reply);
      case 'send':
        return gate.hold(() => asks.send(effect.to, effect.batch));
      case 'lease':
        return gate.hold(() => asks.lease(effect.request, effect.askedAt));
      case 'report':
        return gate.hold(() => asks.report(effect.report));
      case 'timer':
        return this.#wakeAt(effect.at, (now) => lead({ kind: 'timer', now }));
      case 'alarm':
        return gate.setAlarm(effect.at);
      default:
        return unreachable(effect);
    }
  }

  follower(effect: FollowerEffect): void {
    const { clock, storage, gate, inbox, asks, watch, core, follow } = this.#parts;
    const askedAt = clock.now;
    switch (effect.kind) {
      case 'answer': {
        const { call, answer } = effect;
        // One that was made before the copy began, and held, is of another position.
        const isOfNow = answer.kind === 'done' && answer.position.lsn === positionOf(core()).lsn;
        return inbox.answer(call, answer, isOfNow && copyProgress(storage) !== null);
      }
      case 'appended':
        return inbox.answer(effect.call, effect.reply);
      case 'fenced':
        if (effect.reply.kind === 'fenced') watch.fenced(effect.reply.fence);
        return inbox.answer(effect.call, effect.reply);
      case 'pull':
        return gate.hold(() => asks.pull(effect.request, askedAt));
      case 'copy':
        return gate.hold(() => asks.copy(effect.request, askedAt));
      case 'send':
        return gate.hold(() => asks.send(effect.to, effect.batch));
      case 'report':
        return gate.hold(() => asks.report(effect.report));
      case 'timer':
        return this.#wakeAt(effect.at, (now) => follow({ kind: 'timer', now }));
      case 'alarm':
        return gate.setAlarm(effect.at);
      default:
        return unreachable(effect);
    }
  }

  /** A timer that fired has come due, whatever the clock says: one that was set back would keep its waiters for ever. */
  #wakeAt(at: number, wake: (now: number) => void): void {
    const { clock, life } = this.#parts;
    const its = life();
    clock.at(at, () => {
      if (its === life()) wake(Math.max(at, clock.now));
    });
  }
}
