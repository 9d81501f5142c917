import { DurableObject } from 'cloudflare:workers';
import { StorageSql } from '../durable-objects/sql.ts';
import { Installer } from '../shared/follower/installer.ts';
import { Log } from '../shared/log/log.ts';
import { assign } from '../shared/protocol/assigned.ts';
import type { Leadership } from '../shared/protocol/assignment.ts';
import { type CopyReply, type CopyRequest, MESSAGE_VERSION } from '../shared/protocol/messages.ts';
import type { Region } from '../shared/regions.ts';

/** Followers that install in a runtime of their own, as they do in other regions: their leader has its thread for itself. */
interface Env {
  readonly REMOTE: DurableObjectNamespace<Remote>;
}

interface Wish {
  readonly leader: string;
  readonly database: string;
  readonly leadership: Leadership;
  readonly region: Region;
}

export class Remote extends DurableObject {
  /** Copies until its tables are those of a position, and says how many pieces that took. */
  async install({ leader, database, leadership, region }: Wish): Promise<number> {
    const self = leadership.followers.find((follower) => follower.region === region);
    if (self === undefined) throw new Error(`${database} has no follower in ${region}`);
    const sql = new StorageSql(this.ctx);
    const shared = { database, incarnation: 'elsewhere', durability: 'async' } as const;
    sql.transaction(() => assign(sql, { ...leadership, ...shared, self }, Date.now()));
    const log = new Log(sql);
    const installer = new Installer(sql, log);
    for (let pieces = 1; ; pieces++) {
      const asked: CopyRequest = {
        version: MESSAGE_VERSION,
        follower: self.name,
        epoch: leadership.epoch,
        has: log.end,
        from: installer.from,
      };
      const body = JSON.stringify(asked);
      const response = await fetch(`${leader}copy?database=${database}`, { method: 'POST', body });
      const reply: CopyReply = await response.json();
      if (reply.kind !== 'start' && reply.kind !== 'piece')
        throw new Error(`the leader answered ${reply.kind}`);
      if (sql.transaction(() => installer.take(reply, Date.now()))) return pieces;
    }
  }

  async erase(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const wish: Wish = await request.json();
    const name = `${wish.leadership.revision}/${wish.region}`;
    const pieces = await env.REMOTE.getByName(name).install(wish);
    await env.REMOTE.getByName(name).erase();
    return Response.json({ pieces });
  },
};
