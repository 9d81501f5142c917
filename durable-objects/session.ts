import { DurableObject } from 'cloudflare:workers';
import type { Position } from '../shared/position.ts';
import type { SessionRpc } from '../shared/protocol/rpc.ts';
import { Devices } from '../shared/session/devices.ts';
import type { ObjectsEnv } from './env.ts';
import { StorageSql } from './sql.ts';

/** Hosts one user's high-water mark. */
export class Session extends DurableObject<ObjectsEnv> implements SessionRpc {
  readonly #devices: Devices;

  constructor(ctx: DurableObjectState, env: ObjectsEnv) {
    super(ctx, env);
    this.#devices = new Devices(new StorageSql(ctx));
  }

  async advance(partition: number, position: Position): Promise<void> {
    this.#devices.advance(partition, position);
  }

  async rewind(partition: number, lost: Position, instead: Position): Promise<void> {
    this.#devices.rewind(partition, { lost, instead });
  }

  async seen(): Promise<readonly (readonly [partition: number, position: Position])[]> {
    return this.#devices.seen();
  }
}
