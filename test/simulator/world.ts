import { present, unreachable } from '../../shared/assert.ts';
import { Directory } from '../../shared/directory/directory.ts';
import { replicasOf } from '../../shared/directory/record.ts';
import type { LogLimits } from '../../shared/limits.ts';
import type { Sql } from '../../shared/ports.ts';
import type { Leadership, ReplicaRef } from '../../shared/protocol/assignment.ts';
import type { DatabaseRecord } from '../../shared/protocol/directory.ts';
import type { Settings } from '../../shared/protocol/settings.ts';
import type { Region } from '../../shared/regions.ts';
import { Devices } from '../../shared/session/devices.ts';
import { Clock } from './clock.ts';
import { DATABASE, INCARNATION, storageOf } from './cluster.ts';
import { SimulatedDirectory } from './directory.ts';
import { DIRECTORY, sessionOf } from './edge.ts';
import type { Happening, HistoryEvent } from './history.ts';
import { Host } from './host.ts';
import { LocalClock, type Skew } from './local-clock.ts';
import type { Envelope } from './messages.ts';
import { type Handle, SimulatedObject } from './object.ts';
import type { Random } from './random.ts';
import type { Faults, Surroundings } from './surroundings.ts';
import { USERS } from './workload.ts';

export interface WorldParts {
  readonly settings: Settings;
  readonly limits: LogLimits;
  readonly random: Random;
  readonly history: HistoryEvent[];
  readonly skewOf: () => Skew;
  readonly faultsOf: (node: string) => Faults;
  readonly send: (envelope: Envelope) => void;
}

const REPLICA_NAME = new RegExp(`^${DATABASE}/${INCARNATION}/0/([a-z-]+)(?:/[0-9]+)?$`);

/** All nodes of one deployment with one database, and the time that passes for them. An object is there once it is sent to. */
export class World {
  readonly clock = new Clock();
  readonly hosts = new Map<string, Host>();
  readonly directory: SimulatedDirectory;
  readonly objects = new Map<string, SimulatedObject | SimulatedDirectory>();
  readonly #parts: WorldParts;
  readonly #clocks = new Map<string, LocalClock>();

  constructor(parts: WorldParts) {
    this.#parts = parts;
    const node = this.#partsOf(DIRECTORY);
    this.directory = new SimulatedDirectory(node);
    this.objects.set(DIRECTORY, this.directory);
    toBeMade(node.storage, parts, this.clock.now);
    for (const user of USERS) {
      const name = sessionOf(user);
      this.objects.set(name, new SimulatedObject({ name, ...this.#partsOf(name), load: session }));
    }
    this.note({ event: 'limits', limits: parts.limits });
  }

  get record(): DatabaseRecord {
    return present(this.directory.record, 'a database');
  }

  get leadership(): Leadership {
    return present(this.record.partitions[0], 'a partition');
  }

  /** Those that the database has now. */
  get replicas(): readonly ReplicaRef[] {
    return replicasOf(this.leadership);
  }

  host(name: string): Host {
    return present(this.hosts.get(name), `a replica named ${name}`);
  }

  /** The node of that name, which is there from now on if it can be; null for a client's. */
  node(name: string): Host | SimulatedObject | SimulatedDirectory | null {
    const known = this.hosts.get(name) ?? this.objects.get(name);
    if (known !== undefined) return known;
    const region = REPLICA_NAME.exec(name)?.[1];
    if (region === undefined) return null;
    const { limits } = this.#parts;
    const host = new Host({ self: { name, region: region as Region }, ...this.#partsOf(name), limits });
    this.hosts.set(name, host);
    return host;
  }

  /** What a node that is not the world's own needs of it: a client with its router. */
  surroundingsOf(node: string): Surroundings {
    const clock = new LocalClock(this.clock, this.#parts.skewOf());
    this.#clocks.set(node, clock);
    return { clock, send: this.#parts.send, record: (happening) => this.note(happening) };
  }

  clockOf(node: string): LocalClock {
    return present(this.#clocks.get(node), 'the clock of a node');
  }

  note(happening: Happening): void {
    this.#parts.history.push({ t: this.clock.now, ...happening });
  }

  /** The end: what every node holds is written down. */
  finish(): void {
    for (const object of this.objects.values()) object.finish();
    const belonging = new Set(this.replicas.map(({ name }) => name));
    for (const [name, host] of this.hosts) host.finish(belonging.has(name));
  }

  close(): void {
    for (const node of [...this.hosts.values(), ...this.objects.values()]) node.close();
  }

  #partsOf(name: string) {
    const surroundings = this.surroundingsOf(name);
    const storage = storageOf(surroundings, this.#parts.random.fork());
    return { surroundings, storage, faults: this.#parts.faultsOf(name) };
  }
}

/** A directory that has decided to make the database, and told nobody yet: whoever looks for it has it told. */
function toBeMade(sql: Sql, { settings }: WorldParts, now: number): void {
  sql.transaction(() =>
    new Directory(sql).step({ kind: 'create', database: DATABASE, settings, incarnation: INCARNATION, now }),
  );
}

/** What durable-objects/session.ts does. */
function session(sql: Sql): Handle {
  const devices = new Devices(sql);
  return (call) => {
    switch (call.kind) {
      case 'seen':
        return { kind: 'seen', seen: devices.seen() };
      case 'advance':
        devices.advance(call.partition, call.position);
        return { kind: 'advanced' };
      case 'rewind':
        devices.rewind(call.partition, call.loss);
        return { kind: 'rewound' };
      default:
        return unreachable(call);
    }
  };
}
