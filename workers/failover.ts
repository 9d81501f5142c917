import { refuse } from '../shared/failure.ts';
import { parseFailoverBody } from '../shared/protocol/bodies.ts';
import type { DatabaseRecord, FailoverWish, LostRange } from '../shared/protocol/directory.ts';
import { shortName } from '../shared/protocol/names.ts';
import { readBody } from './body.ts';
import { askDirectory } from './change.ts';
import { describeFailover, failoverOf } from './describe.ts';
import type { EdgeContext } from './env.ts';
import { partitionNamed } from './partition.ts';
import { databaseName, databaseNotFound, lookUp } from './records.ts';

/** 200 where another replica leads now, 202 where it takes longer; the replication status then shows how it goes on. */
export async function postFailover(c: EdgeContext): Promise<Response> {
  const database = databaseName(c);
  const known = await lookUp(c, database);
  c.get('session').open(known);
  const wish = parseFailoverBody((await readBody(c.req.raw)).text);

  partitionNamed(known, String(wish.partition));
  const reply = await askDirectory(c, database, (directory) => directory.failover(wish));
  switch (reply.kind) {
    case 'done':
      return c.json(describe(reply.record, wish, { lost: reply.lost, detail: null }));
    case 'running':
      return c.json(describe(reply.record, wish, { lost: null, detail: reply.detail }), 202);
    case 'refused':
      return refuse(reply.failure);
    case 'absent':
      return databaseNotFound(database);
  }
}

interface Outcome {
  /** Null where nothing is lost, or that is not known yet. */
  readonly lost: LostRange | null;
  /** What it waits for; null where it is done. */
  readonly detail: string | null;
}

function describe(record: DatabaseRecord, { partition, mode }: FailoverWish, { lost, detail }: Outcome) {
  const leadership = partitionNamed(record, String(partition));
  const { epoch, leader, history } = leadership;
  const begin = detail === null ? history.at(-1) : undefined;
  return {
    database: record.database,
    partition,
    mode,
    state: detail === null ? 'done' : 'running',
    epoch,
    leader: shortName(leader),
    after: begin === undefined ? null : { epoch: begin.after.epoch, lsn: begin.after.lsn },
    lost,
    detail,
    failover: describeFailover(failoverOf(record, partition)),
  };
}
