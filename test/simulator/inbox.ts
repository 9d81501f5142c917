import { hashOf } from '../../shared/log/entry.ts';
import type { Gate } from './gate.ts';
import type { CallEnvelope, Reply } from './messages.ts';
import type { Surroundings } from './surroundings.ts';

/** A call that came, and when. */
type Incoming = CallEnvelope & { readonly at: number; readonly disturbances: number };

/** The calls that one replica got and whose answers have not left it. Whatever happens to it, each caller is told once. */
export class Inbox {
  readonly #replica: string;
  readonly #surroundings: Surroundings;
  readonly #gate: Gate;
  readonly #incoming = new Map<number, Incoming>();
  /** Those of them that the core has not answered. */
  readonly #unanswered = new Set<number>();
  #lastCall = 0;

  constructor(replica: string, surroundings: Surroundings, gate: Gate) {
    this.#replica = replica;
    this.#surroundings = surroundings;
    this.#gate = gate;
  }

  /** The number by which the core knows this call. */
  take(envelope: CallEnvelope): number {
    const call = (this.#lastCall += 1);
    const { clock } = this.#surroundings;
    this.#incoming.set(call, { ...envelope, at: clock.elapsed, disturbances: clock.disturbances });
    this.#unanswered.add(call);
    return call;
  }

  answer(call: number, reply: Reply): void {
    this.#unanswered.delete(call);
    this.#recordWait(call);
    this.#gate.hold(() => this.#leave(call, reply));
  }

  /** The core that was to answer is gone. What it has answered already still leaves. */
  abandonUnanswered(): void {
    for (const call of this.#unanswered) this.#gate.hold(() => this.#leave(call, null));
    this.#unanswered.clear();
  }

  /** The replica's memory is gone: every caller finds its connection broken. */
  abandonAll(): void {
    this.#unanswered.clear();
    for (const call of this.#incoming.keys()) this.#leave(call, null);
  }

  #leave(call: number, reply: Reply | null): void {
    const envelope = this.#incoming.get(call);
    if (envelope === undefined) return;
    this.#incoming.delete(call);
    const { id, from, op, call: asked } = envelope;
    if (op !== null && reply?.kind === 'done') {
      const key = asked.kind === 'execute' ? (asked.request.request?.id ?? null) : null;
      const { position, body } = reply;
      this.#surroundings.record({
        event: 'ack',
        replica: this.#replica,
        op,
        position,
        key,
        body: hashOf(body),
      });
    }
    this.#surroundings.send({ kind: 'reply', id, from: this.#replica, to: from, reply });
  }

  #recordWait(call: number): void {
    const incoming = this.#incoming.get(call);
    if (incoming === undefined || incoming.op === null || incoming.call.kind !== 'read') return;
    const { clock } = this.#surroundings;
    const ms = clock.elapsed - incoming.at;
    if (ms === 0 || clock.disturbances !== incoming.disturbances) return;
    const allowed_ms = incoming.call.request.wait_ms;
    this.#surroundings.record({ event: 'waited', replica: this.#replica, op: incoming.op, ms, allowed_ms });
  }
}
