import { hashOf } from '../../shared/log/entry.ts';
import { durabilityOfBody } from '../../shared/protocol/receipt.ts';
import type { Gate } from './gate.ts';
import type { CallEnvelope, Reply } from './messages.ts';
import type { Surroundings } from './surroundings.ts';

/** A call that came, and when. */
type Incoming = CallEnvelope & { readonly at: number; readonly disturbances: number; isFromHalf: boolean };

/** The calls that one replica got and whose answers have not left it. Whatever happens to it, each caller is told once. */
export class Inbox {
  /** As the history and as the network knows it. */
  readonly #replica: string;
  readonly #address: string;
  readonly #surroundings: Surroundings;
  readonly #gate: Gate;
  readonly #incoming = new Map<number, Incoming>();
  /** Those of them that the core has not answered. */
  readonly #unanswered = new Set<number>();
  #lastCall = 0;

  constructor(replica: string, address: string, surroundings: Surroundings, gate: Gate) {
    this.#replica = replica;
    this.#address = address;
    this.#surroundings = surroundings;
    this.#gate = gate;
  }

  /** The number by which the core knows this call. */
  take(envelope: CallEnvelope): number {
    const call = (this.#lastCall += 1);
    const { clock } = this.#surroundings;
    const { elapsed: at, disturbances } = clock;
    this.#incoming.set(call, { ...envelope, at, disturbances, isFromHalf: false });
    this.#unanswered.add(call);
    return call;
  }

  /** `isFromHalf`: the tables were those of half a snapshot when the answer was made. */
  answer(call: number, reply: Reply, isFromHalf = false): void {
    this.#unanswered.delete(call);
    const incoming = this.#incoming.get(call);
    if (incoming !== undefined) incoming.isFromHalf = isFromHalf;
    this.#recordWait(call);
    this.#gate.hold(() => this.#leave(call, reply));
  }

  /** The core that was to answer is gone. What it has answered already still leaves. */
  abandonUnanswered(): void {
    for (const call of this.#unanswered) this.#gate.hold(() => this.#leave(call, null));
    this.#unanswered.clear();
  }

  /** The replica's memory is gone: every caller finds its connection broken, but the one of the call that is named. */
  abandonAll(but: number | null = null): void {
    this.#unanswered.clear();
    for (const call of this.#incoming.keys()) if (call !== but) this.#leave(call, null);
  }

  #leave(call: number, reply: Reply | null): void {
    const envelope = this.#incoming.get(call);
    if (envelope === undefined) return;
    this.#incoming.delete(call);
    const { id, from, op } = envelope;
    if (op !== null && reply !== null) this.#recordAnswer(op, envelope, reply);
    this.#surroundings.send({ kind: 'reply', id, from: this.#address, to: from, reply });
  }

  #recordAnswer(op: number, { call, isFromHalf }: Incoming, reply: Reply): void {
    if (call.kind !== 'execute' && call.kind !== 'read') return;
    const replica = this.#replica;
    const { shows } = call.request;
    if (reply.kind === 'done' && 'body' in reply) {
      const key = call.kind === 'execute' ? (call.request.request?.id ?? null) : null;
      const { position, body } = reply;
      const durability = durabilityOfBody(body);
      const of = { replica, op, position, key, body: hashOf(body), durability, shows, isFromHalf };
      return this.#surroundings.record({ event: 'ack', ...of });
    }
    if (reply.kind !== 'failed' && reply.kind !== 'behind') return;
    const code = 'failure' in reply ? reply.failure.code : reply.kind;
    if (!('position' in reply) || reply.position === null) return;
    this.#surroundings.record({ event: 'refuse', replica, op, code, position: reply.position, shows });
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
