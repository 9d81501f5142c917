import type { Bug } from './bug.ts';

const FAILOVER = 'failover';
const FEED = 'the change feed';

function later(id: string, title: string, seen: string, needs: string): Bug {
  return { kind: 'later', id, title, seen, needs };
}

export const LATER: readonly Bug[] = [
  later('B3', 'an LSN is given again after a failover', 'MySQL #92690, LiteFS #112', FAILOVER),
  later('B4', 'truncation by LSN instead of by epoch', 'Kafka KIP-101, KIP-279', FAILOVER),
  later('B5', 'two leaders: a pause or a clock outlives the lease', 'etcd #20418', FAILOVER),
  later('B8', 'the epoch moved on, the leader pointer did not', 'MongoDB SERVER-125438', FAILOVER),
  later(
    'B9',
    'a token of an old epoch is satisfied by its LSN',
    'PostgreSQL 19 WAIT FOR LSN, LiteFS proxy',
    FAILOVER,
  ),
  later('B16', 'the feed is armed after subscribing was answered', 'MongoDB', FEED),
  later('B17', 'the feed goes back in time after reconnecting', 'etcd #15271', FEED),
  later('B18', 'a request id is kept or lost wrongly through a rollback', 'MongoDB', FAILOVER),
  later('B41', 'a write sent to the old leader is delivered after a failover', 'inference', FAILOVER),
  later('B42', 'a strong read is checked in one epoch, executed in another', 'rqlite #1950', FAILOVER),
  {
    kind: 'elsewhere',
    id: 'B33',
    title: 'one line of SQL resets the object',
    seen: 'on this platform',
    by: 'test/unit/guard-fuzz.test.ts and test/http/guard-fuzz.test.ts',
  },
  {
    kind: 'elsewhere',
    id: 'G14',
    title: 'a read that waits is served from half a snapshot',
    seen: 'a trap of our own',
    by: 'test/unit/reads.test.ts',
  },
];
