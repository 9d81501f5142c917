import { present } from '../../shared/assert.ts';
import { toEpoch, toLsn } from '../../shared/lsn.ts';
import { type Position, showPosition } from '../../shared/position.ts';
import { MESSAGE_VERSION } from '../../shared/protocol/messages.ts';
import { LOG_LIMITS } from '../../shared/limits.ts';
import type { Region } from '../../shared/regions.ts';
import type { Statement } from '../../shared/tables/values.ts';
import { Clock, TIME_ZERO } from '../simulator/clock.ts';
import { type Hosts, leadershipOf, startCluster } from '../simulator/cluster.ts';
import type { Happening } from '../simulator/history.ts';
import type { Host } from '../simulator/host.ts';
import type { Call, Envelope } from '../simulator/messages.ts';
import { Random } from '../simulator/random.ts';
import { type Faults, NO_FAULTS } from '../simulator/surroundings.ts';
import { showEnvelope, showReply } from './shown.ts';

const CALLER = 'client';

/** What a scenario may set on one replica. */
interface Props {
  slowDisk: boolean;
  failNextStep: boolean;
}

/** The simulator's replicas with a wire on which nothing moves until the scenario says so. */
export class Stage {
  readonly #clock = new Clock();
  readonly #hosts: Hosts;
  readonly #props = new Map<string, Props>();
  #wire: Envelope[] = [];
  #said: string[] = [];
  #calls = 0;

  constructor(regions: readonly Region[]) {
    this.#hosts = startCluster({
      leadership: leadershipOf(regions),
      surroundingsOf: () => ({
        clock: this.#clock,
        send: (envelope) => this.#sent(envelope),
        record: (happening) => this.#recorded(happening),
      }),
      random: new Random(1),
      limits: LOG_LIMITS,
      faultsOf: (replica) => this.#faults(replica),
    });
    this.said();
  }

  close(): void {
    for (const host of this.#hosts.values()) host.close();
  }

  /** What was said since this was last asked, one line each. */
  said(): string[] {
    const said = this.#said;
    this.#said = [];
    return said;
  }

  say(line: string): void {
    this.#said.push(line);
  }

  host(name: string): Host {
    return present(this.#hosts.get(name), `a replica named ${name}`);
  }

  props(name: string): Props {
    return present(this.#props.get(name), `a replica named ${name}`);
  }

  get hosts(): Iterable<Host> {
    return this.#hosts.values();
  }

  /** The time since the beginning, in milliseconds. */
  get now(): number {
    return this.#clock.now - TIME_ZERO;
  }

  get wire(): readonly Envelope[] {
    return this.#wire;
  }

  write(statements: readonly Statement[], to: string, key: string | null): void {
    const request = key === null ? null : { id: key, fingerprint: JSON.stringify(statements.map(({ sql }) => sql)) };
    const route = { need: null, request, route: 'leader', waited_ms: 0 } as const;
    this.#call(to, { kind: 'execute', request: { version: MESSAGE_VERSION, statements, ...route } });
  }

  read(statements: readonly Statement[], to: string, asked: { readonly need: Position | null; readonly wait_ms: number }): void {
    const { need, wait_ms } = asked;
    if (this.host(to).core.role === 'leader') {
      const route = { need, request: null, route: need === null ? 'leader' : 'fallback', waited_ms: 0 } as const;
      return this.#call(to, { kind: 'execute', request: { version: MESSAGE_VERSION, statements, ...route } });
    }
    this.#call(to, { kind: 'read', request: { version: MESSAGE_VERSION, statements, need, staleness_ms_max: null, wait_ms } });
  }

  /** Takes the messages that `isMeant` off the wire; delivers them, if that is what is asked, in their order. */
  take(isMeant: (envelope: Envelope) => boolean): Envelope[] {
    const taken = this.#wire.filter(isMeant);
    this.#wire = this.#wire.filter((envelope) => !taken.includes(envelope));
    return taken;
  }

  deliver(envelope: Envelope): void {
    this.say(showEnvelope(envelope));
    this.host(envelope.to).receive(envelope);
  }

  advance(ms: number): void {
    this.#clock.runUntil(this.#clock.now + ms);
  }

  /** Lets time pass to the next thing that is planned, if that is within `ms`. */
  skipTo(ms: number): boolean {
    const { now, next } = this.#clock;
    if (next === null || next > now + ms) return false;
    this.#clock.runUntil(next);
    return true;
  }

  #call(to: string, call: Call): void {
    this.#calls += 1;
    this.host(to).receive({ kind: 'call', id: this.#calls, from: CALLER, to, call, op: null });
  }

  /** The client stands beside its replica: only what replicas send each other travels on the wire. */
  #sent(envelope: Envelope): void {
    if (envelope.to !== CALLER) return void this.#wire.push(envelope);
    if (envelope.kind === 'reply') this.say(`client <- ${envelope.from}: ${showReply(envelope.reply)}`);
  }

  #recorded(happening: Happening): void {
    if (happening.event === 'boot' && happening.after !== 'assignment') {
      this.say(`${happening.replica} loads at ${showPosition(happening.position)} after ${happening.after}`);
    }
  }

  #faults(replica: string): Faults {
    const props: Props = { slowDisk: false, failNextStep: false };
    this.#props.set(replica, props);
    return {
      ...NO_FAULTS,
      flushMs: () => (props.slowDisk ? null : 0),
      failStepAfter: () => {
        const fails = props.failNextStep;
        props.failNextStep = false;
        return fails ? Infinity : null;
      },
    };
  }
}

/** `1:42` as a position. */
export function parsePosition(text: string): Position {
  const [epoch, lsn] = text.split(':');
  return { epoch: toEpoch(Number(epoch)), lsn: toLsn(Number(lsn)) };
}
