import { env } from 'cloudflare:workers';
import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { StorageSql } from '../../durable-objects/sql.ts';
import { present } from '../../shared/assert.ts';
import { type ChainEnd, HASH_OF_NOTHING } from '../../shared/log/entry.ts';
import { EPOCH_FIRST, LSN_ZERO } from '../../shared/lsn.ts';
import { first } from '../../shared/ports.ts';
import type { ReplicaRef } from '../../shared/protocol/assignment.ts';
import { MESSAGE_VERSION } from '../../shared/protocol/messages.ts';
import { executeRequest } from '../execute-request.ts';
import { CASES } from '../differential/cases.ts';
import type { Step } from '../differential/harness.ts';
import type { TestEnv } from './env.ts';

const { REPLICA, DIRECTORY, CATALOG } = env as unknown as TestEnv;

/** A leader and a follower object. The follower's entries are carried by hand, so that the test says when. */
class Pair {
  readonly #name: string;
  #leaderRef: ReplicaRef | null = null;
  #followerRef: ReplicaRef | null = null;
  #applied: ChainEnd = { epoch: EPOCH_FIRST, lsn: LSN_ZERO, hash: HASH_OF_NOTHING };

  constructor(name: string) {
    this.#name = name;
  }

  async make(): Promise<void> {
    const { record } = await DIRECTORY.getByName(this.#name).create(this.#name, {
      leader: 'weur',
      followers: ['enam'],
      partitions: 1,
      durability: 'async',
      automatic_failover_ms: null,
    });
    const [leadership] = record.partitions;
    this.#leaderRef = leadership?.leader ?? null;
    this.#followerRef = leadership?.followers[0] ?? null;
  }

  async evict(): Promise<void> {
    // The runtime puts an object to sleep by itself as well.
    for (const object of [this.#leader, this.#follower])
      await evictDurableObject(object).catch((error: unknown) => {
        if (!String(error).includes('not currently running')) throw error;
      });
  }

  async step({ statements, expected }: Step): Promise<void> {
    const request = executeRequest(statements);
    const answer = await this.#leader.execute(request);
    const outcome =
      answer.kind === 'failed' ? `${answer.failure.code}: ${answer.failure.detail}` : answer.kind;
    if (expected !== 'as plain') expect(outcome.split(':')[0], outcome).toBe(expected);
    await this.#carry();
    const [here, there] = [await this.#leader.digest(), await this.#follower.digest()];
    expect(there).toEqual(here);
  }

  async #carry(): Promise<void> {
    for (;;) {
      const reply = await this.#leader.pull({
        version: MESSAGE_VERSION,
        follower: present(this.#followerRef, 'a follower').name,
        epoch: EPOCH_FIRST,
        after: this.#applied,
      });
      if (reply.kind !== 'batch') throw new Error(`the leader says ${JSON.stringify(reply)}`);
      if (reply.batch.text === null) return;
      const answer = await this.#follower.append(reply.batch);
      if (answer.kind !== 'appended')
        throw new Error(`the follower says ${JSON.stringify(answer)} to ${reply.batch.text.slice(0, 2000)}`);
      this.#applied = answer.applied;
    }
  }

  get #leader() {
    return REPLICA.getByName(present(this.#leaderRef, 'a leader').name);
  }

  get #follower() {
    return REPLICA.getByName(present(this.#followerRef, 'a follower').name);
  }
}

describe('live objects agree after each step', () => {
  it.each(Object.entries(CASES))('[RP1] %s', async (name, steps) => {
    const pair = new Pair(name);
    await pair.make();
    for (const [i, step] of steps.entries()) {
      if (i % 5 === 4) await pair.evict();
      try {
        await pair.step(step);
      } catch (error) {
        throw new Error(
          `step ${i}: ${step.statements.map(({ sql }) => sql.slice(0, 500)).join('; ')}\n${String(error)}`,
          { cause: error },
        );
      }
    }
  });
});

describe('row images on a live object', () => {
  it('[RP2] hold every double exactly', async () => {
    const inexact = await runInDurableObject(CATALOG.getByName('doubles'), (_object, ctx) => {
      const sql = new StorageSql(ctx);
      const view = new DataView(new ArrayBuffer(8));
      let state = 1;
      const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
      const found: number[] = [];
      for (let i = 0; i < 20_000; i += 1) {
        // Each fourth is denormal.
        view.setUint32(0, i % 4 === 0 ? next() % 2 ** 20 : next());
        view.setUint32(4, next());
        const double = view.getFloat64(0);
        if (!Number.isFinite(double)) continue;
        const [isSame] =
          first(
            sql,
            "SELECT (json_array(?1)->>'$[0]') = ?1 AND typeof(json_array(?1)->>'$[0]') = 'real'",
            double,
          ) ?? [];
        if (isSame !== 1) found.push(double);
      }
      return found;
    });
    expect(inexact).toEqual([]);
  });
});
