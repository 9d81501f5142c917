import { present } from '../../shared/assert.ts';
import { savePhase } from '../../shared/directory/store.ts';
import { Directory } from '../../shared/directory/directory.ts';
import type { LogLimits } from '../../shared/limits.ts';
import { toEpoch } from '../../shared/lsn.ts';
import { run, type Sql } from '../../shared/ports.ts';
import type { Leadership, ReplicaRef } from '../../shared/protocol/assignment.ts';
import type { DatabaseRecord } from '../../shared/protocol/messages.ts';
import type { Region } from '../../shared/regions.ts';
import { Devices } from '../../shared/session/devices.ts';
import { Clock } from './clock.ts';
import { DATABASE, type Hosts, INCARNATION, leadershipOf, startCluster, storageOf } from './cluster.ts';
import { DIRECTORY, sessionOf } from './edge.ts';
import type { Happening, HistoryEvent } from './history.ts';
import { LocalClock, type Skew } from './local-clock.ts';
import type { Envelope } from './messages.ts';
import { type Handle, SimulatedObject } from './object.ts';
import type { Random } from './random.ts';
import type { Faults, Surroundings } from './surroundings.ts';
import { USERS } from './workload.ts';

export interface WorldParts {
  readonly regions: readonly Region[];
  readonly epoch: number;
  readonly limits: LogLimits;
  readonly random: Random;
  readonly history: HistoryEvent[];
  readonly skewOf: () => Skew;
  readonly faultsOf: (node: string) => Faults;
  readonly send: (envelope: Envelope) => void;
}

/** All nodes of one deployment with one database, and the time that passes for them. A replica is named after its region. */
export class World {
  readonly clock = new Clock();
  readonly leadership: Leadership;
  readonly record: DatabaseRecord;
  readonly hosts: Hosts;
  readonly objects = new Map<string, SimulatedObject>();
  readonly #parts: WorldParts;
  readonly #clocks = new Map<string, LocalClock>();

  constructor(parts: WorldParts) {
    this.#parts = parts;
    this.leadership = leadershipOf(parts.regions, toEpoch(parts.epoch));
    this.record = recordOf(this.leadership);
    const { leadership } = this;
    const { random, faultsOf, limits } = parts;
    this.hosts = startCluster({
      leadership,
      random,
      faultsOf,
      limits,
      surroundingsOf: (node) => this.surroundingsOf(node),
    });
    savePhase(this.#addObject(DIRECTORY, directory), { kind: 'ready', record: this.record });
    for (const user of USERS) this.#addObject(sessionOf(user), session);
  }

  get replicas(): readonly ReplicaRef[] {
    const { leader, followers } = this.leadership;
    return [leader, ...followers];
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

  close(): void {
    for (const host of this.hosts.values()) host.close();
    for (const object of this.objects.values()) object.close();
  }

  /** Gives its storage: what is written there before its first call is durable. */
  #addObject(name: string, load: (sql: Sql) => Handle): Sql {
    const surroundings = this.surroundingsOf(name);
    const storage = storageOf(surroundings, this.#parts.random.fork());
    const faults = this.#parts.faultsOf(name);
    this.objects.set(name, new SimulatedObject({ name, surroundings, storage, faults, load }));
    return storage;
  }
}

function recordOf(leadership: Leadership): DatabaseRecord {
  const { leader, followers } = leadership;
  return {
    database: DATABASE,
    incarnation: INCARNATION,
    settings: {
      leader: leader.region,
      followers: followers.map(({ region }) => region),
      partitions: 1,
      durability: 'async',
    },
    partitions: [leadership],
  };
}

/** What durable-objects/session.ts does. */
function session(sql: Sql): Handle {
  const devices = new Devices(sql);
  return (call) => {
    if (call.kind !== 'advance') return { kind: 'seen', seen: devices.seen() };
    devices.advance(call.partition, call.position);
    return { kind: 'advanced' };
  };
}

/** What durable-objects/directory.ts does once a database is made. */
function directory(sql: Sql): Handle {
  const core = new Directory(sql);
  return () => {
    run(sql, 'SELECT 1');
    return { kind: 'record', record: core.record() };
  };
}
